//! The program as it is installed: its commands, its exit codes, and how it ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::origin::Origin;
use super::raw::{Answer, connect, read_head};
use super::world::PATIENCE;

fn vestibule(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.env_clear().args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    vestibule(arguments).output().unwrap()
}

/// A program that is stopped when the test ends, whatever the end is.
struct Running(Child);

impl Running {
    fn start(arguments: &[&str]) -> Self {
        Self(vestibule(arguments).spawn().unwrap())
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end: the exit code, standard output and standard error.
    fn end(mut self) -> (Option<i32>, String, String) {
        let begun = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        let (mut out, mut err) = (String::new(), String::new());
        self.0.stdout.take().map(|mut stream| stream.read_to_string(&mut out).unwrap());
        self.0.stderr.take().map(|mut stream| stream.read_to_string(&mut err).unwrap());
        (self.0.wait().unwrap().code(), out, err)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A configuration file for `run`, in a folder of its own.
fn config(folder: &Path, listen: SocketAddr, portal: SocketAddr, more: &str) -> String {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/contoso.xml");
    let text = format!(
        "state = \"state\"\n[[listener]]\naddress = \"{listen}\"\n[portal]\nurl = \"https://portal.contoso.com\"\n\
         listen = \"{portal}\"\n[[realm]]\nname = \"contoso\"\ndomains = [\"contoso.com\"]\n\
         entity_id = \"https://portal.contoso.com\"\nmetadata = {example:?}\n{more}"
    );
    let file = folder.join("vestibule.toml");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

#[test]
fn check_config_names_every_mistake_with_its_line_and_what_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    let text = "[[listener]]\naddress = \"127.0.0.1:99999\"\n[portal]\nurl = \"http://portal.contoso.com\"\n\
                titel = \"x\"\n[[realm]]\nname = \"contoso\"\n[limits]\nhead_time = \"soon\"\n[polcy]\n";
    std::fs::write(&file, text).unwrap();
    let output = run(&["check-config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    for part in ["bad.toml:2", "bad.toml:4", "bad.toml:5", "title", "bad.toml:9", "bad.toml:10", "policy"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    // `run` says the same, and starts nothing.
    let output = run(&["run", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), said);
    let good = config(folder.path(), ANY, ANY, "");
    assert_eq!(run(&["check-config", &good]).status.code(), Some(0));
    assert_eq!(run(&["check-config", "/nowhere/vestibule.toml"]).status.code(), Some(78));
    assert_eq!(run(&["chek-config"]).status.code(), Some(64));
}

/// The addresses in the events that `run` writes, until it is ready; and the rest of its events.
fn addresses(program: &mut Running) -> (Vec<SocketAddr>, BufReader<std::process::ChildStderr>) {
    let mut events = BufReader::new(program.0.stderr.take().unwrap());
    let mut found = Vec::new();
    loop {
        let mut line = String::new();
        assert!(events.read_line(&mut line).unwrap() > 0, "it ended");
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        let fields = &event["fields"];
        if fields["message"] == "listening" {
            found.push(fields["address"].as_str().unwrap().parse().unwrap());
        }
        if fields["message"] == "ready" {
            return (found, events);
        }
    }
}

#[test]
fn run_says_where_it_listens_and_lets_what_is_under_way_finish() {
    let slow = Origin::start(|_, stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"));
        std::thread::sleep(Duration::from_millis(700));
        drop(stream.write_all(b"world"));
    });
    let folder = tempfile::tempdir().unwrap();
    let more = format!(
        "[dns.hosts]\n\"slow.test:80\" = \"{}\"\n[policy]\nwalled_garden = [\"slow.test\"]\n[limits]\ndrain_time = \"60s\"\n",
        slow.address
    );
    let file = config(folder.path(), ANY, ANY, &more);
    let mut program = Running::start(&["run", "--config", &file]);
    let (listening, _events) = addresses(&mut program);
    let [proxy, portal] = listening[..] else { panic!("{listening:?}") };
    let address = proxy.to_string();
    assert_eq!(run(&["healthcheck", "--address", &address]).status.code(), Some(0));
    let mut stream = connect(proxy, ANY.ip());
    stream.write_all(b"GET http://slow.test/ HTTP/1.1\r\nHost: slow.test\r\n\r\n").unwrap();
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"));
    let mut idle = connect(proxy, ANY.ip());
    program.signal("-TERM");
    let begun = Instant::now();
    std::thread::sleep(Duration::from_millis(200));
    assert!(TcpStream::connect(proxy).is_err() && TcpStream::connect(portal).is_err(), "nobody new is let in");
    let mut body = [0; 10];
    stream.read_exact(&mut body).unwrap();
    assert_eq!(&body, b"helloworld");
    assert_eq!(idle.read(&mut [0]).unwrap(), 0, "what waits for nothing is closed");
    let (code, out, _) = program.end();
    assert_eq!(code, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let record: serde_json::Value = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|record: &serde_json::Value| record["host"] == "slow.test")
        .unwrap();
    assert_eq!((&record["bytes_out"], &record["rule"]), (&10.into(), &"walled-garden".into()));
    assert_eq!(run(&["healthcheck", "--address", &address]).status.code(), Some(1));
}

#[test]
fn run_binds_everything_or_starts_nothing() {
    let taken = TcpListener::bind(ANY).unwrap();
    // Freed at once, and asked for again: nobody else here asks for a port by its number.
    let free = TcpListener::bind(ANY).unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), free, taken.local_addr().unwrap(), "");
    let checked = run(&["check-config", &file]);
    for output in [run(&["run", "--config", &file]), checked] {
        assert_eq!(output.status.code(), Some(78));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(&format!("{} cannot be taken", taken.local_addr().unwrap())), "{said}");
        assert!(said.contains("vestibule.toml:6:10") && !said.contains("listening"), "{said}");
    }
    assert!(TcpStream::connect(free).is_err());
    // It is for another machine.
    assert_eq!(run(&["check-config", &file, "--file-only"]).status.code(), Some(0));
}

#[test]
fn every_command_finds_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), ANY, ANY, "");
    let run_with = |arguments: &[&str], file: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        command.env_clear().envs(file.map(|file| ("VESTIBULE_CONFIG", file))).args(arguments);
        let output = command.stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let commands: [&[&str]; 7] = [
        &["check-config"],
        &["metadata"],
        &["ca"],
        &["test-sso", "contoso"],
        &["reload"],
        &["sessions", "list"],
        &["realms"],
    ];
    for arguments in commands {
        let (_, said) = run_with(arguments, None);
        assert!(
            said.contains("/etc/vestibule/vestibule.toml: ") || said.contains("--> /etc/vestibule/vestibule.toml"),
            "{said}"
        );
        assert!(said.contains("`--config FILE`") && said.contains("VESTIBULE_CONFIG"), "{arguments:?}: {said}");
        let named = [arguments, &["--config", &file]].concat();
        for (code, said) in [run_with(&named, None), run_with(arguments, Some(&file))] {
            let needs_a_program = ["reload", "sessions", "realms"].contains(&arguments[0]);
            assert_eq!(code, Some(i32::from(needs_a_program)), "{arguments:?}: {said}");
            assert_eq!(said.contains("does the program run"), needs_a_program, "{arguments:?}: {said}");
        }
    }
}

