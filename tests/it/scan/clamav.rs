//! ClamAV through c-icap, from Debian's packages, with a signature of our own: its database comes from the Internet alone.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use tempfile::TempDir;

use super::super::origin::Origin;
use super::super::raw::{Wire, read_head};
use super::super::world::{PATIENCE, World, say_aside};
use super::{OPEN, said};

/// The test file that every scanner finds, in two parts: whole, a scanner would find it here.
const EICAR: [&str; 2] = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD", "-ANTIVIRUS-TEST-FILE!$H+H*"];

/// How long the long files are.
const LONG: usize = 100 * 1024 * 1024;

const CLAMD: &str = "DatabaseDirectory FOLDER\nOfficialDatabaseOnly no\nLocalSocket FOLDER/clamd.sock\nForeground yes\n\
    TemporaryDirectory FOLDER\nMaxFileSize 512M\nMaxScanSize 512M\nStreamMaxLength 512M\n";

const C_ICAP: &str = "PidFile FOLDER/c-icap.pid\nCommandsSocket FOLDER/c-icap.ctl\nTimeout 60\nMaxKeepAliveRequests 100\n\
    KeepAliveTimeout 60\nStartServers 1\nMaxServers 2\nMinSpareThreads 4\nMaxSpareThreads 8\nThreadsPerChild 8\n\
    MaxRequestsPerChild 0\nPort ADDRESS\nTmpDir FOLDER\nMaxMemObject 131072\nDebugLevel 1\nPipelining on\n\
    ModulesDir MODULES\nServicesDir MODULES\nTemplateDir /usr/share/c_icap/templates/\nTemplateDefaultLanguage en\n\
    LoadMagicFile /etc/c-icap/c-icap.magic\nServerLog FOLDER/server.log\nAccessLog FOLDER/access.log\n\
    Service antivirus_module virus_scan.so\n\
    ServiceAlias avscan virus_scan?allow204=on&sizelimit=off&mode=simple\n\
    virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GIF JPEG MSOFFICE\nvirus_scan.SendPercentData 5\n\
    virus_scan.StartSendPercentDataAfter 2G\nvirus_scan.MaxObjectSize 512M\nvirus_scan.DefaultEngine clamd\n\
    Module common clamd_mod.so\nclamd_mod.ClamdSocket FOLDER/clamd.sock\n";

fn eicar() -> String {
    EICAR.concat()
}

/// A program and all that it has started, until it is dropped.
struct Running(Child);

impl Running {
    fn start(program: &str, arguments: &[&str]) -> Self {
        let paths = format!("{}:/usr/sbin:/usr/bin", std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new(program);
        command.args(arguments).env("PATH", paths).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Self(
            command.spawn().unwrap_or_else(|error| panic!("{program} is needed, and `make test` installs it: {error}")),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It is the first of a process group of its own.
        let group = format!("-{}", self.0.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).status());
        drop(self.0.wait());
    }
}

/// c-icap with ClamAV.
struct Clamav {
    address: SocketAddr,
    folder: TempDir,
    c_icap: Option<Running>,
    _clamd: Running,
}

impl Clamav {
    fn start() -> Self {
        let begun = Instant::now();
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let digits = eicar().bytes().fold(String::new(), |mut digits, octet| {
            write!(digits, "{octet:02x}").unwrap();
            digits
        });
        let file = |name: &str, text: &str| {
            let text = text
                .replace("FOLDER", &folder.path().display().to_string())
                .replace("ADDRESS", &address.to_string())
                .replace("MODULES", &modules().display().to_string());
            std::fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name).display().to_string()
        };
        file("own.ndb", &format!("Eicar-Test-Own:0:*:{digits}\n"));
        let clamd = Running::start("clamd", &["-c", &file("clamd.conf", CLAMD)]);
        let socket = folder.path().join("clamd.sock");
        wait(|| std::os::unix::net::UnixStream::connect(&socket).is_ok(), "clamd");
        file("c-icap.conf", C_ICAP);
        let mut all = Self { address, folder, c_icap: None, _clamd: clamd };
        all.start_c_icap();
        say_aside(&format!("clamd and c-icap have started in {} ms", begun.elapsed().as_millis()));
        all
    }

    fn start_c_icap(&mut self) {
        let file = self.folder.path().join("c-icap.conf").display().to_string();
        self.c_icap = Some(Running::start("c-icap", &["-N", "-f", &file]));
        wait(|| TcpStream::connect(self.address).is_ok(), "c-icap");
    }

    fn stop(&mut self) {
        self.c_icap = None;
    }
}

fn modules() -> PathBuf {
    let found = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path().join("c_icap"));
    let mut found = found.filter(|folder| folder.join("virus_scan.so").exists());
    let found = found.next();
    assert!(found.is_some(), "libc-icap-mod-virus-scan is needed, and `make test` installs it");
    found.unwrap()
}

fn wait(is_there: impl Fn() -> bool, what: &str) {
    let begun = Instant::now();
    while !is_there() {
        assert!(begun.elapsed() < PATIENCE, "{what} does not start");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// A long file that nothing compresses, and what comes at its end.
fn long(end: &str) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut octets = Vec::with_capacity(LONG);
    while octets.len() < LONG - end.len() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        octets.extend_from_slice(&state.to_le_bytes());
    }
    octets.truncate(LONG - end.len());
    octets.extend_from_slice(end.as_bytes());
    octets
}

