//! Any text for metadata: what is taken has a name, an address and a key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule::saml::IdentityProvider;

fuzz_target!(|bytes: &[u8]| {
    let Ok(idp) = IdentityProvider::from_metadata(&String::from_utf8_lossy(bytes)) else { return };
    assert!(!idp.entity_id().trim().is_empty() && !idp.entity_id().contains(['{', '}']));
    assert!(!idp.certificates().is_empty(), "an identity provider without a key would vouch for everything");
    let shown = format!("{idp:?}");
    let again = IdentityProvider::from_metadata(&String::from_utf8_lossy(bytes)).map(|idp| format!("{idp:?}"));
    assert_eq!(again.as_ref(), Ok(&shown));
});