#[test]
fn health_is_told_whatever_a_listener_speaks_and_whatever_has_become_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let more = "[[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:0\"\ntls = { names = [\"proxy.contoso.com\"] }\n\
                [[listener]]\nname = \"balanced\"\naddress = \"127.0.0.1:0\"\nproxy_protocol = [\"192.0.2.1\"]\n";
    let file = config(folder.path(), ANY, ANY, more);
    let text = std::fs::read_to_string(&file).unwrap();
    // The first listener is the one behind a load balancer.
    std::fs::write(&file, text.replace("[portal]", "proxy_protocol = [\"192.0.2.1\"]\n[portal]")).unwrap();
    let healthy = |more: &[&str]| run(&[&["healthcheck", "--config", &file], more].concat()).status.code() == Some(0);
    assert!(!healthy(&[]));
    let mut program = Running::start(&["run", "--config", &file]);
    let (listening, _events) = addresses(&mut program);
    assert!(healthy(&[]));
    // What runs here has these addresses itself.
    assert_eq!(run(&["check-config", &file]).status.code(), Some(0));
    let secure = listening[1].to_string();
    assert!(healthy(&["--address", &secure]), "TLS");
    for version in ["--http1.1", "--http2"] {
        let mut curl = Command::new("curl");
        let output = curl
            .args(["-sk", version, "-w", "%{http_code} %{http_version}", &format!("https://{secure}/healthz")])
            .output();
        let said = String::from_utf8(output.unwrap().stdout).unwrap();
        let number = if version == "--http2" { "2" } else { "1.1" };
        assert_eq!(said, format!("ok\n200 {number}"));
    }
    std::fs::write(&file, "state = \"state\"\n[portal\n").unwrap();
    assert!(healthy(&[]), "the program goes on");
    program.signal("-TERM");
    assert_eq!(program.end().0, Some(0));
    assert!(!healthy(&[]));
}

