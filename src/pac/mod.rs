//! Proxy auto-configuration: the JavaScript that a browser on a network gets.
//!
//! A file is one variable, `vestibule`, and a template after it that reads the variable. The variable is written as
//! JSON in ASCII, so nothing that comes from the configuration or from a request can become code. It holds no person's
//! name and no secret: browsers fetch the file without cookies, and may keep it. It may hold a proxy host name of one
//! client's own, which is readable on the wire anyway.

mod config;
mod direct;
mod engine;
mod script;

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use direct::{Net, PRIVATE_NAMES, Rules};
use serde::Serialize;

use crate::identity::Network;
use crate::wire::target::Host;

pub use config::{BUILT_IN, Config, File, Names, Proxy, Skip, Template, Way};

/// The media type of a PAC file.
pub const MEDIA_TYPE: &str = "application/x-ns-proxy-autoconfig";

/// What a PAC file tells that other sections of the configuration know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The portal's host name.
    pub portal_host: String,
    /// Hosts of the identity providers: where a browser goes to sign in.
    pub idp_hosts: Vec<String>,
    /// The proxy to name where a file names none. `None`: the address that the file was fetched from.
    pub proxy: Option<Proxy>,
}

/// One PAC file, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The text, in ASCII.
    pub body: Bytes,
    /// A strong entity tag, with its quotes. `None` for a file of one client's own, which no cache may serve to others.
    pub etag: Option<String>,
    /// For how many seconds a browser may keep it without asking again.
    pub max_age: u64,
}

/// Why PAC files cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Two files have the same name.
    #[error("two PAC files are called `{0}`")]
    SameName(String),
    /// The name has characters that the address of a PAC file does not take.
    #[error("`{0}` cannot be the name of a PAC file: only a-z, 0-9, `-` and `_` are allowed")]
    BadName(String),
    /// The template of this file has not been read.
    #[error("the template `{0}` was not read")]
    NotRead(String),
    /// The function is not declared with `function` at the top level, where alone browsers find it.
    #[error("it has no `function FindProxyForURL(url, host)` at the top level; a `const` or `let` is not found")]
    NoFunction,
    /// A bracket is not closed, or closes none.
    #[error("the bracket in line {line} has no matching bracket")]
    Unbalanced {
        /// Where, counted from 1.
        line: usize,
    },
    /// A string, comment or regular expression has no end.
    #[error("the string, comment or regular expression that begins in line {line} has no end")]
    Unclosed {
        /// Where, counted from 1.
        line: usize,
    },
    /// A character is not ASCII. Browsers disagree on the encoding of a PAC file.
    #[error("line {line} holds a character that is not ASCII")]
    NotAscii {
        /// Where, counted from 1.
        line: usize,
    },
    /// The template asks the DNS, which delays every request.
    #[error(
        "`{function}` in line {line} asks the DNS, for every request of every browser (`lookups = true` allows it)"
    )]
    Lookup {
        /// The function that it calls.
        function: String,
        /// Where, counted from 1.
        line: usize,
    },
    /// A JavaScript engine cannot read it, or cannot run what stands outside of its functions: browsers go direct.
    #[error("line {line}, column {column}: {message}")]
    Script {
        /// Where, counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
        /// What the engine says.
        message: String,
    },
    /// It could not be tried out.
    #[error("it could not be run: {0}")]
    Engine(String),
    /// The template is longer than what browsers read.
    #[error("it is longer than 1 MiB, and browsers read no more")]
    TooLong,
}

/// Something in a template that is good JavaScript, and that its author may not mean.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Slip {
    /// Where, counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What it is.
    pub message: String,
}

/// All PAC files.
#[derive(Debug)]
pub struct Pac {
    /// In the order of the configuration. The first one also answers for `/proxy.pac` and `/wpad.dat` if no file is
    /// called so.
    files: Vec<Arc<Rendering>>,
    max_age: u64,
    /// What they were made of.
    made_of: (Config, Facts),
}

