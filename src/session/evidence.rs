//! What a client shows in its handshake, and whom that stands for.

use std::sync::Arc;

use super::Session;
use super::names::{self, LabelKind};
use super::store::{Key, Kind};
use crate::seal::fingerprint;

/// Characters of a label that records show, with its prefix of two: 40 of its 120 random bits.
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
    /// The fingerprint under which it is kept.
    pub fn key(&self) -> [u8; 16] {
        self.place().1
    }

    pub(super) fn place(&self) -> (Kind, Key) {
        match self {
            Self::Certificate(print) => (Kind::Certificate, print.first_chunk().copied().unwrap_or_default()),
            Self::Name(label) => (Kind::Name, fingerprint(label)),
        }
    }

    /// What records show of it: enough to tell it from others, and too little to present it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Certificate(print) => print.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
            Self::Name(label) => label.get(..SHOWN).unwrap_or_default().to_owned(),
        }
    }

    /// Whether whoever signs in over it first may bind it.
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

/// Whom a piece of evidence stands for, as far as what is in memory can tell.
#[derive(Clone, Debug)]
pub enum Sight {
    /// The person of this session; the text is what records show of the evidence.
    Session(Arc<Session>, Arc<str>),
    /// Nobody, or nobody on this network.
    Nobody,
    /// Only the store can tell: ask [`Bindings::recall`](super::Bindings::recall).
    Unclear,
}

impl Sight {
    /// The session, if it is in memory.
    pub fn session(self) -> Option<Arc<Session>> {
        match self {
            Self::Session(session, _) => Some(session),
            Self::Nobody | Self::Unclear => None,
        }
    }
}
