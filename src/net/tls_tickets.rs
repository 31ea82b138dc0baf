//! TLS tickets (RFC 8446 §4.6.1), the keys of which are made when the first client can have one.

use std::sync::{Arc, OnceLock};

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

/// The tickets of one TLS server or of several. Their keys are not made before they are needed, because AWS-LC gathers
/// entropy for some 50 ms before it gives its first random octets (see [`prepare`]), and the sockets should be open by
/// then. Without random octets there are no tickets, and each handshake is a full one.
#[derive(Debug, Default)]
pub struct TlsTickets(OnceLock<Option<Arc<dyn ProducesTickets>>>);

impl TlsTickets {
    fn made(&self) -> Option<&Arc<dyn ProducesTickets>> {
        self.0.get_or_init(|| Ticketer::new().ok()).as_ref()
    }
}

impl ProducesTickets for TlsTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.made().map_or(0, |tickets| tickets.lifetime())
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.made()?.encrypt(plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.made()?.decrypt(cipher)
    }
}

/// Has AWS-LC gather its entropy, so that no handshake waits for that. It takes some 50 ms of a processor, once in a
/// process, and must not be called on a thread that others wait for.
pub fn prepare() {
    // A generator that fails here fails in the handshake as well, which says so.
    aws_lc_rs::rand::fill(&mut [0]).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_opened_by_those_who_made_it_and_by_nobody_else() {
        let (own, other) = (TlsTickets::default(), TlsTickets::default());
        let ticket = own.encrypt(b"a session").unwrap();
        assert_eq!(own.decrypt(&ticket).as_deref(), Some(&b"a session"[..]));
        assert_eq!(other.decrypt(&ticket), None);
        assert!(own.enabled() && own.lifetime() > 0);
    }
}