impl Pac {
    /// Checks the files and renders what does not depend on the request.
    pub fn build(config: &Config, facts: &Facts) -> Result<Self, Error> {
        let standard = [File::named("proxy")];
        let files = if config.file.is_empty() { &standard[..] } else { &config.file };
        let mut made: Vec<Arc<Rendering>> = Vec::new();
        for file in files {
            check_name(&file.name)?;
            if made.iter().any(|other| other.name == file.name) {
                return Err(Error::SameName(file.name.clone()));
            }
            made.push(Arc::new(Rendering::new(file, facts, config.max_age.as_seconds())?));
        }
        Ok(Self { files: made, max_age: config.max_age.as_seconds(), made_of: (config.clone(), facts.clone()) })
    }

    /// Whether these files are what would be made of `config`, with its templates, and `facts`.
    pub fn is_of(&self, config: &Config, facts: &Facts) -> bool {
        self.made_of.0 == *config && self.made_of.1 == *facts
    }

    /// What the authors of templates may not mean, with the names of the files.
    pub fn slips(&self) -> impl Iterator<Item = (&str, &Slip)> {
        self.files.iter().flat_map(|file| file.slips.iter().map(|slip| (file.name.as_str(), slip)))
    }

    /// The file at `path` for a client on `network`.
    ///
    /// `host` is the Host field of the request: it names the proxy where the configuration names none. `None` if
    /// nothing is served at this path, or if such a Host field does not hold a host.
    pub fn serve(&self, path: &str, network: &str, host: Option<&str>) -> Option<Document> {
        let file = self.at(path)?;
        match file.by_network.get(network).or(file.everywhere.as_ref()) {
            Some(document) => Some(document.clone()),
            None => Some(file.document(&[fetched_from(host?)?])),
        }
    }

    /// Whether the file at `path` gives each client on `network` a proxy host name of its own.
    pub fn hands_out_names(&self, path: &str, network: &Network) -> bool {
        self.at(path).is_some_and(|file| {
            let gives = match file.names {
                Names::Always => true,
                Names::Shared => network.shared,
                Names::Never => false,
            };
            gives && !file.by_network.contains_key(&*network.name)
        })
    }

    /// Whether any of these files makes browsers reach `host` without the proxy.
    pub fn sends_direct(&self, host: &Host<String>) -> bool {
        self.files.iter().any(|file| file.variable.sends_direct(host, file.rules))
    }

    /// The file at `path`, naming this proxy, for one client alone.
    pub fn serve_own(&self, path: &str, proxy: &Proxy) -> Option<Document> {
        Some(Document { etag: None, ..self.at(path)?.document(std::slice::from_ref(proxy)) })
    }

    /// Whether a PAC file is served at `path`.
    pub fn has(&self, path: &str) -> bool {
        self.at(path).is_some()
    }

    /// For how many seconds browsers may keep a file.
    pub fn max_age(&self) -> u64 {
        self.max_age
    }

    fn at(&self, path: &str) -> Option<&Arc<Rendering>> {
        let named = |name: &str| self.files.iter().find(|file| file.name == name);
        match path {
            "/proxy.pac" => named("proxy").or(self.files.first()),
            "/wpad.dat" => named("wpad").or_else(|| named("proxy")).or(self.files.first()),
            _ => named(path.strip_prefix('/')?.strip_suffix(".pac")?),
        }
    }
}

/// One file, with everything but the proxies filled in.
#[derive(Debug)]
struct Rendering {
    name: String,
    template: String,
    variable: Variable,
    rules: Rules,
    names: Names,
    direct_after_proxy: bool,
    max_age: u64,
    /// The files of the networks that have proxies of their own.
    by_network: HashMap<String, Document>,
    /// The file of the other networks, if their proxies are known in advance.
    everywhere: Option<Document>,
    slips: Vec<Slip>,
}

