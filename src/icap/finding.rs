//! What a scanner has found, as the fields of its answer say it. There is no standard for that: these are the fields that
//! c-icap, Squid and the scanners of several makers know (draft-stecher-icap-subid).

use super::head::AnswerHead;

/// How many characters of a threat's name are kept.
const MOST: usize = 200;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of it, without control characters.
    pub threat: String,
    /// Whether the scanner has taken it out, and what it gives back is clean.
    pub is_repaired: bool,
}

impl Finding {
    /// What this answer says that was found.
    pub fn of(head: &AnswerHead) -> Option<Self> {
        let field = |name: &str| head.fields.get(name).map(plain);
        if let Some(found) = field("x-infection-found") {
            let part = |wanted: &str| {
                let mut parts = found.split(';').filter_map(|part| part.split_once('='));
                parts.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
            };
            let threat = part("threat").map_or_else(|| found.clone(), str::to_owned);
            return Some(Self::named(threat, part("resolution") == Some("1")));
        }
        if let Some(threat) = ["x-virus-id", "x-virus-name"].iter().find_map(|name| field(name)) {
            return Some(Self::named(threat, false));
        }
        // How many there are; of each the file, the name, a number, and what was done about it.
        let found = field("x-violations-found")?;
        let mut words = found.split_whitespace();
        let count: usize = words.next()?.parse().ok()?;
        let all: Vec<&str> = words.collect();
        let is_repaired = count == 1 && all.last() == Some(&"1");
        (count > 0).then(|| Self::named(all.get(1).copied().unwrap_or_default().to_owned(), is_repaired))
    }

    fn named(threat: String, is_repaired: bool) -> Self {
        Self { threat: if threat.is_empty() { "unnamed".to_owned() } else { threat }, is_repaired }
    }
}

/// The text of a field, without characters that steer how text is shown, and cut where it is too long.
pub fn plain(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    text.chars()
        .map(|c| if c.is_control() || steers(c) { ' ' } else { c })
        .take(MOST)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Characters without a form of their own: they turn the direction of text, break lines, or hide (Unicode's `Cf`, `Zl`, `Zp`).
fn steers(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_read_from_each_field_that_says_it() {
        let long = "x".repeat(300);
        for (fields, found) in [
            ("", None),
            ("X-Infection-Found: Type=0; Resolution=2; Threat=Eicar-Test;", Some(("Eicar-Test", false))),
            ("x-infection-found: type=0;resolution=1;threat=W97M.Class", Some(("W97M.Class", true))),
            ("X-Infection-Found: something", Some(("something", false))),
            ("X-Infection-Found:", Some(("unnamed", false))),
            ("X-Virus-ID: EICAR Test String", Some(("EICAR Test String", false))),
            ("X-Virus-ID: <b>\t\u{1b}[0m", None),
            ("X-Violations-Found: 1\r\n\t-\r\n\tEicar.UNOFFICIAL\r\n\t0\r\n\t0", Some(("Eicar.UNOFFICIAL", false))),
            ("X-Violations-Found: 1\r\n\ta.exe\r\n\tEicar\r\n\t7\r\n\t1", Some(("Eicar", true))),
            ("X-Virus-ID: gpj.\u{202e}exe\u{2028}x", Some(("gpj. exe x", false))),
            ("X-Violations-Found: 0", None),
            ("X-Violations-Found: many", None),
            (&format!("X-Virus-ID: {long}"), Some((long.get(..MOST).unwrap(), false))),
        ] {
            // A control character is no field at all.
            let Ok(head) = AnswerHead::parse(format!("ICAP/1.0 200 OK\r\n{fields}\r\n\r\n").as_bytes(), 9) else {
                assert!(found.is_none(), "{fields}");
                continue;
            };
            let read = Finding::of(&head);
            let read = read.as_ref().map(|found| (found.threat.as_str(), found.is_repaired));
            assert_eq!(read, found, "{fields}");
        }
    }
}
