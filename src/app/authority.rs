//! The interception authority while the program runs: where it is kept, when it changes, and when it ends.

use super::validity::{Notice, notices};
use crate::authority::{Authority, Described, Role, Whereabouts};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::observe::Exposition;
use crate::observe::exposition::Kind;
use crate::page::TRUST_HOST;

/// Where the authority of a configuration is kept. Whatever it may issue leaves for, it must for the portal, the listeners, and
/// the mark by which a browser is seen to trust it.
pub fn source(config: &Config) -> Whereabouts {
    let names = config.listeners.iter().filter_map(|listener| listener.tls.as_ref()).flat_map(|tls| &tls.names);
    let names = names.map(|name| name.strip_prefix("*.").unwrap_or(name).to_owned());
    let own = [config.portal.url.host().to_owned(), TRUST_HOST.to_owned()];
    Whereabouts {
        folder: config.state.to_path_buf(),
        config: config.authority.clone(),
        own_names: own.into_iter().chain(names).collect(),
    }
}

/// Says what will be over soon, or is, at a start and when the authority has changed.
pub(super) fn tell_soon(authority: &Authority, config: &Config, now: Timestamp) {
    let before = notices(&config.authority.warn_at);
    for certificate in authority.issuing().watched() {
        if let Some(notice) = Notice::within(&before, certificate.until, now) {
            notice.tell_of_authority(certificate);
        }
    }
}

/// Says what there is to say now that there was not before.
pub(super) fn tell_since(authority: &Authority, config: &Config, before: Timestamp, now: Timestamp) {
    let times = notices(&config.authority.warn_at);
    for certificate in authority.issuing().watched() {
        if let Some(notice) = Notice::since_by(&times, before, certificate.until, now) {
            notice.tell_of_authority(certificate);
        }
    }
}

impl Notice {
    /// Says it of a certificate of the authority.
    fn tell_of_authority(self, certificate: &Described) {
        let Described { role, subject, until, .. } = certificate;
        let role = role.as_str();
        match (self, certificate.role) {
            (Self::Over, Role::Predecessor) => tracing::warn!(
                role, subject, %until,
                "the authority before this one was valid only until then: end its publication with `vestibule ca retire`"
            ),
            // It ends with the one before, and devices are to have the next one by then.
            (Self::Over | Self::Soon(_), Role::Bridge) | (Self::Soon(_), Role::Predecessor) => {}
            (Self::Over, _) => tracing::error!(
                role, subject, %until,
                "a certificate of the interception authority was valid only until then: no device takes what is issued under it"
            ),
            (Self::Soon(days), _) => tracing::warn!(
                role, subject, %until, days,
                "a certificate of the interception authority is valid only until then: make a successor with `vestibule ca successor`, or have it issued anew, while devices have time to take it"
            ),
        }
    }
}

/// How long the certificates of the authority are valid.
pub(super) fn expose(authority: &Authority, to: &mut Exposition, now: Timestamp) {
    let help = "Seconds until a certificate of the interception authority expires; negative afterwards.";
    to.family("vestibule_authority_expires_seconds", Kind::Gauge, help);
    for Described { role, until, sha256, .. } in authority.issuing().watched() {
        let start: String = sha256.chars().filter(|c| *c != ':').take(16).collect();
        to.sample("", &[("role", role.as_str()), ("fingerprint", &start)], until.duration_since(now).as_secs());
    }
}
