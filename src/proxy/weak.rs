//! Somebody is known, by something that is too weak for a rule: what would be strong enough, and where they get it.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use super::Proxy;
use super::client::Client;
use crate::identity::Strength;
use crate::policy::Stale;
use crate::wire::h1::Fields;
use crate::wire::kind::{self, RequestKind};

/// That something is too weak for a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TooWeak {
    /// The rule.
    pub(super) rule: Arc<str>,
    /// How sure it wants to be.
    pub(super) wanted: Strength,
    /// What would be strong enough.
    pub(super) helps: Helps,
}

/// What would be strong enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Helps {
    /// The portal: whoever goes to the site in a window of their browser is led by way of it.
    Portal,
    /// A personal proxy token.
    Token,
    /// A certificate of the device, over a secure web proxy. No sign-in over this connection is as much.
    Certificate,
}

impl TooWeak {
    /// The status of the answer. A tool that has a token and has not shown it does so after a 407 (RFC 9110 §15.5.8).
    pub(super) fn status(&self) -> StatusCode {
        match self.helps {
            Helps::Portal => StatusCode::NETWORK_AUTHENTICATION_REQUIRED,
            Helps::Token => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            Helps::Certificate => StatusCode::FORBIDDEN,
        }
    }

    /// Where people get it, on this portal.
    pub(super) fn address(&self, portal: &str) -> Option<String> {
        match self.helps {
            Helps::Portal => Some(portal.to_owned()),
            Helps::Token => Some(format!("{portal}/tokens")),
            Helps::Certificate => None,
        }
    }
}

impl fmt::Display for TooWeak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let helps = match self.helps {
            Helps::Portal => "opening the site in a window of the browser gives it",
            Helps::Token => "a personal proxy token is that",
            Helps::Certificate => {
                "no sign-in over this connection is that: a certificate of the device is, over a secure proxy"
            }
        };
        let (rule, wanted) = (&self.rule, self.wanted.as_str());
        write!(f, "the rule \"{rule}\" wants {wanted} evidence of who asks; {helps}")
    }
}

impl Proxy {
    /// What somebody is told who is known by too little; `None` if that is not what is lacking.
    pub(super) fn too_weak(
        &self,
        client: &Client,
        kind: RequestKind,
        fields: &Fields,
        stale: &Stale,
    ) -> Option<TooWeak> {
        let wanted = stale.evidence?;
        // A connection stands for a person only where its other end is one browser.
        let is_out_of_reach = wanted == Strength::Strong && client.peer.proof.is_none();
        let is_tool = kind == RequestKind::Tool && !kind::may_be_browser(fields);
        let helps = match (is_tool, is_out_of_reach) {
            (true, _) if self.tokens.is_some() && client.peer.network.tokens && client.inside.is_none() => Helps::Token,
            (false, false) => Helps::Portal,
            _ => Helps::Certificate,
        };
        Some(TooWeak { rule: Arc::clone(&stale.rule), wanted, helps })
    }
}