/// The variable `vestibule`. What it holds is described in `pac/standard.pac`.
#[derive(Clone, Debug, Serialize)]
struct Variable {
    proxy: String,
    portal: Vec<String>,
    portal_direct: bool,
    idp: Vec<String>,
    idp_direct: bool,
    private_direct: bool,
    skip_hosts: Vec<String>,
    skip_nets: Vec<Net>,
    private_names: [&'static str; 4],
    private_nets: Vec<Net>,
}

impl Rendering {
    fn new(file: &File, facts: &Facts, max_age: u64) -> Result<Self, Error> {
        let template = match &file.template {
            Template::BuiltIn { text, .. } => (*text).to_owned(),
            Template::File { text: Some(text), .. } => text.clone(),
            Template::File { path, text: None } => return Err(Error::NotRead(path.display().to_string())),
        };
        let tokens = script::check(&template, file.lookups)?;
        let variable = Variable::new(file, facts);
        let slips = match &file.template {
            // Tests run these.
            Template::BuiltIn { .. } => Vec::new(),
            Template::File { .. } => engine::check(&template, &tokens, javascript(&variable))?,
        };
        drop(tokens);
        let mut made = Self {
            name: file.name.clone(),
            template,
            variable,
            rules: match &file.template {
                Template::BuiltIn { name, .. } if name == "all" => Rules::SignIn,
                _ => Rules::All,
            },
            names: file.names(),
            direct_after_proxy: file.direct_after_proxy,
            max_age,
            by_network: HashMap::new(),
            everywhere: None,
            slips,
        };
        let own = file.networks.iter().filter(|(_, proxies)| !proxies.is_empty());
        made.by_network = own.map(|(network, proxies)| (network.clone(), made.document(proxies))).collect();
        let proxies = if file.proxies.is_empty() { facts.proxy.as_slice() } else { &file.proxies };
        made.everywhere = (!proxies.is_empty()).then(|| made.document(proxies));
        Ok(made)
    }

    fn document(&self, proxies: &[Proxy]) -> Document {
        let mut answers: Vec<String> = proxies.iter().map(Proxy::to_string).collect();
        if self.direct_after_proxy {
            answers.push("DIRECT".to_owned());
        }
        let variable = Variable { proxy: answers.join("; "), ..self.variable.clone() };
        let body = format!("var vestibule = {};\n\n{}", javascript(&variable), self.template);
        let hash = digest::digest(&digest::SHA256, body.as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(hash.as_ref().split_at(12).0);
        Document { body: Bytes::from(body), etag: Some(format!("\"{tag}\"")), max_age: self.max_age }
    }
}

impl Variable {
    fn new(file: &File, facts: &Facts) -> Self {
        let mut skip_hosts = Vec::new();
        let mut skip_nets = Vec::new();
        for skip in &file.skip {
            match skip {
                Skip::Exact(name) => skip_hosts.push(name.clone()),
                Skip::Domain(name) => skip_hosts.extend([name.clone(), format!(".{name}")]),
                Skip::Net(net) => skip_nets.push((groups(net.network()), net.prefix_len())),
            }
        }
        Self {
            proxy: String::new(),
            portal: as_seen(std::slice::from_ref(&facts.portal_host)),
            portal_direct: file.portal == Way::Direct,
            idp: as_seen(&facts.idp_hosts),
            idp_direct: file.idp == Way::Direct,
            private_direct: file.private_direct,
            skip_hosts,
            skip_nets,
            private_names: PRIVATE_NAMES,
            private_nets: direct::private_nets(),
        }
    }
}

/// Host names as a browser passes them to a PAC file.
fn as_seen(hosts: &[String]) -> Vec<String> {
    hosts.iter().filter_map(|host| config::name_of(host)).collect()
}

/// An address's 16-bit groups: two for IPv4, eight for IPv6.
fn groups(address: std::net::IpAddr) -> Vec<u16> {
    match address.to_canonical() {
        std::net::IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            vec![u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
        }
        std::net::IpAddr::V6(address) => address.segments().to_vec(),
    }
}

/// `value` as a JavaScript expression in ASCII, safe in a script and in HTML.
fn javascript(value: &impl Serialize) -> String {
    // Serialising strings and numbers into memory does not fail. If it did, a file without its variable would throw in
    // the browser, which would then go direct; so this panics, and nothing is served.
    let json = serde_json::to_string(value).unwrap_or_else(|_| unreachable!("strings and numbers are JSON"));
    let mut ascii = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' => ascii.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ if c.is_ascii() && !c.is_ascii_control() => ascii.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| ascii.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    ascii
}

/// The proxy that a Host field names. Without a port, the default port of http.
fn fetched_from(host: &str) -> Option<Proxy> {
    host.parse().or_else(|_| format!("{host}:80").parse()).ok().filter(|_| !host.contains('/'))
}

fn check_name(name: &str) -> Result<(), Error> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if !name.is_empty() && name.len() <= 64 && name.bytes().all(good) {
        Ok(())
    } else {
        Err(Error::BadName(name.to_owned()))
    }
}

#[cfg(test)]
mod tests;
