//! One `[[realm]]` of the configuration.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use url::Url;

use crate::clock::SignedDuration;
use crate::config_path::ConfigPath;
use crate::identity::realm::plain_domain;
use crate::identity::{ForeignNames, Realm};
use crate::saml::request::Options;
use crate::saml::{Binding, ClaimMap, Key, ServiceProvider, claims, identity_provider, key};

/// Where Responses are wanted, unless a realm says otherwise.
pub const ACS_PATH: &str = "/saml/acs";

/// Where messages of Single Logout are taken: Entra's *Logout Url*.
pub const SLO_PATH: &str = "/saml/slo";

/// Why a path is not one at which Responses can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// A whole address.
    #[error("it is a whole address: write its path alone, which begins with `/`; the portal's `url` comes before it")]
    Address,
    /// Something else than a path.
    #[error("it is not a path that begins with `/`")]
    NoPath,
    /// Characters that browsers write in another way.
    #[error(
        "browsers would write it in another way: it has dots, blanks or characters in it that do not stand in a path"
    )]
    Unusual,
    /// What stands for other things in a path.
    #[error("a part of it begins with `:` or `*`")]
    Pattern,
}

/// The path of a place where Responses are wanted, as it is written in `acs`: without its query.
pub fn acs_path(written: &str) -> Result<&str, BadPath> {
    if written.contains("://") && !written.starts_with('/') {
        return Err(BadPath::Address);
    }
    if !written.starts_with('/') || written.starts_with("//") {
        return Err(BadPath::NoPath);
    }
    let (path, query) = written.split_once('?').map_or((written, None), |(path, query)| (path, Some(query)));
    let url = Url::parse(&format!("https://portal.invalid{written}")).map_err(|_| BadPath::NoPath)?;
    if url.path() != path || url.query() != query || url.fragment().is_some() {
        return Err(BadPath::Unusual);
    }
    let is_pattern = |part: &str| part.starts_with([':', '*', '{']);
    if path.split('/').any(is_pattern) { Err(BadPath::Pattern) } else { Ok(path) }
}