#[test]
fn a_state_folder_is_private_and_what_a_full_disk_left_is_mended() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), ANY, ANY, "");
    let state = folder.path().join("state");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    std::fs::create_dir(&state).unwrap();
    std::fs::write(state.join("authority.key"), "").unwrap();
    let mut program = Running::start(&["run", "--config", &file]);
    let (_, mut events) = addresses(&mut program);
    program.signal("-TERM");
    assert_eq!(program.end().0, Some(0));
    drop(events.read_line(&mut String::new()));
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    let checked = run(&["check-config", &file]);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(checked.status.code(), Some(0), "{said}");
    assert!(
        said.contains("warning: ") && said.contains("(mode 0755)") && said.contains("vestibule.toml:1:9"),
        "{said}"
    );
    std::fs::remove_dir_all(&state).unwrap();
    assert_eq!(run(&["ca", "--config", &file]).status.code(), Some(0));
    assert_eq!((mode(&state), mode(&state.join("authority.key"))), (0o700, 0o600));
    // A key that is not the certificate's, and sessions that cannot be read: the start says both at once, with their line.
    std::fs::write(state.join("sessions.redb"), "no sessions").unwrap();
    let other = config(folder.path(), ANY, ANY, "");
    let text = std::fs::read_to_string(&other).unwrap();
    std::fs::write(&other, text.replace("\"state\"", "\"other\"")).unwrap();
    assert_eq!(run(&["ca", "--config", &other]).status.code(), Some(0));
    std::fs::copy(folder.path().join("other/authority.key"), state.join("authority.key")).unwrap();
    let file = config(folder.path(), ANY, ANY, "");
    let said = String::from_utf8(run(&["check-config", &file]).stderr).unwrap();
    for part in
        ["authority.key is not the key of authority.pem", "sessions.redb cannot be read", "move it away", "2 problems"]
    {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!said.contains("panic"), "{said}");
}

#[test]
fn too_few_files_that_may_be_open_are_said_and_nothing_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), ANY, ANY, "");
    for command in ["check-config", "run"] {
        let script = format!("ulimit -n 256; exec {} {command} --config {file}", env!("CARGO_BIN_EXE_vestibule"));
        let output = Command::new("sh").args(["-c", &script]).env_clear().stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains("may open 256 files") && said.contains("allow 512 at least"), "{said}");
    }
}

#[test]
fn ca_prints_the_authority_that_run_uses() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), ANY, ANY, "");
    let shown = run(&["ca", "--config", &file]);
    assert_eq!(shown.status.code(), Some(0));
    let pem = String::from_utf8(shown.stdout).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n"), "{pem}");
    let again = run(&["ca", "--config", &file]);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), pem, "it is made once");
    let mut program = Running::start(&["run", "--config", &file]);
    addresses(&mut program);
    assert_eq!(std::fs::read_to_string(folder.path().join("state/authority.pem")).unwrap(), pem);
    program.signal("-INT");
    assert_eq!(program.end().0, Some(0));
}

