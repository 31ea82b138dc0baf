//! The origins: nginx from its package, Python's own server, and a page that says which of its parts have come.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::world::PATIENCE;

/// A page of several parts. When they are there it says so, and asks for an address that says so, too.
const PAGE: &str = r#"<!doctype html><html lang=en><title>parts</title><link rel=stylesheet href=/style.css>
<h1>Parts</h1><img src=/image.svg alt=""><p id=said></p>
<script type=module>
import { word } from "/module.js";
const data = await (await fetch("/data.json")).json();
const posted = await fetch("/echo/here", { method: "PUT", body: "x".repeat(100000) });
await new Promise(done => document.readyState === "complete" ? done() : addEventListener("load", done));
const style = getComputedStyle(document.querySelector("h1")).color === "rgb(1, 2, 3)" ? "style" : "no-style";
const image = document.images[0].naturalWidth === 7 ? "image" : "no-image";
const said = [word, data.word, style, image, posted.status].join("-");
document.getElementById("said").textContent = said;
fetch("/said/" + said);
</script>"#;

/// What the page says when everything has come.
pub(crate) const SAID: &str = "module-data-style-image-201";

/// A server that ends with its owner.
pub(crate) struct Server {
    pub(crate) plain: SocketAddr,
    pub(crate) secure: SocketAddr,
    process: Child,
}

/// Files that every server has: the page, its parts, and letters to take parts of.
fn write_site(folder: &Path) {
    std::fs::create_dir_all(folder.join("said")).unwrap();
    std::fs::create_dir_all(folder.join("echo")).unwrap();
    for (name, text) in [
        ("page.html", PAGE),
        ("style.css", "h1 { color: rgb(1, 2, 3) }"),
        ("module.js", "export const word = 'module';"),
        ("data.json", "{\"word\":\"data\"}"),
        ("image.svg", "<svg xmlns='http://www.w3.org/2000/svg' width='7' height='7'/>"),
        ("letters.txt", "abcdefghijklmnopqrstuvwxyz"),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

/// nginx, over http, and over https with this chain and key.
pub(crate) fn nginx(folder: &Path, chain: &Path, key: &Path) -> Server {
    nginx_with(folder, chain, key, "")
}

/// The same with another parameter of its https listener. It notes for each request by which protocol it came.
pub(crate) fn nginx_with(folder: &Path, chain: &Path, key: &Path, listen: &str) -> Server {
    let site = folder.join("site");
    write_site(&site);
    // Whoever asks for another listener sends long bodies.
    let most = if listen.is_empty() { "4m" } else { "400m" };
    let (plain, secure) = (free_address(), free_address());
    let (folder, site) = (folder.display(), site.display());
    let text = format!(
        "daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{}}
http {{
    log_format said '$server_protocol $request_method $uri $status'; access_log {folder}/nginx.said said;
    etag on; absolute_redirect off; client_max_body_size {most};
    types {{ text/html html; text/css css; text/javascript js; application/json json; image/svg+xml svg; text/plain txt; }}
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen {plain}; listen {secure} ssl {listen}; root {site};
        ssl_certificate {}; ssl_certificate_key {};
        location /zipped/ {{ alias {site}/; gzip on; gzip_types *; gzip_min_length 1; }}
        location = /moved {{ return 302 /letters.txt; }}
        location /echo/ {{ dav_methods PUT DELETE; }}
    }}
}}
",
        chain.display(),
        key.display()
    );
    let file = format!("{folder}/nginx.conf");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new("nginx");
    // A user's PATH may lack the folder where Debian puts it.
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    command.args(["-c", &file]).env("PATH", path);
    Server::start(command, "nginx-light", plain, secure)
}

/// Python's http.server: HTTP/1.0, a connection for each request.
pub(crate) fn python(folder: &Path) -> Server {
    write_site(folder);
    let plain = free_address();
    let mut command = Command::new("python3");
    command.args(["-m", "http.server", "--bind", "127.0.0.1", "--directory"]).arg(folder).arg(plain.port().to_string());
    Server::start(command, "python3", plain, plain)
}

impl Server {
    fn start(mut command: Command, package: &str, plain: SocketAddr, secure: SocketAddr) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn();
        let process = process.unwrap_or_else(|error| panic!("{error}: it is in the apt package {package}"));
        let server = Self { plain, secure, process };
        let begun = Instant::now();
        while TcpStream::connect(plain).is_err() {
            assert!(begun.elapsed() < 3 * PATIENCE, "{package} does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
