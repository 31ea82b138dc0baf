//! Reads what a form sends (`application/x-www-form-urlencoded`), in time proportional to its length.

use memchr::{memchr, memchr_iter, memchr2};

/// How many fields a form may have. Ours have less than ten.
const MAX_FIELDS: usize = 64;

/// There are more fields than a form may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the form has more than {MAX_FIELDS} fields")]
pub struct TooManyFields;

/// The fields of a form, in their order. Octets that are not UTF-8 are replaced, as everybody does
/// (URL Standard, "application/x-www-form-urlencoded parsing").
pub fn parse(body: &[u8]) -> Result<Vec<(String, String)>, TooManyFields> {
    if memchr_iter(b'&', body).count() > MAX_FIELDS {
        return Err(TooManyFields);
    }
    let (mut fields, mut rest) = (Vec::new(), Some(body));
    while let Some(text) = rest {
        let (pair, next) = split_at(b'&', text);
        rest = next;
        if !pair.is_empty() {
            let (name, value) = split_at(b'=', pair);
            fields.push((decode(name), decode(value.unwrap_or_default())));
        }
    }
    Ok(fields)
}

/// The part before the first `mark`, and the part after it if there is one.
fn split_at(mark: u8, text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr(mark, text).and_then(|at| text.split_at_checked(at)) {
        Some((before, rest)) => (before, rest.get(1..)),
        None => (text, None),
    }
}

/// Decodes a name or a value. Long runs of plain octets are copied in one piece.
fn decode(mut text: &[u8]) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    while let Some((plain, rest)) = memchr2(b'%', b'+', text).and_then(|at| text.split_at_checked(at)) {
        decoded.extend_from_slice(plain);
        text = rest;
        // After one escape there are often more: to search for each of them anew would cost more than to go on here.
        loop {
            let (octet, rest) = match text {
                [b'+', rest @ ..] => (b' ', rest),
                [b'%', high, low, rest @ ..] => match (digit(*high), digit(*low)) {
                    (Some(high), Some(low)) => (high << 4 | low, rest),
                    _ => (b'%', text.get(1..).unwrap_or_default()),
                },
                [b'%', rest @ ..] => (b'%', rest),
                _ => break,
            };
            decoded.push(octet);
            text = rest;
        }
    }
    decoded.extend_from_slice(text);
    String::from_utf8(decoded).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(body: &[u8]) -> Vec<(String, String)> {
        url::form_urlencoded::parse(body).into_owned().collect()
    }

    #[test]
    fn a_form_is_read_as_everybody_reads_it() {
        for body in [
            "",
            "&&",
            "a=1&b=2&a=3",
            "a&=&=b&a=b=c",
            "a+b=c+d&%61%62=%e2%82%ac",
            "a=%&b=%4&c=%zz&d=%4z&e=%%41&f=+%2B+",
            "a=%ff%fe",
        ] {
            assert_eq!(parse(body.as_bytes()).unwrap(), expected(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn a_form_of_many_fields_is_not_read() {
        assert!(parse("a&".repeat(MAX_FIELDS).as_bytes()).is_ok());
        assert_eq!(parse("a&".repeat(MAX_FIELDS + 1).as_bytes()), Err(TooManyFields));
    }

    proptest::proptest! {
        #[test]
        fn any_octets_are_read_as_everybody_reads_them(body in "[a%&=+0-9é\u{0}]{0,40}") {
            proptest::prop_assert_eq!(parse(body.as_bytes()).unwrap(), expected(body.as_bytes()));
        }
    }
}
