//! The one file that says how the program behaves: read as a whole, checked as a whole.

mod check;
mod problem;
mod read;
mod secrets;
pub mod section;
mod tree;
mod words;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::proxy::dial;
use crate::{identity, pac, policy, portal, saml, session, wire};
pub use check::doubtful_names;
pub use problem::{Place, Problem, Problems};
use secrets::Secrets;

/// The whole configuration, as written: every module reads its own part.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder for what must survive a restart. Default `/var/lib/vestibule`.
    #[serde(default = "state")]
    pub state: PathBuf,
    /// Where clients connect.
    #[serde(rename = "listener", default)]
    pub listeners: Vec<section::Listener>,
    /// Where they come from.
    #[serde(rename = "network", default)]
    pub networks: Vec<identity::network::Config>,
    /// Where people sign in.
    pub portal: portal::Config,
    /// Who says who they are.
    #[serde(rename = "realm", default)]
    pub realms: Vec<saml::Config>,
    /// How long they stay signed in.
    #[serde(default)]
    pub session: session::Config,
    /// How names become addresses.
    #[serde(default)]
    pub dns: section::Dns,
    /// Which addresses are dialled.
    #[serde(default)]
    pub egress: section::Egress,
    /// The bounds that everything from the network is held to.
    #[serde(default)]
    pub limits: wire::limits::Limits,
    /// Who may go where.
    #[serde(default)]
    pub policy: policy::Config,
    /// How the name of the proxy says whose connection it is.
    #[serde(default)]
    pub proxy_names: session::names::Config,
    /// How browsers find the proxy.
    #[serde(default)]
    pub pac: pac::Config,
    /// What is written down.
    #[serde(default)]
    pub log: section::Log,
    /// What is counted, and where that can be fetched.
    #[serde(default)]
    pub metrics: section::Metrics,
}

/// The keys of [`Config`], as they stand in the file.
const SECTIONS: &[&str] = &[
    "state",
    "listener",
    "network",
    "portal",
    "realm",
    "session",
    "dns",
    "egress",
    "limits",
    "policy",
    "proxy_names",
    "pac",
    "log",
    "metrics",
];

/// Those of which there may be several.
const SEVERAL: &[&str] = &["listener", "network", "realm"];

/// Reads and checks the file at `path`. `environment` looks up a variable: secrets may be kept there.
///
/// Relative paths in the file begin at the folder that the file is in.
pub fn load(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Config, Problems> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Problems {
        file: file.clone(),
        list: vec![Problem { message: format!("the file can't be read: {error}"), help: vec![], place: None }],
    })?;
    parse(&text, &file, path.parent().unwrap_or(Path::new("")), environment)
}

/// As [`load`], from a text that is called `file` and stands in `folder`.
pub fn parse(
    text: &str,
    file: &str,
    folder: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Problems> {
    let mut reading = read::read::<Config>(text, &Secrets::new(folder, environment));
    let mut value = reading.value.take();
    let mut list = std::mem::take(&mut reading.problems);
    if let Some(config) = &mut value {
        config.settle(folder);
        list.extend(check::check(config, text, &reading));
    }
    list.sort_by(|a, b| a.place.cmp(&b.place));
    match value {
        Some(config) if list.is_empty() => Ok(config),
        _ => Err(Problems { file: file.to_owned(), list }),
    }
}

impl Config {
    /// What the dialler is told, by `[dns]` and `[egress]`.
    pub fn dial(&self) -> dial::Config {
        dial::Config {
            allow: self.egress.allow.clone(),
            refuse: self.egress.refuse.clone(),
            connect_ports: self.egress.connect_ports.clone(),
            http_ports: self.egress.http_ports.clone(),
            trust: self.egress.trust.clone(),
            source: self.egress.source.clone(),
            route: self.egress.route.clone(),
            direct: self.egress.direct.clone(),
            parents: self.egress.parents.clone(),
            servers: self.dns.servers.iter().map(|server| server.0).collect(),
            hosts: self.dns.hosts.0.clone(),
            dns_time: self.dns.timeout,
        }
    }

    /// Lets relative paths begin at `folder`.
    fn settle(&mut self, folder: &Path) {
        let portal = &mut self.portal;
        let mut paths: Vec<&mut PathBuf> = vec![&mut self.state];
        paths.extend(
            [&mut portal.certificate, &mut portal.key, &mut portal.logo, &mut portal.guest_terms_file]
                .into_iter()
                .flatten(),
        );
        paths.extend(&mut self.egress.trust);
        paths.extend(&mut self.session.redis.ca);
        for tls in self.listeners.iter_mut().filter_map(|listener| listener.tls.as_mut()) {
            paths.extend([&mut tls.certificate, &mut tls.key, &mut tls.client_ca].into_iter().flatten());
        }
        for realm in &mut self.realms {
            paths.extend(
                [
                    &mut realm.metadata,
                    &mut realm.metadata_certificate,
                    &mut realm.certificate,
                    &mut realm.require_ca_signed,
                ]
                .into_iter()
                .flatten(),
            );
            paths.extend(realm.keys.iter_mut().map(|key| &mut key.certificate));
        }
        for log in std::iter::once(&mut self.log.access).chain(&mut self.log.audit) {
            if let section::AccessLog::File(path) = log {
                paths.push(path);
            }
        }
        for path in paths {
            *path = folder.join(&path);
        }
        for file in &mut self.pac.file {
            if let pac::Template::File { path, text } = &mut file.template {
                let whole = folder.join(&path);
                *text = std::fs::read_to_string(&whole).ok();
                *path = whole.display().to_string();
            }
        }
    }
}

fn state() -> PathBuf {
    PathBuf::from("/var/lib/vestibule")
}

#[cfg(test)]
mod tests;
