//! Whether the program can start here: all that would stop it, each with its place in the file.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;

use super::descriptors;
use crate::authority::Authority;
use crate::clock::Clock;
use crate::config::section::AccessLog;
use crate::config::{Check, Config, Step, at, permitted};
use crate::scim::BearerTokens;
use crate::session::Backend;
use crate::session::keys::Keys;
use crate::session::store::embedded::{Embedded, FILE, OpenError};
use crate::{disk, listener};

/// What else runs here.
#[derive(Clone, Debug, Default)]
pub struct Running {
    /// The addresses that a program has which runs with the same state folder.
    pub addresses: Vec<SocketAddr>,
    /// Whether there is one.
    pub is_there: bool,
}

/// Finds what would stop a start of the program on this machine, by this user, and what would not go well for long. Nothing
/// is left changed. What `running` has is taken for free.
pub fn preflight(config: &Config, running: &Running, check: &mut Check<'_>) {
    descriptors(check);
    state(config, check);
    logs(config, check);
    addresses(config, running, check);
}

/// Finds out whether the sessions can be read. A start finds out by itself, and should not read them twice.
pub fn try_sessions(config: &Config, check: &mut Check<'_>) {
    // A disk that takes nothing is said of the folder.
    if keeps_sessions(config)
        && let Err(error) = Embedded::check(&config.state)
        && !matches!(error, OpenError::Disk(..))
    {
        check.note(at!["state"], format!("the sessions in {FILE}: {error}"), "");
    }
}

/// Whether sessions are kept in the state folder.
fn keeps_sessions(config: &Config) -> bool {
    config.session.redis.servers.is_empty() && config.session.store == Backend::Embedded
}

fn descriptors(check: &mut Check<'_>) {
    if let Some(allowed) = descriptors::too_few() {
        let help = format!(
            "allow {} at least, and 65536 in earnest: `ulimit -n`, `LimitNOFILE=` of systemd, `ulimits` of a container",
            descriptors::LEAST
        );
        let message =
            format!("this process may open {allowed} files, which is too few for any connection to be served");
        check.note(at!["limits", "connections"], message, &help);
    }
}

fn state(config: &Config, check: &mut Check<'_>) {
    let (folder, path) = (&*config.state, at!["state"]);
    if let Err(error) = try_to_make(folder) {
        let message = format!("`{}`, the folder of `state`, cannot be written: {error}", folder.display());
        if !config.authority.is_given() && !Authority::is_in(folder) {
            check.note(path, message, folder_help(&error));
            return;
        }
        // What is there can be used: nobody is signed out because a disk takes nothing.
        check.warn(path, format!("{message}; what it keeps from now on, no restart survives"), folder_help(&error));
    }
    if let Some(mode) = disk::wider_mode(folder) {
        let message = format!("`{}`, the folder of `state`, is open to others (mode {mode:04o})", folder.display());
        check.warn(path, message, &format!("it holds keys: `chmod 0700 {}`", folder.display()));
    }
    authority(config, check);
    if let Err(error) = BearerTokens::open(folder, Clock::system()) {
        check.note(path, error.to_string(), "");
    }
    if keeps_sessions(config)
        && let Err(error) = Keys::check(folder)
    {
        check.note(path, error.to_string(), "");
    }
}

/// What is wrong with the authority in the state folder; one that the operator has named is looked at with the file.
fn authority(config: &Config, check: &mut Check<'_>) {
    let (folder, path) = (&*config.state, at!["state"]);
    if config.authority.is_given() {
        return;
    }
    if let Err(error) = Authority::check(folder) {
        check.note(path, format!("the authority in the folder of `state`: {error}"), "");
        return;
    }
    for (key, mode) in Authority::wide_keys(folder) {
        let message = format!("`{}`, the authority's key, is open to others (mode {mode:04o})", key.display());
        check.warn(path, message, &format!("`chmod 0600 {}`", key.display()));
    }
    let source = super::authority::source(config);
    // What an authority that is there says of itself may be narrower than the configuration, or wider.
    let Ok(Some(issuing)) = Authority::is_in(folder).then(|| source.open(Clock::system().now())).transpose() else {
        return;
    };
    // Whatever the configuration permits, a start needs what the certificate does.
    permitted(config, issuing.certificate_names(), check);
    let listed = config.authority.permitted_names.iter().enumerate();
    let outside = |(_, name): &(usize, &String)| {
        // A range is outside with its first address.
        let first = name.split('/').next().unwrap_or_default();
        !issuing.certificate_names().permits(first.trim_start_matches('.'))
    };
    for (index, name) in listed.filter(outside) {
        let message = format!(
            "the certificate of the authority in the state folder does not permit `{name}`: it was made with other names"
        );
        let help = "a successor has it in its certificate: `vestibule ca successor`, `vestibule ca promote`, `vestibule ca retire`";
        check.warn(&[at!["authority", "permitted_names"].to_vec(), vec![index.into()]].concat(), message, help);
    }
    let is_narrower = issuing.certificate_names().is_any() && !config.authority.permitted_names.is_empty();
    if is_narrower {
        let message = "the authority in the state folder was made without `permitted_names`: its certificate does not say so, and \
                       only this program holds to it";
        let help = "a successor has it in its certificate: `vestibule ca successor`";
        check.warn(at!["authority", "permitted_names"], message, help);
    }
}

