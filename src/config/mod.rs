//! The one file that says how the program behaves: read as a whole, checked as a whole.

mod changes;
mod check;
mod policy_file;
mod problem;
mod read;
mod secrets;
pub mod section;
mod tree;
mod words;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config_path::ConfigPath;
use crate::{authority, egress};
use crate::{directory, identity, lists, net, pac, policy, portal, proxy, saml, scim, session, signals};
pub use changes::{Change, changes};
pub(crate) use check::at;
pub use check::{Check, doubtful_names, hidden_paths, permitted, unused_lists};
use policy_file::Joined;
pub use problem::{Place, Problem, Problems, warnings_as_text};
use secrets::Secrets;
pub use tree::Step;

/// The whole configuration, as written: every module reads its own part.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder for what must survive a restart. Default `/var/lib/vestibule`.
    #[serde(default = "state")]
    pub state: ConfigPath,
    /// Whether the file is read again when it changes. Default: false. SIGHUP and `vestibule reload` do so in any case.
    #[serde(default)]
    pub watch: bool,
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
    pub limits: net::limits::Limits,
    /// Destinations by name, for rules.
    #[serde(rename = "list", default)]
    pub lists: Vec<lists::Config>,
    /// Who there is, by realm.
    #[serde(rename = "directory", default)]
    pub directories: Vec<directory::config::Config>,
    /// Who may go where.
    #[serde(default)]
    pub policy: policy::Config,
    /// The authority that vouches for intercepted sites.
    #[serde(default)]
    pub authority: authority::Config,
    /// What is to be said of interception beside the rules.
    #[serde(default)]
    pub interception: proxy::failures::Config,
    /// How the name of the proxy says whose connection it is.
    #[serde(default)]
    pub proxy_names: session::names::Config,
    /// How browsers find the proxy.
    #[serde(default)]
    pub pac: pac::Config,
    /// Where identity providers push people and groups to.
    #[serde(default)]
    pub scim: scim::Config,
    /// Who tells at once that a session or an account is no longer good.
    #[serde(default)]
    pub signals: Vec<signals::Config>,
    /// What is written down.
    #[serde(default)]
    pub log: section::Log,
    /// What is counted, and where that can be fetched.
    #[serde(default)]
    pub metrics: section::Metrics,
    /// The file that `[policy]` was read from, where it has one of its own.
    #[serde(skip)]
    pub policy_file: Option<PathBuf>,
}

/// The keys of [`Config`], as they stand in the file.
const SECTIONS: &[&str] = &[
    "state",
    "watch",
    "listener",
    "network",
    "portal",
    "realm",
    "session",
    "dns",
    "egress",
    "limits",
    "list",
    "directory",
    "policy",
    "authority",
    "interception",
    "proxy_names",
    "pac",
    "scim",
    "signals",
    "log",
    "metrics",
];

/// Those of which there may be several.
const SEVERAL: &[&str] = &["listener", "network", "realm", "list", "directory", "signals"];

/// Reads and checks the file at `path`. `environment` looks up an environment variable: secrets may be kept there.
///
/// Relative paths in the file begin at the folder that the file is in.
pub fn load(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Config, Problems> {
    load_with_text(path, environment).map(|loaded| loaded.config)
}

/// A configuration, and the text that it was read from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file, as it was named.
    pub file: String,
    /// Its text; after it that of the policy, where it has a file of its own.
    pub text: String,
    /// What is good, and may not be meant or not go well for long.
    pub warnings: Vec<Problem>,
}

/// What was found in a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What keeps it from being used.
    pub problems: Vec<Problem>,
    /// What may not be meant, or not go well for long.
    pub warnings: Vec<Problem>,
}

/// As [`load`], with the text, for whoever is to say later what has changed.
pub fn load_with_text(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Problems> {
    load_looking(path, environment, &|_, _| {})
}

/// What finds more in a configuration than the file shows, if only in a part of one that is broken.
pub type Look<'l> = dyn Fn(&Config, &mut Check<'_>) + 'l;

/// As [`load_with_text`], with what `look` finds among the problems and warnings.
pub fn load_looking(
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    look: &Look<'_>,
) -> Result<Loaded, Problems> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Problems {
        file: file.clone(),
        list: vec![Problem {
            message: format!("the file cannot be read: {error}"),
            help: ask_for_another(&error),
            place: None,
        }],
        warnings: Vec::new(),
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    match Joined::read(&text, folder) {
        Ok(joined) => parse_whole(Source { text, file, joined }, folder, environment, look),
        Err(problem) => Err(Problems { file, list: vec![*problem], warnings: Vec::new() }),
    }
}

/// What helps whoever has not said where the file is.
fn ask_for_another(error: &std::io::Error) -> Vec<String> {
    let is_missing = error.kind() == std::io::ErrorKind::NotFound;
    let help = "name the file with `--config FILE`, or in the environment variable VESTIBULE_CONFIG";
    is_missing.then(|| help.to_owned()).into_iter().collect()
}

/// As [`load`], from a text that is called `file` and stands in `folder`.
pub fn parse(
    text: &str,
    file: &str,
    folder: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Problems> {
    let source = Source { text: text.to_owned(), file: file.to_owned(), joined: None };
    parse_whole(source, folder, environment, &|_, _| {}).map(|loaded| loaded.config)
}

/// What a configuration is read from.
struct Source {
    text: String,
    file: String,
    /// The text with that of a second file, if there is one.
    joined: Option<Joined>,
}

fn parse_whole(
    Source { text, file, joined }: Source,
    folder: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    look: &Look<'_>,
) -> Result<Loaded, Problems> {
    let text = joined.as_ref().map_or(text, |joined| joined.text.clone());
    let mut reading = read::read::<Config>(&text, &Secrets::new(folder, environment));
    let mut value = reading.value.take();
    let (mut list, mut warnings) = (std::mem::take(&mut reading.problems), Vec::new());
    if let Some(config) = &mut value {
        for template in config.pac.file.iter_mut().map(|file| &mut file.template) {
            if let pac::Template::File { path, text } = template {
                *text = std::fs::read_to_string(path).ok();
            }
        }
        config.policy_file = joined.as_ref().map(|joined| joined.file.clone());
        let found = check::check(config, (&text, joined.as_ref()), &reading, look);
        list.extend(found.problems);
        warnings = found.warnings;
    }
    drop(reading);
    list.sort_by(|a, b| a.place.cmp(&b.place));
    warnings.sort_by(|a, b| a.place.cmp(&b.place));
    if let Some(joined) = &joined {
        list.iter_mut().chain(&mut warnings).for_each(|problem| joined.locate(problem));
    }
    match value {
        Some(config) if list.is_empty() => Ok(Loaded { config, file, text, warnings }),
        _ => Err(Problems { file, list, warnings }),
    }
}

/// Where the state folder is, by a file that may be broken: whoever asks a running program only needs to find it.
pub fn state_folder(path: &Path) -> PathBuf {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let (tree, _) = tree::Tree::parse(&text);
    let folder = path.parent().unwrap_or(Path::new(""));
    match tree.find(at!["state"]) {
        Some((_, tree::Node::Text(written))) => folder.join(written),
        _ => state().into(),
    }
}

impl Config {
    /// What the dialler is told, by `[dns]` and `[egress]`.
    pub fn dial(&self) -> egress::Config {
        egress::Config {
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
}

fn state() -> ConfigPath {
    ConfigPath::at("/var/lib/vestibule")
}

#[cfg(test)]
mod tests;
