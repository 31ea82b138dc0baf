//! The `[authority]` section: the operator's own authority, or what the one is like that Vestibule makes.

use serde::Deserialize;

use crate::config_path::ConfigPath;
use crate::secret::Secret;
use crate::units::Duration;

/// The name that devices show for the authority's certificate.
const NAME: &str = "Vestibule interception";

/// The `[authority]` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What devices call an authority that is made here (its common name). Default: `Vestibule interception`.
    pub name: String,
    /// Whose it is. Default: `Vestibule`.
    pub organization: String,
    /// The certificate of the operator's own authority (PEM); those above it may follow.
    pub certificate: Option<ConfigPath>,
    /// Its key (PEM).
    pub key: Option<ConfigPath>,
    /// What the key, or the PKCS #12 file, is encrypted with.
    pub key_password: Option<Secret>,
    /// The certificates above it (PEM), with the root that devices trust.
    pub chain: Option<ConfigPath>,
    /// All of these in one file (PKCS #12).
    pub pkcs12: Option<ConfigPath>,
    /// The names and addresses for which leaves are issued. Default: all.
    pub permitted_names: Vec<String>,
    /// How long before the end of a certificate of the authority that is said. Default: 60, 30 and 7 days.
    pub warn_at: Vec<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: NAME.to_owned(),
            organization: "Vestibule".to_owned(),
            certificate: None,
            key: None,
            key_password: None,
            chain: None,
            pkcs12: None,
            permitted_names: Vec::new(),
            warn_at: [60, 30, 7].map(Duration::days).to_vec(),
        }
    }
}

impl Config {
    /// Whether the operator has named an authority of their own, so that none is made.
    pub fn is_given(&self) -> bool {
        self.certificate.is_some() || self.pkcs12.is_some()
    }
}