/// Whether files can be made in a folder, or else the folder itself.
fn try_to_make(folder: &Path) -> io::Result<()> {
    let there = folder.ancestors().find(|ancestor| ancestor.exists() || ancestor.as_os_str().is_empty());
    let there = there.filter(|there| !there.as_os_str().is_empty()).unwrap_or(Path::new("."));
    disk::try_folder(there)
}

fn folder_help(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            "it must belong to the user that the program runs as; or name another folder as `state`, at the top of the file"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "mount a volume there, or name another folder as `state`, at the top of the file"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full",
        _ => "name a folder that can be written as `state`, at the top of the file",
    }
}

fn logs(config: &Config, check: &mut Check<'_>) {
    let logs = [("access", Some(&config.log.access)), ("audit", config.log.audit.as_ref())];
    for (key, log) in logs {
        let Some(AccessLog::File(file)) = log else { continue };
        match try_log(file) {
            Ok(None) => {}
            // What is there can be appended to, or the oldest files make room: a disk that is full stops nobody.
            Ok(Some((message, help))) => check.warn(at!["log", key], message, help),
            Err((message, help)) => check.note(at!["log", key], message, help),
        }
    }
}

/// What is wrong with a file, and what to do.
type Wrong = (String, &'static str);

/// A log is appended to, and others are put aside beside it. Gives what will not go well for long.
fn try_log(file: &Path) -> Result<Option<Wrong>, Wrong> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.exists() {
        return Err((
            format!("there is no folder `{}`", folder.display()),
            "make it, for the user that the program runs as",
        ));
    }
    let help = "it must belong to the user that the program runs as";
    if file.exists() {
        let opened = std::fs::OpenOptions::new().append(true).open(file);
        opened.map_err(|error| (format!("`{}` cannot be written: {error}", file.display()), help))?;
    }
    let Err(error) = disk::try_folder(folder) else { return Ok(None) };
    let wrong = format!("the folder `{}` cannot be written: {error}", folder.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Ok(Some((wrong, "the disk is full: make room"))),
        _ => Err((wrong, help)),
    }
}