#[test]
fn no_core_dump_of_a_running_program_is_written_unless_somebody_wants_that() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), ANY, ANY, "");
    for (more, wanted) in [(&[][..], true), (&["--core-dumps"][..], false)] {
        let script =
            format!("ulimit -c 4096; exec {} run --config {file} {}", env!("CARGO_BIN_EXE_vestibule"), more.join(" "));
        let mut command = Command::new("sh");
        command.args(["-c", &script]).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut program = Running(command.spawn().unwrap());
        addresses(&mut program);
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.0.id())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>()[4..6] == ["0", "0"], wanted, "{line}");
        program.signal("-TERM");
        assert_eq!(program.end().0, Some(0));
    }
}

#[test]
fn each_worker_has_a_clock_of_its_own_which_is_set_while_a_client_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Running::start(&["run", "--config", &config(folder.path(), ANY, ANY, "")]);
    let (listening, _events) = addresses(&mut program);
    let process = format!("/proc/{}", program.0.id());
    let read = |folder: &str, file: fn(&Path) -> std::path::PathBuf| -> Vec<String> {
        let entries = std::fs::read_dir(format!("{process}/{folder}")).unwrap().flatten();
        entries.filter_map(|entry| std::fs::read_to_string(file(&entry.path())).ok()).collect()
    };
    let workers = || read("task", |task| task.join("comm")).iter().filter(|name| name.starts_with("worker-")).count();
    // proc_pid_fdinfo(5)
    let clocks = || -> Vec<String> {
        let infos = read("fdinfo", Path::to_path_buf);
        infos.into_iter().filter(|info| info.contains("clockid: 1")).collect()
    };
    let set = || clocks().iter().filter(|info| !info.contains("it_value: (0, 0)")).count();
    let wait = |is_so: &dyn Fn() -> bool| {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < end, "{} workers, {:?}", workers(), clocks());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    // They begin after the sockets are there.
    wait(&|| workers() > 0 && clocks().len() == workers());
    assert_eq!(set(), 0);
    let client = connect(listening[0], ANY.ip());
    wait(&|| set() == 1);
    drop(client);
    program.signal("-TERM");
    assert_eq!(program.end().0, Some(0));
}

#[test]
fn elsewhere_nothing_goes_on_without_a_sign_in() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let folder = tempfile::tempdir().unwrap();
    let more = format!("[dns.hosts]\n\"raw.test:80\" = \"{}\"\n", origin.address);
    let mut program = Running::start(&["run", "--config", &config(folder.path(), ANY, ANY, &more)]);
    let (listening, _events) = addresses(&mut program);
    for (fields, status) in [("", 407), ("Upgrade-Insecure-Requests: 1\r\n", 302)] {
        let mut stream = connect(listening[0], ANY.ip());
        write!(stream, "GET http://raw.test/ HTTP/1.1\r\nHost: raw.test\r\n{fields}Connection: close\r\n\r\n").unwrap();
        assert_eq!(Answer::read(&mut stream).status, status, "{fields}");
    }
    assert_eq!(origin.seen().len(), 0);
    let mut stream = connect(listening[0], ANY.ip());
    write!(stream, "GET /proxy.pac HTTP/1.1\r\nHost: p.test\r\nConnection: close\r\n\r\n").unwrap();
    let answer = Answer::read(&mut stream);
    assert_eq!(answer.value("content-type"), "application/x-ns-proxy-autoconfig");
    assert!(answer.text().contains("function FindProxyForURL"), "{answer:?}");
}

