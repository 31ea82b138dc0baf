//! curl, used as a browser uses the proxy: it keeps cookies, follows redirects and fills in forms.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use url::Url;

use super::world::World;

/// What Chromium sends with a navigation, on http as on https.
const NAVIGATION: [&str; 2] = ["Accept: text/html,application/xhtml+xml,*/*;q=0.8", "Upgrade-Insecure-Requests: 1"];

/// What it calls itself, in a CONNECT, too.
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36";

/// A browser.
pub(crate) struct Browser<'a> {
    pub(crate) world: &'a World,
    /// The proxy that it uses.
    pub(crate) proxy: SocketAddr,
    /// Where cookies are kept; nowhere, when they are blocked.
    pub(crate) jar: Option<PathBuf>,
    /// The client address.
    pub(crate) address: IpAddr,
    /// A process in whose network namespace it runs, unless that is this one's.
    pub(crate) namespace: Option<u32>,
    /// The authorities that it trusts.
    pub(crate) trusted: PathBuf,
    /// More options of curl.
    pub(crate) options: Vec<String>,
}

/// What a browser has before it after a request and the redirects that came of it.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) status: u16,
    /// The status of the last CONNECT, or 0.
    pub(crate) connect: u16,
    pub(crate) redirects: u32,
    pub(crate) url: String,
    /// All heads on the way, those of CONNECT included.
    pub(crate) heads: String,
    pub(crate) body: String,
    /// curl's exit code.
    pub(crate) exit: i32,
    pub(crate) messages: String,
}

