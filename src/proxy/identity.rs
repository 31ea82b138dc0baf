//! A person, by their session, and the surrogate by which they are known.

use std::sync::Arc;

use crate::identity::Surrogate;
use crate::observe::Recorder;
use crate::session::{Evidence, InUse, Session};

/// A person, by their session, and the surrogate by which they are known.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) session: Arc<Session>,
    pub(super) surrogate: Surrogate,
    /// Which one of its kind the surrogate is, as records show it, if a person can have several.
    pub(super) evidence: Option<Arc<str>>,
    /// For a tunnel whose person is known by the client address: keeps that address in use.
    pub(super) in_use: Option<InUse>,
}

impl Identity {
    pub(super) fn new(session: Arc<Session>, surrogate: Surrogate) -> Self {
        Self { session, surrogate, evidence: None, in_use: None }
    }

    pub(super) fn shown(session: Arc<Session>, evidence: Evidence<'_>, shown: Arc<str>) -> Self {
        let surrogate = match evidence {
            Evidence::Certificate(_) => Surrogate::ClientCertificate,
            Evidence::Name(_) => Surrogate::ProxyHostName,
        };
        Self { session, surrogate, evidence: Some(shown), in_use: None }
    }

    /// Notes it in the access record.
    pub(super) fn record(&self, recorder: &mut Recorder) {
        recorder.identity(&self.session.user, self.session.id.short().into(), self.surrogate);
        recorder.evidence.clone_from(&self.evidence);
    }
}
