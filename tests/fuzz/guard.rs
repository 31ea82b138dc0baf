//! Any bytes, posted as a Response or as a message of Single Logout: nothing panics, and an answer comes soon.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use vestibule::saml::guard;
use vestibule::saml::logout::Arrived;

fuzz_target!(|bytes: &[u8]| {
    let field = STANDARD.encode(bytes);
    let first = guard::admit(&field).map(|message| format!("{message:?}"));
    assert_eq!(first, guard::admit(&field).map(|message| format!("{message:?}")), "the same message, another answer");
    if let Ok(text) = std::str::from_utf8(bytes) {
        // As it came, without base64 around it.
        drop(guard::admit(text));
        let logout = [true, false].map(|is_request| Arrived::posted(&field, is_request).is_ok());
        assert!(usize::from(first.is_ok()) + logout.iter().filter(|taken| **taken).count() <= 1, "of two kinds");
    }
});
