//! How octets are written in scripts.

/// The octets that `text` stands for.
pub(crate) fn octets(text: &str) -> Vec<u8> {
    let (mut octets, mut rest) = (Vec::new(), text);
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '|' => octets.extend_from_slice(b"\r\n"),
            '\\' => rest = escaped(rest, &mut octets),
            '{' => rest = repeated(rest, &mut octets),
            other => octets.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    octets
}

fn escaped<'a>(rest: &'a str, octets: &mut Vec<u8>) -> &'a str {
    let octet = match rest.as_bytes()[0] {
        b'r' => b'\r',
        b'n' => b'\n',
        b't' => b'\t',
        b'0' => 0,
        b'p' => b'|',
        b'x' => {
            octets.push(u8::from_str_radix(&rest[1..3], 16).unwrap());
            return &rest[3..];
        }
        other => other,
    };
    octets.push(octet);
    &rest[1..]
}

fn repeated<'a>(rest: &'a str, octets: &mut Vec<u8>) -> &'a str {
    let (inside, rest) = rest.split_once('}').unwrap();
    let (times, what) = inside.split_once('*').unwrap();
    octets.extend(self::octets(what).repeat(times.parse().unwrap()));
    rest
}

/// What arrived, for people.
pub(crate) fn shown(octets: &[u8]) -> String {
    let text = octets.escape_ascii().to_string().replace("\\r\\n", "|");
    if text.len() > 1200 { format!("{}… ({} octets)", &text[..1200], octets.len()) } else { text }
}