#[test]
fn the_demo_says_what_to_try_and_keeps_no_secrets_in_its_records() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    let mut program = Running::start(&["demo", "--listen", "127.0.0.1:0", "--folder", place]);
    let mut said = String::new();
    let mut output = BufReader::new(program.0.stdout.take().unwrap());
    while !said.contains("Ctrl-C ends the demo") {
        assert!(output.read_line(&mut said).unwrap() > 0, "it ended: {said}");
    }
    let (_, rest) = said.split_once("http://").unwrap();
    let proxy = rest.split_once("/proxy.pac").unwrap().0;
    let bundle = folder.path().join("both.pem");
    assert!(said.contains(bundle.to_str().unwrap()), "{said}");
    assert!(said.contains(&format!("-H '{MARK}'")), "{said}");
    let secrets = walk(proxy, &bundle, folder.path());
    // It is no end of the demo: what it reads again is its own file.
    program.signal("-HUP");
    std::thread::sleep(Duration::from_millis(500));
    assert!(program.0.try_wait().unwrap().is_none(), "it has ended");
    program.signal("-INT");
    let (code, _, events) = program.end();
    assert_eq!(code, Some(0));
    output.read_to_string(&mut said).unwrap();
    assert!(said.ends_with("The demo has ended.\n"), "{said}");
    assert!(!events.contains('{'), "events for people: {events}");
    let access = std::fs::read_to_string(folder.path().join("access.log")).unwrap();
    assert!(access.contains("B.Simon@contoso.com"), "{access}");
    assert!(secrets.len() > 8, "{secrets:?}");
    for secret in &secrets {
        assert!(!access.contains(secret.as_str()), "{secret} in the access log: {access}");
        assert!(!events.contains(secret.as_str()), "{secret} in the events: {events}");
    }
}

/// What the demo tells people to give curl, so that it goes as a browser would.
const MARK: &str = "Upgrade-Insecure-Requests: 1";

/// Signs in, goes to a second site, and gives back everything secret that was seen on the way.
fn walk(proxy: &str, bundle: &Path, folder: &Path) -> Vec<String> {
    let jar = folder.join("jar");
    let mut seen = String::new();
    let mut curl = |url: &str, form: Option<&str>| {
        let mut command = Command::new("curl");
        command.args(["-q", "-sSLi", "-x", proxy, "-w", "\n%{url_effective}", url]);
        command.args(["-H", MARK]);
        command.arg("--cacert").arg(bundle).arg("-b").arg(&jar).arg("-c").arg(&jar);
        command.args(form.map(|form| ["--data-binary", form]).into_iter().flatten());
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        seen.push_str(&text);
        let (text, url) = text.rsplit_once('\n').unwrap();
        (text.to_owned(), url.to_owned())
    };
    let send = |page: &(String, String), more: &[(&str, &str)]| {
        let (_, form) = page.0.split_once("<form").unwrap_or_else(|| panic!("no form: {}", page.0));
        let action = form.split_once("action=\"").unwrap().1.split_once('"').unwrap().0;
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        for input in form.split_once("</form>").unwrap().0.split("type=\"hidden\" name=\"").skip(1) {
            let (name, rest) = input.split_once('"').unwrap();
            body.append_pair(name, rest.split_once("value=\"").unwrap().1.split_once('"').unwrap().0);
        }
        body.extend_pairs(more);
        (url::Url::parse(&page.1).unwrap().join(action).unwrap().to_string(), body.finish())
    };
    let mut page = curl("http://news.test/?query=s3cret", None);
    for more in [&[("account", "CONTOSO\\bsimon")][..], &[("login", "bsimon@contoso.com"), ("password", "simon")], &[]]
    {
        let (address, form) = send(&page, more);
        page = curl(&address, Some(&form));
    }
    assert!(page.0.contains("This is news.test"), "{}", page.0);
    page = curl("https://mail.test/?query=s3cret", None);
    assert!(page.0.contains("This is mail.test"), "{}", page.0);
    let cookies = std::fs::read_to_string(&jar).unwrap();
    let mut secrets: Vec<String> = cookies
        .lines()
        .filter(|line| line.split('\t').count() == 7)
        .map(|line| line.rsplit('\t').next().unwrap().to_owned())
        .filter(|value| value.len() > 8)
        .collect();
    for start in [
        "?ticket=",
        "?r=",
        "SAMLRequest=",
        "name=\"SAMLResponse\" value=\"",
        "name=\"csrf\" value=\"",
        "name=\"RelayState\" value=\"",
    ] {
        let found =
            seen.split(start).skip(1).map(|rest| rest.split(['"', '&', '\r', '\n', ' ']).next().unwrap().to_owned());
        let found: Vec<_> = found.filter(|value| value.len() > 8).collect();
        assert!(!found.is_empty(), "{start} was not seen in {seen}");
        secrets.extend(found);
    }
    secrets.push("s3cret".into());
    secrets.push("query=".into());
    secrets
}

