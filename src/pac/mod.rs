//! Proxy auto-configuration: which JavaScript a browser on this network gets.
//!
//! A file is a template behind one variable, `vestibule`, that holds what the template needs to know. All of it is
//! written as JSON in ASCII, so nothing that comes from the configuration or from a request can become code. Nobody's
//! name and no secret is in it: browsers fetch it without cookies, and keep it for hours. A name of the proxy may be: it
//! is one client's own, and readable on the wire anyway.

mod config;
mod direct;
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

pub use config::{BUILT_IN, Config, File, Malformed, Names, Proxy, Skip, Template, Way};

/// The media type of a PAC file.
pub const MEDIA_TYPE: &str = "application/x-ns-proxy-autoconfig";

/// What the rest of the program knows and a PAC file tells.
#[derive(Clone, Debug, Default)]
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
    /// A strong entity tag, with its quotes. None for a file that is one client's own: nobody may keep it for others.
    pub etag: Option<String>,
    /// For how many seconds it may be kept without asking again.
    pub max_age: u64,
}

/// Why PAC files can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Two files have the same name.
    #[error("two PAC files are called `{0}`")]
    SameName(String),
    /// A name that can't stand in an address.
    #[error("`{0}` can't be the name of a PAC file: only a-z, 0-9, `-` and `_` can")]
    BadName(String),
    /// The template of this file has not been read.
    #[error("the template `{0}` was not read")]
    NotRead(String),
    /// Browsers find the function only if it is declared so, at the top.
    #[error("it has no `function FindProxyForURL(url, host)` at the top level; a `const` or `let` is not found")]
    NoFunction,
    /// A bracket has no partner.
    #[error("the bracket in line {line} has no partner")]
    Unbalanced {
        /// Where, counted from 1.
        line: usize,
    },
    /// A string, comment or regular expression has no end.
    #[error("what begins in line {line} has no end")]
    Unclosed {
        /// Where, counted from 1.
        line: usize,
    },
    /// Browsers disagree on the encoding of a PAC file.
    #[error("line {line} holds a character that is not ASCII")]
    NotAscii {
        /// Where, counted from 1.
        line: usize,
    },
    /// It asks the DNS, which delays every request.
    #[error(
        "`{function}` in line {line} asks the DNS, for every request of every browser (`lookups = true` allows it)"
    )]
    Lookup {
        /// What is called.
        function: String,
        /// Where, counted from 1.
        line: usize,
    },
    /// Longer than browsers read.
    #[error("it is longer than 1 MiB, which browsers don't read")]
    TooLong,
}

/// All PAC files.
#[derive(Debug)]
pub struct Pac {
    /// By name. The first one is also found under the names that nothing else has.
    files: Vec<Arc<Rendering>>,
    max_age: u64,
}

impl Pac {
    /// Checks the files and makes what can be made in advance.
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
        Ok(Self { files: made, max_age: config.max_age.as_seconds() })
    }

    /// The file at `path` for a client on `network`.
    ///
    /// `host` is the Host field of the request: it names the proxy where the configuration names none. `None` if
    /// nothing is served at this path, or if the proxy would have to be named after a Host field that is no host.
    pub fn serve(&self, path: &str, network: &str, host: Option<&str>) -> Option<Document> {
        let file = self.at(path)?;
        match file.by_network.get(network).or(file.everywhere.as_ref()) {
            Some(document) => Some(document.clone()),
            None => Some(file.document(&[fetched_from(host?)?])),
        }
    }

    /// Whether the file at `path` gives each client on `network` a name of its own for the proxy.
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

    /// Whether browsers with any of these files reach `host` without the proxy.
    pub fn sends_direct(&self, host: &Host<String>) -> bool {
        self.files.iter().any(|file| file.variable.sends_direct(host, file.rules))
    }

    /// The file at `path` with this proxy in it, for one client alone.
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
    /// Where a network has proxies of its own.
    by_network: HashMap<String, Document>,
    /// For the other networks, if the proxies are known in advance.
    everywhere: Option<Document>,
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
            Template::File { path, text: None } => return Err(Error::NotRead(path.clone())),
        };
        script::check(&template, file.lookups)?;
        let mut made = Self {
            name: file.name.clone(),
            template,
            variable: Variable::new(file, facts),
            rules: match &file.template {
                Template::BuiltIn { name, .. } if name == "all" => Rules::SignIn,
                _ => Rules::All,
            },
            names: file.names(),
            direct_after_proxy: file.direct_after_proxy,
            max_age,
            by_network: HashMap::new(),
            everywhere: None,
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

/// Host names as a browser hands them to a PAC file.
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

/// `value` as a JavaScript expression in ASCII, harmless wherever it is put.
fn javascript(value: &impl Serialize) -> String {
    // Serialising strings and numbers into memory does not fail. A file without its variable would throw, and the
    // browser would go direct; so this says what it stands for.
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

/// The proxy that a Host field names. Without a port it is the default one of http.
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