/// One `[[realm]]`, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name that records show and rules match.
    pub name: String,
    /// The DNS domains of its people: what follows the `@`.
    pub domains: Vec<String>,
    /// The domains besides its own in which its identity provider may name people: `true` for all that are no other realm's,
    /// or a list. Default: none.
    #[serde(default)]
    pub foreign_names: ForeignNames,
    /// The DNS domain that each NetBIOS domain stands for: `CONTOSO = "contoso.com"`.
    #[serde(default)]
    pub netbios: BTreeMap<String, String>,
    /// Our entity ID at this identity provider: Entra's *Identifier*.
    pub entity_id: String,
    /// The path of the portal at which Responses are wanted, beginning with `/`: with the portal's address before it,
    /// Entra's *Reply URL*. It may have a query. Default `/saml/acs`.
    #[serde(default = "acs")]
    pub acs: String,
    /// Further paths at which Responses are taken.
    #[serde(default)]
    pub acs_aliases: Vec<String>,
    /// The identity provider's metadata, as a file. Without it, `metadata_url` is needed, or `issuer`, `login_url` and
    /// `certificate`.
    pub metadata: Option<ConfigPath>,
    /// The certificate with whose key the metadata must be signed as a whole (PEM, bare base64 or DER). Default: metadata need
    /// no signature; what is fetched comes by https from the address that is configured.
    pub metadata_certificate: Option<ConfigPath>,
    /// The https address of the identity provider's metadata: Entra's *App Federation Metadata Url*.
    pub metadata_url: Option<Url>,
    /// How often metadata are fetched. Default: once a day.
    #[serde(default = "metadata_refresh", deserialize_with = "crate::units::signed_duration")]
    pub metadata_refresh: SignedDuration,
    /// Hosts of the identity provider that people may reach before they have signed in, besides those of `metadata_url`, of
    /// the first metadata that it gave, or of what is written by hand. Those that later metadata name wait for
    /// `vestibule realms accept`.
    #[serde(default)]
    pub sign_in_hosts: Vec<String>,
    /// The identity provider's entity ID: *Microsoft Entra Identifier*. Beside `metadata` or `metadata_url`, the only one that
    /// is taken; of several in one document, the one that is meant.
    pub issuer: Option<String>,
    /// *Login URL*.
    pub login_url: Option<String>,
    /// *Logout URL*.
    pub logout_url: Option<String>,
    /// What `logout_url` understands. Default `redirect`, as Entra's does. With `metadata`, the metadata say so.
    pub logout_binding: Option<LogoutBinding>,
    /// *Certificate (Base64)*, as a file: PEM, bare base64 or DER.
    pub certificate: Option<ConfigPath>,
    /// The claims that name a person, the first one that is there; `NameID` is the Subject's own. Default: `uPN`, Entra's name
    /// and mail address, `sAMAccountName`.
    #[serde(default = "identity_claims")]
    pub identity_claims: Vec<String>,
    /// The claim that names their groups. Default: Entra's.
    #[serde(default = "group_claim")]
    pub group_claim: String,
    /// Authorities (a PEM file) that must have issued the identity provider's certificate.
    pub require_ca_signed: Option<ConfigPath>,
    /// Our keys: the first one signs, each of them decrypts.
    #[serde(rename = "key", default)]
    pub keys: Vec<key::Config>,
    /// How an AuthnRequest travels. Default: as the identity provider offers, by redirect if there is a choice.
    pub binding: Option<Binding>,
    /// Whether requests are signed, with the first key. Default: if the identity provider's metadata want it, and there is a key.
    #[serde(default)]
    pub sign_requests: bool,
    /// Whether our metadata are signed, with the first key. Default `false`.
    #[serde(default)]
    pub sign_metadata: bool,
    /// Whether people must prove anew who they are at each sign-in (`ForceAuthn`). Default `false`.
    #[serde(default)]
    pub force_authn: bool,
    /// The kind of NameID to ask for. Default: none.
    pub name_id_format: Option<String>,
    /// The ways of signing in that count, each by its exact AuthnContextClassRef. Default: any.
    #[serde(default)]
    pub authn_context: Vec<String>,
    /// Whether people may sign in: `true`, `false`, or `"after-test"`, as soon as Test SSO has passed. Default `true`.
    #[serde(default)]
    pub enabled: Enabled,
    /// Whether a sign-in may begin at the identity provider, such as with a tile of *My Apps*. Default `false`.
    #[serde(default)]
    pub idp_initiated: bool,
    /// What happens when the person who signs in is not the one whose name was typed. Default `accept`.
    #[serde(default)]
    pub mismatch: Mismatch,
    /// The only tenant (a GUID) whose people are taken.
    pub require_tenant: Option<String>,
}

/// Whether people may sign in to a realm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub enum Enabled {
    /// They may.
    #[default]
    Yes,
    /// They may not.
    No,
    /// They may as soon as a test has passed.
    AfterTest,
}

/// The value of `enabled`, as it is written.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Switch(bool),
    Word(String),
}

/// `enabled` has another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is `true`, `false` or `\"after-test\"`")]
pub struct NotASwitch;

impl TryFrom<Written> for Enabled {
    type Error = NotASwitch;

    fn try_from(written: Written) -> Result<Self, NotASwitch> {
        match written {
            Written::Switch(true) => Ok(Self::Yes),
            Written::Switch(false) => Ok(Self::No),
            Written::Word(word) if word == "after-test" => Ok(Self::AfterTest),
            Written::Word(_) => Err(NotASwitch),
        }
    }
}

/// What happens when the person who signs in at the identity provider is not the one whose name was typed at the portal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mismatch {
    /// The person who signed in there is signed in here, and an event says so.
    #[default]
    Accept,
    /// The same, and the page tells them.
    Warn,
    /// The sign-in is refused.
    Refuse,
}

/// What an address to sign out at understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogoutBinding {
    /// Single Logout by HTTP-Redirect.
    #[default]
    Redirect,
    /// Single Logout by HTTP-POST.
    Post,
    /// No SAML: whoever goes there is signed out.
    Plain,
}

