//! One `[[realm]]` of the configuration.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::identity::Realm;
use crate::saml::{ClaimMap, IdentityProvider, ServiceProvider, claims, identity_provider};

/// One `[[realm]]`, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name that records show and rules match.
    pub name: String,
    /// The DNS domains of its people: what stands behind the `@`.
    pub domains: Vec<String>,
    /// The DNS domain that each NetBIOS domain stands for: `CONTOSO = "contoso.com"`.
    #[serde(default)]
    pub netbios: BTreeMap<String, String>,
    /// Our entity ID at this identity provider: Entra's *Identifier*.
    pub entity_id: String,
    /// Paths of the portal at which Responses are taken besides `/saml/acs`, each beginning with `/`.
    #[serde(default)]
    pub acs_aliases: Vec<String>,
    /// The identity provider's metadata, as a file. Else `issuer`, `login_url` and `certificate` are needed.
    pub metadata: Option<PathBuf>,
    /// The identity provider's entity ID: *Microsoft Entra Identifier*.
    pub issuer: Option<String>,
    /// *Login URL*.
    pub login_url: Option<String>,
    /// *Logout URL*.
    pub logout_url: Option<String>,
    /// *Certificate (Base64)*, as a file: PEM, bare base64 or DER.
    pub certificate: Option<PathBuf>,
    /// The claims that name a person, the first one that is there. Default: `uPN`, Entra's name and mail address,
    /// `sAMAccountName`.
    #[serde(default = "identity_claims")]
    pub identity_claims: Vec<String>,
    /// The claim that names their groups. Default: Entra's.
    #[serde(default = "group_claim")]
    pub group_claim: String,
    /// Authorities (a PEM file) that must have issued the identity provider's certificate.
    pub require_ca_signed: Option<PathBuf>,
    /// What happens when somebody else signs in than was typed. Default `accept`.
    #[serde(default)]
    pub mismatch: Mismatch,
    /// The only tenant (a GUID) whose people are taken.
    pub require_tenant: Option<String>,
}

/// What happens when somebody else signs in at the identity provider than was typed at the portal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mismatch {
    /// They are taken for who they are, and it is recorded.
    #[default]
    Accept,
    /// So, too, and they are told.
    Warn,
    /// They are sent away.
    Refuse,
}

/// What is wrong with a realm.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that cannot be read.
    #[error("{}: {cause}", path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A key is missing.
    #[error("`{0}` is missing: give `metadata`, or `issuer`, `login_url` and `certificate`")]
    Missing(&'static str),
    /// Two ways of saying the same.
    #[error("`{0}` cannot stand beside `metadata`")]
    Superfluous(&'static str),
    /// What is said of the identity provider cannot be used.
    #[error(transparent)]
    IdentityProvider(#[from] identity_provider::Error),
}

fn identity_claims() -> Vec<String> {
    claims::IDENTITY.map(str::to_owned).to_vec()
}

fn group_claim() -> String {
    claims::GROUPS.to_owned()
}

impl Config {
    /// For which names this realm answers.
    pub fn realm(&self) -> Realm {
        Realm {
            name: self.name.clone(),
            domains: self.domains.iter().map(|domain| domain.to_lowercase()).collect(),
            netbios: self.netbios.iter().map(|(short, dns)| (short.clone(), dns.to_lowercase())).collect(),
        }
    }

    /// Us, for this realm. `portal` is the portal's origin, such as `https://portal.example.com`; `acs` the path at
    /// which Responses are taken.
    pub fn service_provider(&self, portal: &str, acs: &str) -> ServiceProvider {
        let portal = portal.trim_end_matches('/');
        ServiceProvider {
            entity_id: self.entity_id.clone(),
            acs_url: format!("{portal}{acs}"),
            acs_aliases: self.acs_aliases.iter().map(|path| format!("{portal}{path}")).collect(),
        }
    }

    /// Which claims say who somebody is.
    pub fn claim_map(&self) -> ClaimMap {
        ClaimMap {
            realm: self.name.clone(),
            identity: self.identity_claims.clone(),
            groups: self.group_claim.clone(),
            tenant: self.require_tenant.clone(),
        }
    }

    /// The identity provider. `read` reads a file that the configuration names.
    pub fn identity_provider(&self, read: impl Fn(&Path) -> io::Result<Vec<u8>>) -> Result<IdentityProvider, Error> {
        let read = |path: &Path| read(path).map_err(|cause| Error::Unreadable { path: path.to_owned(), cause });
        let idp = match &self.metadata {
            Some(path) => {
                self.check_metadata_alone()?;
                IdentityProvider::from_metadata(&String::from_utf8_lossy(&read(path)?))?
            }
            None => IdentityProvider::from_parts(
                self.issuer.as_deref().ok_or(Error::Missing("issuer"))?,
                self.login_url.as_deref().ok_or(Error::Missing("login_url"))?,
                self.logout_url.as_deref(),
                &read(self.certificate.as_ref().ok_or(Error::Missing("certificate"))?)?,
            )?,
        };
        if let Some(authorities) = &self.require_ca_signed {
            idp.check_issued_by(&read(authorities)?)?;
        }
        Ok(idp)
    }

    fn check_metadata_alone(&self) -> Result<(), Error> {
        let beside = [
            ("issuer", self.issuer.is_some()),
            ("login_url", self.login_url.is_some()),
            ("logout_url", self.logout_url.is_some()),
            ("certificate", self.certificate.is_some()),
        ];
        let superfluous = beside.into_iter().find(|(_, given)| *given);
        superfluous.map_or(Ok(()), |(key, _)| Err(Error::Superfluous(key)))
    }
}

#[cfg(test)]
#[path = "tests/config_tests.rs"]
mod tests;