/// Gives what its path names.
fn files() -> impl Fn(&str, &mut dyn Wire) + Send + Sync + Clone {
    let (clean, infected) = (Arc::new(long("")), Arc::new(long(&eicar())));
    move |head: &str, stream: &mut dyn Wire| {
        let eicar = eicar();
        let body: &[u8] = match head.split(' ').nth(1).unwrap() {
            "/clean.bin" => &clean,
            "/infected.bin" => &infected,
            "/eicar.com" => eicar.as_bytes(),
            _ => b"nothing to fear",
        };
        drop(write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        ));
        drop(stream.write_all(body));
    }
}

/// Fetches a file, and gives the status and what has come.
fn fetch(world: &World, url: &str) -> (u16, Vec<u8>) {
    let file = world.path("fetched");
    let mut command = Command::new("curl");
    command.args(["-q", "-sS", "--max-time", "300", "--interface", "127.0.5.1", "-w", "%{http_code}", "-o"]).arg(&file);
    let output = command.arg("-x").arg(format!("http://{}", world.proxy)).arg(url).output().unwrap();
    let status = String::from_utf8(output.stdout).unwrap().parse().unwrap();
    let octets = std::fs::read(&file).unwrap_or_default();
    drop(std::fs::remove_file(file));
    (status, octets)
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().all(|entry| !entry.unwrap().file_name().to_string_lossy().starts_with(".tmp"))
}

#[test]
fn clamav_finds_malware_in_downloads_and_uploads_and_lets_everything_else_pass_as_it_was() {
    let mut clamav = Clamav::start();
    let mut builder = World::build().network("open", "127.0.5.0/24", "sign_in = \"none\"");
    let (tls, files) = (builder.certify("files.test"), files());
    for (name, more) in [("clamav", ""), ("lenient", "on_failure = \"bypass\"\n")] {
        let url = format!("icap://{}/avscan", clamav.address);
        builder = builder.config(&format!("[[icap]]\nname = {name:?}\nrespmod = {url:?}\nreqmod = {url:?}\n{more}"));
    }
    let origin = Origin::start(files.clone()).address;
    let sink = Origin::start(|_, stream| {
        drop(read_head(stream));
        drop(write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsent"));
    });
    let world = builder
        .host("files.test:443", Origin::start_tls(tls, files).address)
        .host("files.test:80", origin)
        .host("lenient.test:80", origin)
        .host("sink.test:80", sink.address)
        .config(
            "[[policy.standing]]\nname = \"look inside\"\nintercept = true\nscan = [\"clamav\"]\n\
             [[policy.rule]]\nname = \"lenient\"\ndestinations = [\"lenient.test\"]\neffect = \"allow\"\nscan = [\"lenient\"]\n",
        )
        .start();
    let browser = world.browser().at(OPEN);
    // Plain http, and inside of https.
    for scheme in ["http", "https"] {
        let page = browser.curl(&format!("{scheme}://files.test/eicar.com"), &[]);
        assert_eq!((page.status, page.heading()), (403, "Malware was found in this file"), "{page:#?}");
        assert!(
            page.body.contains("Eicar-Test-Own") && page.body.contains(&format!("{scheme}://files.test/eicar.com"))
        );
        assert!(!page.body.contains(EICAR[1]), "{page:#?}");
        world.last_record_has(
            |record| record["host"] == "files.test" && record["scheme"] == scheme && record["path"] == "/eicar.com",
            &[("scan", "found".into()), ("scanner", "clamav".into()), ("threat", json!("Eicar-Test-Own.UNOFFICIAL"))],
        );
        let page = browser.curl(&format!("{scheme}://files.test/"), &[]);
        assert_eq!((page.status, page.body.as_str()), (200, "nothing to fear"), "{page:#?}");
    }
    // 100 MB: what is at the very end is found before the client has any of it, and what is clean arrives as it was.
    let begun = Instant::now();
    let (status, octets) = fetch(&world, "http://files.test/infected.bin");
    assert!(status == 403 && octets.len() < 10_000, "{status}: {}", octets.len());
    say_aside(&format!("100 MB with EICAR at the end: refused after {} ms", begun.elapsed().as_millis()));
    said(&world, "files.test", "/infected.bin", &[("scan", "found".into()), ("reason", "malware-found".into())]);
    let begun = Instant::now();
    let (status, octets) = fetch(&world, "http://files.test/clean.bin");
    assert!(status == 200 && octets == long(""), "{status}: {}", octets.len());
    say_aside(&format!("100 MB that are clean: passed after {} ms", begun.elapsed().as_millis()));
    said(&world, "files.test", "/clean.bin", &[("scan", "clean".into()), ("bytes_out", LONG.into())]);
    assert!(is_empty(world.folder()), "nothing is left of what was kept");
    // Uploads.
    let eicar = eicar();
    let page = browser.curl("http://sink.test/up", &["--data-binary", &eicar]);
    assert_eq!((page.status, page.heading()), (403, "Malware was found in what you wanted to send"), "{page:#?}");
    assert!(sink.seen().is_empty(), "the origin has seen nothing of it");
    // The scanner is stopped.
    clamav.stop();
    let page = browser.curl("http://files.test/", &[]);
    assert_eq!((page.status, page.heading()), (503, "It could not be scanned for malware"), "{page:#?}");
    said(&world, "files.test", "/", &[("scan", "refused".into()), ("reason", "scanner-failed".into())]);
    let page = browser.curl("http://lenient.test/eicar.com", &[]);
    assert_eq!((page.status, page.body), (200, eicar), "it passes, as the operator wants");
    said(&world, "lenient.test", "/eicar.com", &[("scan", "bypassed".into())]);
    // And it is back.
    clamav.start_c_icap();
    wait(|| browser.curl("http://lenient.test/eicar.com", &[]).status == 403, "the scanner is not asked again: it");
}
