//! What a client shows in its handshake, and whom that stands for.

use std::sync::Arc;

use super::Session;
use super::names::{self, LabelKind};
use super::store::{Key, Kind};
use crate::seal::fingerprint;

/// Characters of a label that records show: 40 bits of 120.
const SHOWN: usize = 10;

/// What a client has shown in its TLS handshake that may stand for a session.
#[derive(Clone, Copy)]
pub enum Evidence<'a> {
    /// The SHA-256 fingerprint of a certificate whose key it has.
    Certificate(&'a [u8; 32]),
    /// The label of a proxy host name.
    Name(&'a str),
}

impl Evidence<'_> {
    /// What it is known by: a fingerprint.
    pub fn key(&self) -> [u8; 16] {
        self.place().1
    }

    pub(super) fn place(&self) -> (Kind, Key) {
        match self {
            Self::Certificate(print) => (Kind::Certificate, print.first_chunk().copied().unwrap_or_default()),
            Self::Name(label) => (Kind::Name, fingerprint(label)),
        }
    }

    /// What records show of it: enough to find it again, and too little to present it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Certificate(print) => print.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
            Self::Name(label) => label.get(..SHOWN).unwrap_or_default().to_owned(),
        }
    }

    /// Whether it may be bound by whoever signs in over it first.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Certificate(_) => true,
            Self::Name(label) => names::kind_of(label) == Some(LabelKind::Shared),
        }
    }
}

impl std::fmt::Debug for Evidence<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Certificate(_) => "Certificate(***)",
            Self::Name(_) => "Name(***)",
        })
    }
}

/// Whom a piece of evidence stands for, as far as it can be told from what is at hand.
#[derive(Clone, Debug)]
pub enum Sight {
    /// The person of this session, by the evidence that records show so.
    Session(Arc<Session>, Arc<str>),
    /// Nobody, or nobody here.
    Nobody,
    /// It takes a closer look: [`Bindings::recall`](super::Bindings::recall).
    Unclear,
}

impl Sight {
    /// The session, if it is at hand.
    pub fn session(self) -> Option<Arc<Session>> {
        match self {
            Self::Session(session, _) => Some(session),
            Self::Nobody | Self::Unclear => None,
        }
    }
}
