//! The text of a token: random, and easy to tell from any other text.
//!
//! It is `vst_`, thirty random characters (178 bits), and six check characters that follow from the others. So a
//! mistyped token is seen without looking anything up, and a program that searches files for secrets can be sure of
//! what it has found.

use crate::seal::{fingerprint, random};
use crate::secret::Secret;

/// What every token begins with.
pub const PREFIX: &str = "vst_";

/// How many characters a token has.
pub const LEN: usize = PREFIX.len() + BY_CHANCE + CHECK;

const BY_CHANCE: usize = 30;
const CHECK: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new token.
pub fn make() -> Secret {
    let mut text = String::with_capacity(LEN);
    text.push_str(PREFIX);
    while text.len() < PREFIX.len() + BY_CHANCE {
        let [byte] = random();
        // The last eight of 256 values are thrown away, because 248 is a multiple of 62: so all characters are equally
        // likely.
        if usize::from(byte) < ALPHABET.len() * 4 {
            text.push(digit(byte.into()));
        }
    }
    let check = check(&text);
    text.extend(check);
    Secret::new(text)
}

/// Whether [`make`] could have made `text`.
pub fn is_well_formed(text: &str) -> bool {
    let (Some(body), Some(end)) = (text.get(..PREFIX.len() + BY_CHANCE), text.get(PREFIX.len() + BY_CHANCE..)) else {
        return false;
    };
    text.len() == LEN && body.starts_with(PREFIX) && end.chars().eq(check(body))
}

fn check(body: &str) -> [char; CHECK] {
    let [a, b, c, d, ..] = fingerprint(body);
    let mut rest = u32::from_be_bytes([a, b, c, d]);
    [(); CHECK].map(|()| {
        let character = digit(rest as usize);
        rest /= 62;
        character
    })
}

fn digit(number: usize) -> char {
    ALPHABET.get(number % ALPHABET.len()).copied().unwrap_or(b'0').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognised_and_one_with_a_slip_is_not() {
        let token = make();
        let text = token.expose();
        let (start, rest) = text.split_at(4);
        assert_eq!((text.len(), start), (40, "vst_"));
        assert!(rest.bytes().all(|b| b.is_ascii_alphanumeric()), "it needs no quotes and no escapes: {text}");
        assert!(is_well_formed(text));
        assert_ne!(make(), token);
        assert_eq!(format!("{token:?}"), "***");
        for place in 0..text.len() {
            let mut bytes = text.to_owned().into_bytes();
            bytes[place] = if bytes[place] == b'a' { b'b' } else { b'a' };
            assert!(!is_well_formed(std::str::from_utf8(&bytes).unwrap()), "{place}");
        }
        for other in ["", "vst_", text.split_at(39).0, &format!("{text}0"), "vst_ä", &"ä".repeat(20)] {
            assert!(!is_well_formed(other), "{other}");
        }
    }
}
