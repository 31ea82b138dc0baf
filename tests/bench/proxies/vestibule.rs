//! Vestibule: `vestibule run`, with the practice identity provider of `vestibule demo` beside it to sign in at.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use toml::{Table, Value};

use crate::load::name;
use crate::machine::{self, descriptors};
use crate::origin::Origin;
use crate::secure::NAME;
use crate::sign_in;
use crate::target::{HOST, Process, Starter, free_address};

/// The program, as people get it: what is built with the tests has a Tokio whose clock can be stopped, which costs something.
pub(crate) fn program() -> Result<String> {
    let program = machine::built("../../release/vestibule")?;
    ensure!(program.exists(), "{} is not there: cargo build --release", program.display());
    Ok(program.display().to_string())
}

/// The demo, for its identity provider and its configuration.
pub(crate) struct Practice {
    _process: Process,
    folder: PathBuf,
}

impl Practice {
    /// Starts the demo and waits until it is there.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let folder = folder.join("demo");
        let mut command = Command::new(program()?);
        command.args(["demo", "--listen", &free_address()?.to_string(), "--folder"]).arg(&folder);
        let child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().context("the demo")?;
        let practice = Self { _process: Process::new(child), folder };
        // The last file that the demo writes.
        let (bundle, end) = (practice.bundle(), Instant::now() + Duration::from_secs(20));
        while !bundle.exists() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        ensure!(bundle.exists(), "the demo did not start");
        Ok(practice)
    }

    /// Signs a person in through `proxy`. Gives back their cookie on `origin`.
    pub(crate) fn sign_in(&self, proxy: SocketAddr, origin: SocketAddr) -> Result<String> {
        sign_in::walk(&self.folder, &self.bundle(), proxy, &format!("http://{HOST}:{}/", origin.port()))
    }

    fn bundle(&self) -> PathBuf {
        self.folder.join("both.pem")
    }

    /// The demo's configuration, changed to what is measured: another address, our origin, our access log, and as many
    /// connections from this machine as it has descriptors for.
    fn configuration(&self, proxy: SocketAddr, origin: &Origin, names: usize, file: &Path) -> Result<Table> {
        let (port, secure, h2) = (origin.address.port(), origin.secure.port(), origin.h2.port());
        let mut all: Table = fs::read_to_string(self.folder.join("demo.toml"))?.parse()?;
        let listener = all.get_mut("listener").and_then(|all| all.get_mut(0)).context("a listener")?;
        *listener.get_mut("address").context("an address")? = proxy.to_string().into();
        let hosts = all.get_mut("dns").and_then(|dns| dns.get_mut("hosts")?.as_table_mut()).context("hosts")?;
        hosts.insert(format!("{HOST}:{port}"), format!("127.0.0.1:{port}").into());
        hosts.insert(format!("{NAME}:{h2}"), format!("127.0.0.1:{h2}").into());
        for name in (0..names).map(name).chain([NAME.to_owned()]) {
            hosts.insert(format!("{name}:{secure}"), format!("127.0.0.1:{secure}").into());
        }
        let egress = all.get_mut("egress").and_then(Value::as_table_mut).context("egress")?;
        let ports = [443, port, secure, h2].map(|port| Value::Integer(port.into()));
        egress.insert("connect_ports".into(), Value::Array(ports.into()));
        let trusted = egress.get_mut("trust").and_then(Value::as_array_mut).context("whom it trusts")?;
        trusted.push(origin.authority.file.display().to_string().into());
        // What is below that name is intercepted, by a rule.
        let intercepting =
            format!("rule = [{{ name = 'inside', destinations = ['{NAME}'], effect = 'allow', intercept = true }}]");
        all.insert("policy".into(), Value::Table(intercepting.parse()?));
        let many = i64::try_from(connections())?;
        let limits = [("connections", many), ("connections_per_client", many)];
        all.insert(
            "limits".into(),
            Value::Table(limits.map(|(name, n)| (name.into(), n.into())).into_iter().collect()),
        );
        let log = [("access", file.display().to_string()), ("level", "warn".to_owned())];
        all.insert("log".into(), Value::Table(log.map(|(name, v)| (name.into(), v.into())).into_iter().collect()));
        // Its own store of sessions, and the authority that the load trusts.
        let state = file.with_file_name("state");
        fs::create_dir_all(&state)?;
        for name in ["authority.key", "authority.pem"] {
            fs::copy(self.folder.join(name), state.join(name))?;
        }
        all.insert("state".into(), state.display().to_string().into());
        Ok(all)
    }
}

/// The connections that the descriptors are enough for, as the program counts: two each, one in sixteen needs a pipe, and
/// some are for other things.
pub(crate) fn connections() -> usize {
    descriptors().saturating_sub(512) / 34 * 16
}

/// The command that starts it on `address`, and its access log.
pub(crate) fn command(
    starter: &Starter<'_>,
    program: &str,
    address: SocketAddr,
    folder: &Path,
) -> Result<(Command, Option<PathBuf>)> {
    let mut command = starter.command(program, folder)?;
    let (file, log) = (folder.join("vestibule.toml"), folder.join("access.log"));
    let configuration = starter.practice.configuration(address, starter.origin, starter.names, &log)?;
    fs::write(&file, toml::to_string(&configuration)?)?;
    command
        .args(["run", "--core-dumps", "--config"])
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(File::create(folder.join("events"))?);
    Ok((command, Some(log)))
}
