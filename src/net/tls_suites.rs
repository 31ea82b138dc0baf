//! Which cipher suites we want, on whichever side of TLS we are.

use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ConfigBuilder, ServerConfig, WantsVerifier};

/// Cryptography with all suites of the library, in the order of browsers: AES with keys of 128 bits first, which takes less of
/// both sides, most of all by its hash, and ChaCha20 last.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites.sort_by_key(|suite| {
            let name = suite.suite().as_str().unwrap_or_default();
            ["AES_128", "AES_256"].iter().position(|first| name.contains(first)).unwrap_or(usize::MAX)
        });
        Arc::new(provider)
    });
    Arc::clone(&PROVIDER)
}

/// The settings of a server. Whoever ends them must see to it that the server goes by its own order
/// (`ignore_client_order`), as BoringSSL's do: OpenSSL, Windows and Java offer AES with 256 bits first, and a handshake with
/// that takes a fifth more of a processor.
///
/// # Errors
///
/// The library lacks suites for a version of TLS.
pub fn server() -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, rustls::Error> {
    ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()
}

#[cfg(test)]
mod tests {
    use rustls::{CipherSuite, SupportedCipherSuite};

    use super::*;

    #[test]
    fn all_cipher_suites_are_offered_in_the_order_of_browsers() {
        let suites = |provider: &CryptoProvider| -> Vec<CipherSuite> {
            provider.cipher_suites.iter().map(SupportedCipherSuite::suite).collect()
        };
        let offered = suites(&provider());
        for version in ["TLS13_", "TLS_ECDHE_ECDSA_", "TLS_ECDHE_RSA_"] {
            let names = offered.iter().filter_map(|suite| suite.as_str()?.strip_prefix(version));
            let ciphers: Vec<_> = names.map(|name| name.trim_start_matches("WITH_")).collect();
            assert_eq!(ciphers, ["AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256"], "{version}");
        }
        let usual = suites(&aws_lc_rs::default_provider());
        assert!(offered.len() == usual.len() && usual.iter().all(|suite| offered.contains(suite)));
    }
}