/// A form on a page.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        let jar = Some(world.path("jar"));
        Self {
            world,
            proxy: world.proxy,
            jar,
            address: [127, 0, 0, 1].into(),
            namespace: None,
            trusted: world.bundle.clone(),
            options: Vec::new(),
        }
    }

    /// The same browser at another client address.
    pub(crate) fn at(mut self, address: [u8; 4]) -> Self {
        self.address = address.into();
        self
    }

    /// One that uses the secure web proxy of this name.
    pub(crate) fn by_way_of(mut self, name: &str, port: u16) -> Self {
        self.options.extend(["-x".to_owned(), format!("https://{name}:{port}")]);
        self.options.extend(["--resolve".to_owned(), format!("{name}:{port}:127.0.0.1")]);
        self.options.extend(["--proxy-cacert".to_owned(), self.trusted.display().to_string()]);
        self
    }

    /// A request without the proxy, as browsers fetch PAC files.
    pub(crate) fn ask_directly(&self, url: &str, options: &[&str]) -> Page {
        let mut all = vec!["--noproxy", "*"];
        all.extend(options);
        self.bare_curl(url, &all)
    }

    /// One that keeps no cookies.
    pub(crate) fn without_cookies(mut self) -> Self {
        self.jar = None;
        self
    }

    /// One that trusts these authorities only.
    pub(crate) fn trusting(mut self, authorities: &Path) -> Self {
        self.trusted = authorities.to_owned();
        self
    }

    /// Goes to `url`, wherever that leads.
    pub(crate) fn go(&self, url: &str) -> Page {
        self.curl(url, &["-L"])
    }

    /// Asks for `url` and stays at the first answer.
    pub(crate) fn ask(&self, url: &str) -> Page {
        self.curl(url, &[])
    }

    /// A navigation with more options of curl.
    pub(crate) fn curl(&self, url: &str, options: &[&str]) -> Page {
        let mut all = vec!["-A", USER_AGENT];
        all.extend(NAVIGATION.iter().flat_map(|field| ["-H", *field]));
        all.extend(options);
        self.bare_curl(url, &all)
    }

    /// A request with nothing but curl's own marks.
    pub(crate) fn bare_curl(&self, url: &str, options: &[&str]) -> Page {
        let (heads, body) = (self.world.path("heads"), self.world.path("body"));
        let mut command = self.command();
        command.args(["-sSv", "--max-time", "20", "--max-redirs", "15", "-D"]).arg(&heads).arg("-o").arg(&body);
        command.args(["-w", "%{http_code} %{http_connect} %{num_redirects} %{url_effective}", url]).args(options);
        let output = command.args(&self.options).stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|error| panic!("curl is needed, and `make test` installs it: {error}"));
        let written = String::from_utf8(output.stdout).unwrap();
        let mut parts = written.splitn(4, ' ');
        let mut number = || parts.next().unwrap().parse::<u32>().unwrap();
        let (status, connect, redirects) = (number(), number(), number());
        Page {
            status: u16::try_from(status).unwrap(),
            connect: u16::try_from(connect).unwrap(),
            redirects,
            url: parts.next().unwrap().to_owned(),
            heads: read(&heads),
            body: read(&body),
            exit: output.status.code().unwrap(),
            messages: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn command(&self) -> Command {
        let mut command = match self.namespace {
            None => Command::new("curl"),
            Some(process) => {
                let mut command = Command::new("nsenter");
                command.args(["--target", &process.to_string(), "--net", "curl"]);
                command
            }
        };
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.arg("-q").arg("-x").arg(format!("http://{}", self.proxy)).arg("--cacert").arg(&self.trusted);
        command.arg("--interface").arg(self.address.to_string());
        if let Some(jar) = &self.jar {
            command.arg("-b").arg(jar).arg("-c").arg(jar);
        }
        command
    }

    /// Sends a form of `page`, with these fields filled in.
    pub(crate) fn submit(&self, page: &Page, form: Form, filled: &[(&str, &str)]) -> Page {
        let action = Url::parse(&page.url).unwrap().join(&form.action).unwrap();
        let mut fields = form.fields;
        for (name, value) in filled {
            fields.retain(|(found, _)| found != name);
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        // On the command line a long Response would be in the way of whoever reads a failure.
        let file = self.world.path("form");
        std::fs::write(&file, encoded).unwrap();
        self.curl(action.as_str(), &["-L", "--data-binary", &format!("@{}", file.display())])
    }

    /// From the logon page to wherever the sign-in leads.
    pub(crate) fn sign_in(&self, logon: &Page, account: &str, password: &str) -> Page {
        let answer = self.until_answer(logon, account, password);
        self.submit(&answer, answer.form(), &[])
    }

    /// From the logon page to the identity provider's answer, which waits to be posted.
    pub(crate) fn until_answer(&self, logon: &Page, account: &str, password: &str) -> Page {
        let idp = self.submit(logon, logon.form(), &[("account", account)]);
        if idp.has_form("SAMLResponse") {
            return idp;
        }
        let answer = self.submit(&idp, idp.form(), &[("password", password)]);
        assert!(answer.has_form("SAMLResponse"), "no Response: {answer:#?}");
        answer
    }

    /// Goes to `url` and signs in as B.Simon on the way.
    pub(crate) fn arrive(&self, url: &str) -> Page {
        let logon = self.go(url);
        assert_eq!(logon.heading(), "Sign in", "{logon:#?}");
        let page = self.sign_in(&logon, "CONTOSO\\bsimon", "simon");
        assert_eq!((page.status, page.url.as_str()), (200, url), "{page:?}");
        page
    }

    /// Opens the page of a person who is signed in, and signs out there.
    pub(crate) fn sign_out(&self) -> Page {
        let page = self.go("https://portal.vestibule.test/me");
        let form = page.form();
        assert_eq!(form.action, "/sign-out", "{page:?}");
        let page = self.submit(&page, form, &[("where", "here")]);
        assert_eq!(page.heading(), "You are signed out", "{page:?}");
        page
    }

    /// Takes all cookies of a host out of the jar.
    pub(crate) fn forget(&self, host: &str) {
        let jar = self.jar.as_ref().unwrap();
        let text = read(jar);
        let kept: Vec<_> = text.lines().filter(|line| !line.contains(host)).collect();
        assert!(kept.len() < text.lines().count(), "no cookie of {host} in {text}");
        std::fs::write(jar, kept.join("\n") + "\n").unwrap();
    }

    /// The cookies in the jar: domain, name, value.
    pub(crate) fn cookies(&self) -> Vec<[String; 3]> {
        let text = read(self.jar.as_ref().unwrap());
        let lines = text.lines().map(|line| line.strip_prefix("#HttpOnly_").unwrap_or(line));
        let rows = lines.filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect::<Vec<_>>());
        rows.filter(|row| row.len() == 7).map(|row| [row[0], row[5], row[6]].map(str::to_owned)).collect()
    }

    /// The value of a cookie in the jar.
    pub(crate) fn cookie(&self, domain: &str, name: &str) -> Option<String> {
        self.cookies().into_iter().find(|[at, called, _]| at == domain && called == name).map(|[_, _, value]| value)
    }
}

