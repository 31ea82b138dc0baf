//! The settings under `[directory.graph]`.

use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use url::Url;

use crate::clock::Timestamp;
use crate::config_path::ConfigPath;
use crate::secret::Secret;
use crate::units::Duration;

/// How a tenant is read from Microsoft Graph.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The directory (tenant) ID, or one of the tenant's domains.
    pub tenant: String,
    /// The application (client) ID.
    pub client_id: String,
    /// What proves that we are that application. They are tried in order, so that one can be replaced without an outage.
    #[serde(rename = "credential", default)]
    pub credentials: Vec<Credential>,
    /// The cloud that the tenant is in. Default: `global`.
    #[serde(default)]
    pub cloud: Cloud,
    /// Where tokens are given out, if it is not where the cloud has it.
    pub login_url: Option<Url>,
    /// Where Graph is, if it is not where the cloud has it.
    pub graph_url: Option<Url>,
    /// How long after the first start the first round begins. Default: 10 minutes.
    #[serde(default = "first_sync")]
    pub first_sync: Duration,
    /// How often it is asked what has changed. Default: 10 minutes.
    #[serde(default = "delta")]
    pub delta: Duration,
    /// How often everything is read again. Default: 8 hours.
    #[serde(default = "full")]
    pub full: Duration,
    /// Where Microsoft Graph tells that something has changed: an https address that it can reach, and that leads to
    /// `/graph/NAME` of the portal. Default: it does not tell.
    pub notification_url: Option<Url>,
    /// How many percent of the people, or of the groups, one round may remove; for more, an operator is asked. Default: 10.
    #[serde(default = "most_removed")]
    pub most_removed: u8,
    /// How many percent of the people one round may disable without an alarm. They are disabled in any case. Default: 10.
    #[serde(default = "most_disabled")]
    pub most_disabled: u8,
    /// How many percent of the direct memberships one round may take away; for more, an operator is asked. Default: 10.
    #[serde(default = "most_left")]
    pub most_left: u8,
}

/// CredentialKind that we are the application: one of these.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// A client secret.
    pub secret: Option<Secret>,
    /// A certificate (PEM) that the application registration has, too.
    pub certificate: Option<ConfigPath>,
    /// Its private key (PEM, RSA).
    pub key: Option<ConfigPath>,
    /// A file with a token of another issuer, such as Kubernetes, that the application registration trusts. It is read each
    /// time.
    pub federated_token: Option<ConfigPath>,
    /// The day on which the secret expires, as Entra ID shows it (UTC), so that it is said in time. A certificate says it itself.
    pub expires: Option<Date>,
}

/// The kinds of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind<'a> {
    /// A client secret.
    Secret(&'a Secret),
    /// A certificate and its key.
    Certificate(&'a Path, &'a Path),
    /// A file with somebody else's token.
    Federated(&'a Path),
}

impl Credential {
    /// Until when it is good, as far as that can be known.
    pub fn until(&self) -> Option<Timestamp> {
        match self.proof()? {
            CredentialKind::Secret(_) => Some(self.expires?.to_zoned(TimeZone::UTC).ok()?.timestamp()),
            CredentialKind::Certificate(certificate, _) => {
                let der = CertificateDer::from_pem_file(certificate).ok()?;
                let (_, parsed) = x509_parser::parse_x509_certificate(&der).ok()?;
                Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
            }
            CredentialKind::Federated(_) => None,
        }
    }

    /// Which kind it is. None unless it is exactly one.
    pub fn proof(&self) -> Option<CredentialKind<'_>> {
        match (&self.secret, &self.certificate, &self.key, &self.federated_token) {
            (Some(secret), None, None, None) => Some(CredentialKind::Secret(secret)),
            (None, Some(certificate), Some(key), None) => Some(CredentialKind::Certificate(certificate, key)),
            (None, None, None, Some(file)) => Some(CredentialKind::Federated(file)),
            _ => None,
        }
    }
}

/// Microsoft's clouds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// Nearly everybody's.
    #[default]
    Global,
    /// The government of the United States (L4).
    UsGovernment,
    /// The Department of Defense of the United States (L5).
    UsDod,
    /// China, operated by 21Vianet.
    China,
}

impl Cloud {
    /// Where tokens are given out, and where Graph is.
    fn origins(self) -> (&'static str, &'static str) {
        match self {
            Self::Global => ("https://login.microsoftonline.com", "https://graph.microsoft.com"),
            Self::UsGovernment => ("https://login.microsoftonline.us", "https://graph.microsoft.us"),
            Self::UsDod => ("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
            Self::China => ("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
        }
    }
}

impl Config {
    /// Where tokens are given out, without a slash at the end.
    pub fn login(&self) -> String {
        base(self.login_url.as_ref(), self.cloud.origins().0)
    }

    /// Where Graph is, without a slash at the end.
    pub fn graph(&self) -> String {
        base(self.graph_url.as_ref(), self.cloud.origins().1)
    }
}

fn base(own: Option<&Url>, usual: &str) -> String {
    own.map_or(usual, Url::as_str).trim_end_matches('/').to_owned()
}

fn first_sync() -> Duration {
    Duration::minutes(10)
}

fn delta() -> Duration {
    Duration::minutes(10)
}

fn full() -> Duration {
    Duration::hours(8)
}

fn most_disabled() -> u8 {
    10
}

fn most_left() -> u8 {
    10
}

fn most_removed() -> u8 {
    10
}