/// What is wrong with a realm.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that cannot be read.
    #[error("{}: {cause}", path.display())]
    Unreadable {
        /// Its path.
        path: ConfigPath,
        /// Why.
        cause: io::Error,
    },
    /// A key is missing.
    #[error("`{0}` is missing: give `metadata`, `metadata_url`, or `issuer`, `login_url` and `certificate`")]
    Missing(&'static str),
    /// Two settings that say the same.
    #[error("`{0}` cannot stand beside `{1}`")]
    Superfluous(&'static str, &'static str),
    /// Metadata from an address that anybody on the way could answer for.
    #[error("`metadata_url` is not an https address")]
    InsecureUrl,
    /// Metadata of another identity provider than before, or than the one that is wanted.
    #[error("the metadata are those of `{found}`, not of `{wanted}`")]
    OtherEntity {
        /// Whose they are.
        found: String,
        /// Whose they should be.
        wanted: String,
    },
    /// A key is needed and there is none.
    #[error("`{0}` needs a `[[realm.key]]`")]
    NoKey(&'static str),
    /// A key of ours cannot be used.
    #[error("{}: {cause}", path.display())]
    Key {
        /// Its certificate.
        path: ConfigPath,
        /// Why.
        cause: key::Error,
    },
    /// What is said of the identity provider cannot be used.
    #[error(transparent)]
    IdentityProvider(#[from] identity_provider::Error),
}

fn acs() -> String {
    ACS_PATH.to_owned()
}

fn metadata_refresh() -> SignedDuration {
    SignedDuration::from_hours(24)
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
            domains: self.domains.iter().map(|domain| plain_domain(domain)).collect(),
            netbios: self.netbios.iter().map(|(short, dns)| (short.clone(), plain_domain(dns))).collect(),
            foreign_names: self.foreign_names.clone(),
        }
    }

    /// Us, for this realm. `portal` is the portal's origin, such as `https://portal.example.com`. `read` reads a file
    /// that the configuration names.
    pub fn service_provider(
        &self,
        portal: &str,
        read: impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<ServiceProvider, Error> {
        let portal = portal.trim_end_matches('/');
        let needs_key = [("sign_requests", self.sign_requests), ("sign_metadata", self.sign_metadata)];
        if let Some((setting, _)) = needs_key.iter().find(|(_, set)| *set && self.keys.is_empty()) {
            return Err(Error::NoKey(setting));
        }
        let keys = self.keys.iter().map(|config| {
            let path = &config.certificate;
            let certificate = read(path).map_err(|cause| Error::Unreadable { path: path.clone(), cause })?;
            let key = Key::read(&certificate, &config.private);
            Ok::<_, Error>(Arc::new(key.map_err(|cause| Error::Key { path: path.clone(), cause })?))
        });
        Ok(ServiceProvider {
            entity_id: self.entity_id.clone(),
            acs_url: format!("{portal}{}", self.acs),
            acs_aliases: self.acs_aliases.iter().map(|path| format!("{portal}{path}")).collect(),
            slo_url: Some(format!("{portal}{SLO_PATH}")),
            keys: keys.collect::<Result<_, _>>()?,
            requests: Options {
                binding: self.binding,
                signed: self.sign_requests,
                force_authn: self.force_authn,
                name_id_format: self.name_id_format.clone(),
                authn_context: self.authn_context.clone(),
            },
            attributes: self
                .identity_claims
                .iter()
                .filter(|claim| !claims::is_name_id(claim))
                .chain([&self.group_claim])
                .cloned()
                .collect(),
            sign_metadata: self.sign_metadata,
        })
    }

    /// Which claims say who somebody is, beside all the `realms` that there are.
    pub fn claim_map(&self, realms: &[Self]) -> ClaimMap {
        let realm = self.realm();
        ClaimMap {
            taken: realm.taken(&realms.iter().map(Self::realm).collect::<Vec<_>>()),
            realm,
            identity: self.identity_claims.clone(),
            groups: self.group_claim.clone(),
            tenant: self.require_tenant.clone(),
        }
    }
}

#[cfg(test)]
#[path = "tests/config_tests.rs"]
mod tests;
