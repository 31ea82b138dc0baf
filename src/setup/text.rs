//! How values become parts of set-up files, so that none can become a part of a script or of markup.

/// A document of JSON, for people to read.
pub(super) fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

/// `text` as one word of a shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// `text` as character data.
pub(super) fn xml(text: &str) -> String {
    let known = text.chars().filter(|c| !c.is_control());
    known.fold(String::new(), |mut all, c| {
        match c {
            '&' => all.push_str("&amp;"),
            '<' => all.push_str("&lt;"),
            '>' => all.push_str("&gt;"),
            '"' => all.push_str("&quot;"),
            _ => all.push(c),
        }
        all
    })
}

/// One of the UUIDs that belong to a number (RFC 9562 §5.8: version 8, of our own making).
pub(super) fn uuid(number: [u8; 16], which: u8) -> String {
    let mut bytes = number;
    let [first, .., sixth, _, eighth, _, _, _, _, _, _, _] = &mut bytes;
    *first ^= which;
    *sixth = *sixth & 0x0f | 0x80;
    *eighth = *eighth & 0x3f | 0x80;
    let hex = format!("{:032X}", u128::from_be_bytes(bytes));
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).unwrap_or_default().to_owned());
    parts.join("-")
}
