//! Why a tenant could not be read, in an administrator's words, and what to do about it.

use crate::clock::{SignedDuration, Timestamp};
use crate::directory;
use crate::egress::client;

/// Why a round came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The token endpoint refuses every credential.
    #[error("{}", refused(.code, .message))]
    Credential {
        /// The number after `AADSTS`; 0 if there is none.
        code: u32,
        /// What it says.
        message: String,
    },
    /// A credential cannot be read on this machine.
    #[error("a credential cannot be used: {0}")]
    OwnCredential(String),
    /// A permission is missing.
    #[error("Microsoft Graph refuses {what}: {message} (request {request})")]
    Permission {
        /// What was wanted.
        what: &'static str,
        /// What it takes.
        permission: &'static str,
        /// What it says.
        message: String,
        /// Its name for the request, for Microsoft's support.
        request: String,
    },
    /// The tenant has no licence for it.
    #[error("Microsoft Graph refuses {what}: {message} (request {request})")]
    NotLicensed {
        /// What was wanted.
        what: &'static str,
        /// What it says.
        message: String,
        /// Its name for the request.
        request: String,
    },
    /// There is no such object, or not yet everywhere.
    #[error("Microsoft Graph does not find the object")]
    Absent,
    /// It asks for patience, for longer than a round has.
    #[error("Microsoft Graph asks to wait ({0})")]
    Throttled(String),
    /// It does not answer, or answers that it cannot.
    #[error("{0}")]
    Unavailable(String),
    /// It answers something else than its documents say.
    #[error("Microsoft Graph gave an answer that cannot be used: {0}")]
    Answer(String),
    /// A delta link does not count any more.
    #[error("Microsoft Graph wants everything to be read anew")]
    Resync,
    /// The page of an enumeration is gone.
    #[error("Microsoft Graph has forgotten where the reading was")]
    PageExpired,
    /// The round would take too much away.
    #[error("the round would {what}")]
    Removal {
        /// What it would take away, and of how much.
        what: String,
    },
    /// What is read cannot be kept.
    #[error(transparent)]
    Store(#[from] crate::directory::Error),
}

/// The name of a state in the console of the incumbent, and here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Everything works.
    Granted,
    /// A permission is missing.
    PermissionError,
    /// The tenant has no licence for it.
    NotLicensed,
    /// The application is disabled in Entra ID.
    ApplicationDisabled,
    /// The client secret or certificate has expired.
    SecretExpired,
    /// A credential is wrong.
    CredentialError,
    /// Too many requests.
    Throttled,
    /// It does not answer.
    Unavailable,
    /// An operator must decide.
    NeedsDecision,
    /// Nothing was read yet.
    NotYet,
    /// The last good round is too long ago.
    Stale,
}

impl Condition {
    /// The words that an administrator sees.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "Granted",
            Self::PermissionError => "Permission error",
            Self::NotLicensed => "Not licensed",
            Self::ApplicationDisabled => "Application disabled",
            Self::SecretExpired => "Secret expired",
            Self::CredentialError => "Credential error",
            Self::Throttled => "Throttled",
            Self::Unavailable => "Service unavailable",
            Self::NeedsDecision => "Needs a decision",
            Self::NotYet => "Not synchronised yet",
            Self::Stale => "Stale",
        }
    }
}

const DISABLED: u32 = 7_000_112;
const EXPIRED: [u32; 2] = [7_000_222, 700_027];

impl Fault {
    /// The state in which this leaves the directory.
    pub fn condition(&self) -> Condition {
        match self {
            Self::Credential { code: DISABLED, .. } => Condition::ApplicationDisabled,
            Self::Credential { code, .. } if EXPIRED.contains(code) => Condition::SecretExpired,
            Self::Credential { .. } | Self::OwnCredential(_) => Condition::CredentialError,
            Self::Permission { .. } => Condition::PermissionError,
            Self::NotLicensed { .. } => Condition::NotLicensed,
            Self::Throttled(_) => Condition::Throttled,
            Self::Removal { .. } => Condition::NeedsDecision,
            Self::Absent
            | Self::Unavailable(_)
            | Self::Answer(_)
            | Self::Resync
            | Self::PageExpired
            | Self::Store(_) => Condition::Unavailable,
        }
    }

    /// What whoever reads this can do.
    pub fn help(&self) -> String {
        match self {
            Self::Credential { code, .. } => credential_help(*code).to_owned(),
            Self::OwnCredential(_) => "see to the file that `[[directory.graph.credential]]` names".to_owned(),
            Self::Permission { permission, .. } => format!(
                "give the application the permission {permission} (Application) in Entra ID, and grant admin consent; \
                 to act on administrators it needs a role, too"
            ),
            Self::NotLicensed { .. } => {
                "it takes Microsoft Entra ID P2 in the tenant; without it, leave `[directory.risk]` out".to_owned()
            }
            Self::Absent => "see whether the account was deleted; an account that is new may take minutes".to_owned(),
            Self::Throttled(_) | Self::Unavailable(_) | Self::Resync | Self::PageExpired => {
                "nothing needs to be done: it is tried again".to_owned()
            }
            Self::Answer(_) => "see whether `graph_url` is right; if so, report it with the request's name".to_owned(),
            Self::Removal { .. } => "that is held back, and all else counts; look in Entra ID whether that is right; \
                 `vestibule directory sync --accept-removals` makes the round once more and takes it"
                .to_owned(),
            Self::Store(directory::Error::Away | directory::Error::NotLeading) => {
                "nothing needs to be done: it is tried again when the shared store answers".to_owned()
            }
            Self::Store(_) => "see whether the disk of the state folder is full or broken".to_owned(),
        }
    }

    /// Whether trying again soon could help. A wrong secret is not tried in a loop.
    pub fn may_pass(&self) -> bool {
        let may_store = matches!(self, Self::Store(directory::Error::Away | directory::Error::NotLeading));
        may_store || matches!(self, Self::Throttled(_) | Self::Unavailable(_) | Self::Resync | Self::PageExpired)
    }
}

impl From<client::Error> for Fault {
    fn from(error: client::Error) -> Self {
        match error {
            client::Error::TooLong(_) => Self::Answer(error.to_string()),
            // What broke off is asked for again; what is too long stays so.
            client::Error::Body(why) if why.is::<http_body_util::LengthLimitError>() => {
                Self::Answer("it is longer than any that is documented".to_owned())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

fn refused(code: &u32, message: &str) -> String {
    match code {
        0 => format!("Entra ID gives no token: {message}"),
        code => format!("Entra ID gives no token (AADSTS{code}): {message}"),
    }
}

fn credential_help(code: u32) -> &'static str {
    match code {
        DISABLED => {
            "enable the application in Entra ID: Enterprise applications, Properties, Enabled for users to sign in"
        }
        7_000_222 => {
            "make a new client secret in Entra ID (App registrations, Certificates & secrets), and put it in the configuration"
        }
        7_000_215 => "put the secret's Value in the configuration, not its Secret ID",
        700_016 => "see whether `client_id` and `tenant` are those of one application registration",
        90_002 | 900_023 => "see whether `tenant` is the Directory (tenant) ID",
        700_027 => "upload the certificate in Entra ID (Certificates & secrets), or a new one if it has expired",
        70_021 | 700_211 | 700_212 | 700_213 => {
            "compare issuer, subject and audience of the federated credential in Entra ID with those of the token"
        }
        _ => "look the code up at login.microsoftonline.com/error",
    }
}

/// Whether the last good round is so long ago that the directory counts as stale.
pub(super) fn is_stale(last_good: Timestamp, full: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(last_good) > full.saturating_mul(2)
}
