//! Words by which rules and cases call what they are about.

use http::Method;
use serde::Deserialize;

use crate::identity::Strength;

/// A method, in capitals.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MethodName(pub Method);

impl TryFrom<String> for MethodName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_plain = text.bytes().all(|octet| octet.is_ascii_uppercase() || octet == b'-');
        match Method::from_bytes(text.as_bytes()) {
            Ok(method) if is_plain => Ok(Self(method)),
            _ => Err(format!("`{text}` is no method: they are written in capitals, such as \"POST\"")),
        }
    }
}

/// A kind of request, as rules tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessKind {
    /// A person goes to a page.
    Navigation,
    /// A person sends a form.
    Form,
    /// A CORS preflight.
    Preflight,
    /// A browser or system asks whether there is a captive portal.
    Probe,
    /// A part of a page.
    SubResource,
    /// Whatever is no browser.
    Tool,
    /// A CONNECT, whoever asks for it.
    Tunnel,
}

/// How sure it must be who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AtLeast {
    /// Whoever is beside the person passes for them.
    Weak,
    /// It takes a look at their traffic.
    Medium,
    /// It takes a secret.
    Strong,
}

impl AtLeast {
    /// The strength that is meant.
    pub fn strength(self) -> Strength {
        match self {
            Self::Weak => Strength::Weak,
            Self::Medium => Strength::Medium,
            Self::Strong => Strength::Strong,
        }
    }
}
