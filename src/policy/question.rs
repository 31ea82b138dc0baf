//! What the policy is asked.

use std::net::IpAddr;
use std::sync::Arc;

use http::Method;
use serde::Deserialize;

use super::pass::Passes;
use crate::clock::{SignedDuration, Timestamp};
use crate::identity::{Network, Surrogate, User};
use crate::wire::{Destination, RequestKind, Scheme};

/// What is to be decided: all that a decision depends on, besides the policy.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Who asks.
    pub subject: Subject<'a>,
    /// Where they ask from.
    pub network: &'a Network,
    /// By which listener.
    pub listener: &'a str,
    /// From which address.
    pub client: IpAddr,
    /// What they want to reach.
    pub destination: &'a Arc<Destination>,
    /// How they want to reach it.
    pub access: Access,
    /// The method; none of a CONNECT, which says nothing of what is asked inside.
    pub method: Option<&'a Method>,
    /// The path and query; none where nobody sees them.
    pub target: Option<&'a str>,
    /// When.
    pub at: Timestamp,
    /// Whether it can be known who is signed in.
    pub store: Store,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// It is not known.
    Nobody,
    /// A person.
    Somebody {
        /// Who they are.
        user: &'a User,
        /// By what that is known.
        surrogate: Surrogate,
        /// How long ago they proved it.
        proven: SignedDuration,
        /// What they have passed already: warnings that they have read, blocks that they have overridden.
        passes: Passes<'a>,
        /// In which way they signed in when they proved it.
        way: Way<'a>,
    },
    /// Whoever sends the request that a CORS preflight asks about. It never says who that is, and is decided as for
    /// anybody who has just signed in and is nobody in particular.
    Untold,
}

/// In which way somebody signed in at their identity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way<'a> {
    /// It said this (AuthnContextClassRef, SAML Core §2.7.2.2).
    Said(&'a str),
    /// It did not say.
    Unsaid,
    /// In whatever way is wanted: of a question that people put by hand.
    AsWanted,
}

/// How a destination is to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// By a request of this kind, which is seen as a whole.
    Request(RequestKind),
    /// By CONNECT. All it tells is whether the client calls itself a browser ([`RequestKind::SubResource`]) or not
    /// ([`RequestKind::Tool`]).
    Connect(RequestKind),
    /// To find out whether it is there at all, before anybody is asked to sign in for it.
    Look,
}

/// Whether it can be known who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// It can.
    Known,
    /// The shared store has been away for longer than those who are known go on, and nobody can sign in.
    Away(Offline),
}

/// What happens when the shared store has been away for longer than those who are known go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offline {
    /// Nobody is known, and whoever must sign in is refused.
    #[default]
    Refuse,
    /// Whoever would have to sign in is let through, but not to what is blocked for all.
    Allow,
    /// The default rule decides.
    DefaultRule,
}

impl<'a> Question<'a> {
    /// One of somebody at 192.0.2.7, at the epoch, for whatever is at `/`.
    #[cfg(test)]
    pub(crate) fn plain(
        subject: Subject<'a>,
        network: &'a Network,
        destination: &'a Arc<Destination>,
        access: Access,
        store: Store,
    ) -> Self {
        let is_seen = matches!(access, Access::Request(_));
        let (method, target) = (is_seen.then_some(&Method::GET), is_seen.then_some("/"));
        let client = IpAddr::from([192, 0, 2, 7]);
        let (listener, at) = ("proxy", Timestamp::UNIX_EPOCH);
        Self { subject, network, listener, client, destination, access, method, target, at, store }
    }

    /// Who asks, if rules can tell them from others.
    pub(super) fn user(&self) -> Option<&'a User> {
        match self.subject {
            Subject::Somebody { user, .. } => Some(user),
            Subject::Nobody | Subject::Untold => None,
        }
    }

    /// Whether whoever asks can be asked in turn to prove who they are.
    pub(super) fn can_be_asked(&self) -> bool {
        match (self.access, self.subject) {
            (Access::Request(kind), _) => match kind {
                RequestKind::Navigation | RequestKind::FormNavigation | RequestKind::Probe => true,
                RequestKind::Preflight | RequestKind::SubResource | RequestKind::Tool => false,
            },
            // Inside, somebody who is known may turn out to be at a browser, unless they are known as a tool is.
            (Access::Connect(RequestKind::Tool), Subject::Somebody { surrogate, .. }) => {
                surrogate != Surrogate::ProxyToken
            }
            (Access::Connect(kind), _) => kind != RequestKind::Tool,
            (Access::Look, _) => false,
        }
    }

    /// Whether whoever asks can be shown a page: a browser, also inside of its CONNECT; a tool's token comes with no browser.
    pub(super) fn can_be_shown(&self) -> bool {
        match (self.access, self.subject) {
            (Access::Request(kind), _) => matches!(kind, RequestKind::Navigation | RequestKind::FormNavigation),
            (Access::Connect(_), Subject::Somebody { surrogate: Surrogate::ProxyToken, .. }) => false,
            (Access::Connect(kind), _) => kind == RequestKind::SubResource,
            (Access::Look, _) => false,
        }
    }

    /// The tunnel in which a request for https is asked; none of what comes in the clear.
    pub(super) fn around(&self) -> Option<Self> {
        let is_inside = matches!(self.access, Access::Request(_)) && self.destination.scheme == Scheme::Https;
        let access = Access::Connect(RequestKind::SubResource);
        is_inside.then_some(Self { access, method: None, target: None, ..*self })
    }

    /// Whether it is a CORS preflight.
    pub(super) fn is_preflight(&self) -> bool {
        self.access == Access::Request(RequestKind::Preflight)
    }
}