fn addresses(config: &Config, running: &Running, check: &mut Check<'_>) {
    let listeners = config.listeners.iter().enumerate();
    let mut all: Vec<(Vec<Step>, SocketAddr)> =
        listeners.map(|(index, listener)| (at!["listener", index, "address"].to_vec(), listener.address)).collect();
    all.push((at!["portal", "listen"].to_vec(), config.portal.listen));
    all.extend(config.metrics.listen.map(|listen| (at!["metrics", "listen"].to_vec(), listen)));
    all.extend(config.scim.listen.map(|listen| (at!["scim", "listen"].to_vec(), listen)));
    for (path, address) in all {
        if running.addresses.contains(&address) {
            continue;
        }
        if let Err(error) = listener::try_address(address) {
            let help = match error.kind() {
                ErrorKind::AddrInUse if running.is_there => {
                    "another program has it, or the one that runs here under another address: see `ss -ltnp`"
                }
                ErrorKind::AddrInUse => "another program has it: see `ss -ltnp`, or choose another port",
                ErrorKind::AddrNotAvailable => {
                    "no address of this machine: `0.0.0.0` and `[::]` stand for all there are"
                }
                ErrorKind::PermissionDenied => "ports below 1024 take a right of their own: CAP_NET_BIND_SERVICE",
                _ => "choose another one",
            };
            check.note(&path, format!("{address} cannot be taken: {error}"), help);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config;

    fn found(text: &str) -> config::Findings {
        let folder = tempfile::tempdir().unwrap();
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        std::fs::copy(config.join("contoso.xml"), folder.path().join("contoso.xml")).unwrap();
        let rest = std::fs::read_to_string(config.join("minimal.toml")).unwrap();
        let rest =
            rest.replace("0.0.0.0:8080", "127.0.0.1:0").replace("[portal]", "[portal]\nlisten = \"127.0.0.1:0\"");
        let file = folder.path().join("a.toml");
        std::fs::write(&file, format!("{text}\n{rest}")).unwrap();
        let look = |config: &Config, check: &mut Check<'_>| {
            preflight(config, &Running::default(), check);
            try_sessions(config, check);
        };
        match config::load_looking(&file, &|_| None, &look) {
            Ok(loaded) => config::Findings { problems: vec![], warnings: loaded.warnings },
            Err(problems) => config::Findings { problems: problems.list, warnings: problems.warnings },
        }
    }

    fn lines(problems: &[config::Problem]) -> Vec<String> {
        let line = |problem: &config::Problem| {
            let line = problem.place.as_ref().map_or(0, |place| place.line);
            format!("{line}: {} / {}", problem.message, problem.help.join(" / "))
        };
        problems.iter().map(line).collect()
    }

    #[test]
    fn whatever_would_stop_a_start_is_said_at_once_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (one, two) = (TcpListener::bind(taken).unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let state = folder.path().join("state");
        std::fs::create_dir(&state).unwrap();
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
        for (file, content) in [("authority.key", "x"), ("seal.keys", "{}"), ("sessions.redb", "no sessions")] {
            std::fs::write(state.join(file), content).unwrap();
        }
        let text = format!(
            "state = {state:?}\n[log]\naccess = \"none/access.log\"\n[metrics]\nlisten = \"{}\"\n[[listener]]\nname = \"b\"\n\
             address = \"{}\"",
            one.local_addr().unwrap(),
            two.local_addr().unwrap()
        );
        let found = found(&text);
        let problems = lines(&found.problems);
        let wanted = [
            "1: the authority in the folder of `state`: authority.key is there, but authority.pem is not",
            "1: ",
            "1: the sessions in sessions.redb: ",
            "3: there is no folder `",
            "5: 127.0.0.1:",
            "8: 127.0.0.1:",
        ];
        assert_eq!(problems.len(), wanted.len(), "{problems:#?}");
        for (problem, wanted) in problems.iter().zip(wanted) {
            assert!(problem.starts_with(wanted), "{problem}\n{wanted}");
        }
        assert!(problems[1].contains("seal.keys holds no keys"), "{problems:?}");
        assert!(problems[4].contains("Address already in use") && problems[4].contains("ss -ltnp"), "{problems:?}");
        let warnings = lines(&found.warnings);
        assert!(warnings[0].contains("is open to others (mode 0755)"), "{warnings:?}");
        assert_eq!(std::fs::read_dir(&state).unwrap().count(), 3, "nothing is left there");
    }

    #[test]
    fn an_authority_that_permits_fewer_names_than_the_configuration_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let names = crate::authority::Config { permitted_names: vec!["a.test".into()], ..Default::default() };
        let source = crate::authority::Whereabouts { folder: state.clone(), config: names, own_names: Vec::new() };
        source.open(Clock::system().now()).unwrap();
        let found = found(&format!("state = {state:?}\n[authority]\npermitted_names = [\"a.test\", \"b.test\"]"));
        let problems = lines(&found.problems);
        assert!(problems[0].contains("may not issue a certificate for the portal"), "{problems:?}");
        let warnings = lines(&found.warnings);
        let has = |name: &str| warnings.iter().any(|line| line.starts_with("3: ") && line.contains(name));
        assert!(has("does not permit `b.test`") && !has("does not permit `a.test`"), "{warnings:?}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_names_its_setting() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let found = lines(&found(&format!("state = {:?}", file.join("state"))).problems);
        assert!(
            found.len() == 1 && found[0].starts_with("1: `") && found[0].contains("the folder of `state`"),
            "{found:?}"
        );
        let good = self::found(&format!("state = {:?}", folder.path().join("new").join("state")));
        assert_eq!((good, folder.path().join("new").exists()), (config::Findings::default(), false));
    }
}