#[test]
fn test_sso_prints_a_link_to_the_portal_for_a_realm_that_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/contoso.xml");
    let file = folder.path().join("vestibule.toml");
    let text = format!(
        "state = {:?}\n[[listener]]\naddress = \"127.0.0.1:0\"\n[portal]\nurl = \"https://portal.test\"\n[[realm]]\n\
         name = \"contoso\"\ndomains = [\"contoso.com\"]\nentity_id = \"urn:us\"\nmetadata = {metadata:?}\n",
        folder.path().join("state")
    );
    std::fs::write(&file, text).unwrap();
    let output = run(&["test-sso", "contoso", "--config", &file.display().to_string()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("\nhttps://portal.test/test-sso?t="), "{said}");
    let output = run(&["test-sso", "contosso", "--config", &file.display().to_string()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("there is no realm \"contosso\"; there are: contoso"), "{said}");
}

/// Reads events until one is good.
fn event(
    events: &mut BufReader<std::process::ChildStderr>,
    good: impl Fn(&serde_json::Value) -> bool,
) -> serde_json::Value {
    loop {
        let mut line = String::new();
        assert!(events.read_line(&mut line).unwrap() > 0, "it ended");
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        if good(&event["fields"]) {
            return event["fields"].clone();
        }
    }
}

#[test]
fn a_running_program_takes_up_its_file_by_signal_by_command_and_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), ANY, ANY, "");
    let first = std::fs::read_to_string(&file).unwrap();
    let mut program = Running::start(&["run", "--config", &file]);
    let (listening, mut events) = addresses(&mut program);
    let healthy = || run(&["healthcheck", "--address", &listening[0].to_string()]).status.code() == Some(0);
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    let reloaded = |by: &'static str| {
        move |event: &serde_json::Value| event["message"] == "configuration reloaded" && event["by"] == by
    };

    write(&format!("{first}[policy]\nblocked = [\"secret.test\"]\n"));
    program.signal("-HUP");
    let changed = event(&mut events, |event| event["message"] == "configuration changed");
    assert_eq!((&changed["section"], &changed["keys"]), (&"policy".into(), &"blocked".into()));
    event(&mut events, reloaded("SIGHUP"));

    let output = run(&["reload", "--config", &file]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(said.starts_with("nothing in the file has changed"), "{said}");
    write(&format!("{first}[limits]\nworkers = 7\nhead_time = \"9s\"\n[log]\nlevel = \"warn\"\n"));
    let output = run(&["reload", "--config", &file]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        said,
        "changed: limits: head_time, workers\nchanged: log: level\nchanged: policy: blocked\n\
         stays as it was until a restart: limits.workers\n"
    );

    let broken = format!("{first}[policy]\ndefault = \"blok\"\n");
    write(&broken);
    let line = broken.lines().count();
    let output = run(&["reload", "--config", &file]);
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("vestibule.toml:{line}:")), "{said}");
    program.signal("-HUP");
    let not_taken =
        event(&mut events, |event| event["message"] == "the configuration has a mistake, and is not put in force");
    assert_eq!(not_taken["line"], line);
    let kept = event(&mut events, |event| event["message"] == "configuration not reloaded: the old one stays in force");
    assert_eq!(kept["by"], "SIGHUP");
    assert!(healthy());

    // It is watched from the moment when the file says so.
    let watched = format!("watch = true\n{first}");
    write(&watched);
    program.signal("-HUP");
    event(&mut events, reloaded("SIGHUP"));
    write(&watched.replace("state = \"state\"", "state = \"elsewhere\""));
    let fixed = event(&mut events, |event| {
        event["message"] == "this setting can be changed by a restart alone: the old value stays in force"
    });
    assert_eq!(fixed["key"], "state");
    event(&mut events, reloaded("a change of the file"));
    assert!(healthy() && !folder.path().join("elsewhere").exists());
    program.signal("-TERM");
    assert_eq!(program.end().0, Some(0));
}