impl Page {
    pub(crate) fn heading(&self) -> &str {
        let rest = self.body.split_once("<h1>").unwrap_or_else(|| panic!("no heading: {self:#?}")).1;
        rest.split_once("</h1>").unwrap().0
    }

    /// The first form.
    pub(crate) fn form(&self) -> Form {
        let (_, rest) = self.body.split_once("<form").unwrap_or_else(|| panic!("no form: {self:#?}"));
        let (form, _) = rest.split_once("</form>").unwrap();
        let (tag, inside) = form.split_once('>').unwrap();
        let inputs = inside.split("<input").skip(1).map(|input| input.split_once('>').unwrap().0);
        let fields = inputs.filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value"))));
        Form {
            action: attribute(tag, "action").unwrap(),
            fields: fields.map(|(name, value)| (name, value.unwrap_or_default())).collect(),
        }
    }

    pub(crate) fn has_form(&self, field: &str) -> bool {
        self.body.contains(&format!("name=\"{field}\""))
    }

    /// The values of a field in the last head.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let last = self.heads.trim_end().rsplit("\r\n\r\n").next().unwrap_or_default();
        let lines = last.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    /// The value of a field in the last head, which has it once.
    pub(crate) fn value(&self, name: &str) -> &str {
        let values = self.values(name);
        assert_eq!(values.len(), 1, "{name} in {self:#?}");
        values[0]
    }

    /// What `Proxy-Status` says besides the request's name, which it has.
    pub(crate) fn proxy_status(&self) -> String {
        without_request(self.value("proxy-status"))
    }

    /// Who vouched for the last TLS server.
    pub(crate) fn issuer(&self) -> Option<&str> {
        let name = self.messages.lines().filter_map(|line| line.strip_prefix("*  issuer: ")).next_back()?;
        name.split("; ").find_map(|part| part.strip_prefix("CN="))
    }
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "curl {}: {} (CONNECT {}) after {}", self.exit, self.status, self.connect, self.redirects)?;
        let last = self.messages.lines().next_back().unwrap_or_default();
        write!(f, "{}\n{last}\n{}\n{}", self.url, self.heads, self.body)
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\"")).or_else(|| tag.split_once(&format!("\n{name}=\"")))?;
    let text = rest.split_once('"')?.0;
    let entities = [("&#38;", "&"), ("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    Some(entities.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character)))
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// A `Proxy-Status` without the request's name, which is short and is not misheard.
pub(crate) fn without_request(proxy_status: &str) -> String {
    let Some((front, details)) = proxy_status.split_once("; details=\"request ") else {
        assert_eq!(proxy_status, "", "the request has no name");
        return String::new();
    };
    let name = details.strip_suffix('"').unwrap();
    let is_plain = |c: char| c.is_ascii_digit() || (c.is_ascii_lowercase() && !"ilou".contains(c));
    assert!(
        name.len() == 9 && name.char_indices().all(|(at, c)| if at == 4 { c == '-' } else { is_plain(c) }),
        "{name}"
    );
    front.to_owned()
}
