//! Any answer of a scanner: no panic, nothing beyond its bounds, and what was read does not depend on how it is asked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vestibule::icap::Finding;
use vestibule::icap::head::{AnswerHead, Encapsulated};
use vestibule::icap::options::{MOST_PREVIEW, Options};

fuzz_target!(|octets: &[u8]| {
    if let Ok(part) = Encapsulated::parse(octets) {
        assert!(part.head.is_none_or(|(_, length)| (1..=256 * 1024).contains(&length)));
    }
    let Ok(head) = AnswerHead::parse(octets, 200) else { return };
    assert!((100..600).contains(&head.status) && head.fields.len() <= 200);
    if let Some(options) = Options::of(&head) {
        assert!(head.status == 200 && options.preview.is_none_or(|most| most <= MOST_PREVIEW));
        assert!(options.connections != Some(0) && (30..=3600).contains(&options.ttl.as_secs()));
        for path in ["/", "/a.exe", "/a.b/c?d.e", ""] {
            assert_eq!(options.transfer.of(path), options.transfer.of(&format!("{path}?x")));
        }
    }
    if let Some(found) = Finding::of(&head) {
        assert!(!found.threat.is_empty() && found.threat.chars().count() <= 200);
        assert!(!found.threat.chars().any(char::is_control));
    }
});
