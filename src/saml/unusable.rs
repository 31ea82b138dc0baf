//! Why an identity provider, or a part of what it says of itself, cannot be used.

use crate::clock::Timestamp;
use crate::saml::armour::Found;
use crate::saml::{text, xml};

/// The most signing certificates: nobody rolls over between more keys.
pub(super) const MAX_CERTIFICATES: usize = 16;

/// How much of a text is shown that cannot be used, in characters.
const MAX_SHOWN: usize = 100;

/// How many entity IDs are listed where one is to be chosen.
const MAX_LISTED: usize = 10;

/// A part of what an identity provider says of itself that cannot be used, beside others that can. It is left out: a
/// certificate that is not there verifies nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct UnusablePart {
    /// What it is called.
    pub what: String,
    /// Why it cannot be used.
    pub why: Error,
}

/// Why an identity provider cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than any metadata of one identity provider.
    #[error("the metadata are longer than 1 MiB: use those of one identity provider alone")]
    TooLong,
    /// Characters that cannot be read.
    #[error("the file's encoding cannot be read: {0}")]
    BadEncoding(#[from] text::Error),
    /// Not XML that can be read.
    #[error("the metadata cannot be read: {0}")]
    BadXml(xml::Error),
    /// Something else than XML.
    #[error("wanted are SAML metadata, and this is {}", if *.0 == Found::Other { "no XML" } else { .0.name() })]
    NotMetadata(Found),
    /// XML of another kind, by the name of its root.
    #[error("wanted are SAML metadata, and this is XML whose root is `{0}`")]
    OtherRoot(String),
    /// No identity provider that speaks SAML 2.0.
    #[error("the metadata do not describe a SAML 2.0 identity provider (an `IDPSSODescriptor` for the 2.0 protocol)")]
    NotAnIdentityProvider,
    /// Several identity providers, and nobody says which.
    #[error("the metadata describe several identity providers; choose one of them by `issuer`: {}", listed(.0))]
    Several(Vec<String>),
    /// Others than the one that is wanted.
    #[error("the metadata do not describe `{wanted}`, but: {}", listed(.found))]
    NotAmong {
        /// The entity ID that is wanted.
        wanted: String,
        /// Those that are there.
        found: Vec<String>,
    },
    /// No name, or the one of Entra's `common` document.
    #[error("the entity ID is missing, or it is a placeholder: use the metadata of one tenant")]
    NoEntityId,
    /// Nowhere to send people to.
    #[error("there is no sign-in address for HTTP-Redirect or HTTP-POST, or it is not an http or https address")]
    BadSignInUrl,
    /// An address for signing out that is none.
    #[error("the sign-out address is not an http or https address")]
    BadSignOutUrl,
    /// No key: everything would have to be believed, so nothing is.
    #[error("there is no signing certificate")]
    NoCertificate,
    /// Something else stands in the place of a certificate.
    #[error("wanted is a certificate, and this is {0}")]
    NotACertificate(Found),
    /// Not a certificate whose key can be read.
    #[error("the certificate cannot be read")]
    BadCertificate,
    /// More certificates than anybody has keys.
    #[error("there are more than {MAX_CERTIFICATES} signing certificates")]
    TooManyCertificates,
    /// Several certificates of one key, and none of them holds it for sure.
    #[error(
        "of several certificates, none is surely the one that signs: leave the authorities out, or give each key a KeyDescriptor or file of its own"
    )]
    Ambiguous,
    /// A key that could be broken, or of a kind that is not used for signatures here.
    #[error("the certificate's key is neither RSA of 2048 to 8192 bits nor EC on P-256, P-384 or P-521")]
    WeakKey,
    /// Metadata whose time is over (SAML Metadata §2.3.1, `validUntil`).
    #[error("the metadata were valid only until {0}")]
    Outdated(Timestamp),
    /// Metadata of which nobody can say until when they hold.
    #[error("`validUntil` is not a time: `{0}`")]
    BadValidity(String),
    /// Metadata that nobody has signed who should have.
    #[error("the metadata are not signed as a whole with the key of `metadata_certificate`")]
    NotSigned,
    /// No configured authority vouches for the key.
    #[error("no authority of `require_ca_signed` has issued the certificate")]
    UnknownAuthority,
    /// The file of authorities holds none.
    #[error("wanted are the certificates of authorities in `require_ca_signed`, and this is {0}")]
    NoAuthority(Found),
}

/// Entity IDs in a line, the first ones of very many. Whoever wrote them does not write on an operator's terminal.
fn listed(all: &[String]) -> String {
    let quoted = |one: &String| format!("`{}`", shown(one));
    let mut text = all.iter().take(MAX_LISTED).map(quoted).collect::<Vec<_>>().join(", ");
    if let Some(more) = all.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

/// A text as it can be shown: not too long, and without control characters.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
