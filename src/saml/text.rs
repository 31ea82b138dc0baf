//! What a file of XML says, whatever its characters are encoded in.
//!
//! XML 1.0 §4.3.3 has every reader know UTF-8 and UTF-16; Windows tools write the latter. ISO 8859-1 costs nothing more.

use std::borrow::Cow;

use memchr::memmem;

/// Why a file is not text that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Its octets are not those of its encoding.
    #[error("it is not {0}, as it should be: save it as UTF-8")]
    Broken(&'static str),
    /// Its declaration names another encoding.
    #[error("it is in `{0}`: save it as UTF-8")]
    Unknown(String),
}

/// The text of a file, without the declaration that names another encoding than UTF-8.
pub(super) fn decode(file: &[u8]) -> Result<Cow<'_, str>, Error> {
    if let Some(units) = utf16(file) {
        let text = units.ok_or(Error::Broken("UTF-16"))?;
        let text = String::from_utf16(&text).map_err(|_| Error::Broken("UTF-16"))?;
        return Ok(Cow::Owned(undeclared(text.trim_start_matches('\u{feff}')).to_owned()));
    }
    let name = encoding(file);
    match name.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("iso-8859-1" | "latin1" | "l1" | "iso8859-1" | "windows-1252" | "cp1252") => {
            // Where the two differ, ISO 8859-1 has control characters, which the reader of XML refuses.
            let text: String = file.iter().copied().map(char::from).collect();
            Ok(Cow::Owned(undeclared(&text).to_owned()))
        }
        Some("us-ascii" | "ascii") if file.is_ascii() => {
            let text = std::str::from_utf8(file).map_err(|_| Error::Broken("ASCII"))?;
            Ok(Cow::Borrowed(undeclared(text)))
        }
        None | Some("utf-8" | "utf8") => {
            let text = std::str::from_utf8(file).map_err(|_| Error::Broken("UTF-8"))?;
            Ok(Cow::Borrowed(text.trim_start_matches('\u{feff}').trim()))
        }
        Some(_) => Err(Error::Unknown(name.unwrap_or_default().chars().take(40).collect())),
    }
}

/// The units of UTF-16, if it is: by its byte order mark, or by how XML begins. None inside where an octet is left over.
fn utf16(file: &[u8]) -> Option<Option<Vec<u16>>> {
    let unit = match file {
        [0xff, 0xfe, ..] | [b'<', 0, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] | [0, b'<', ..] => u16::from_be_bytes,
        _ => return None,
    };
    let (units, rest) = file.as_chunks::<2>();
    Some(rest.is_empty().then(|| units.iter().map(|pair| unit(*pair)).collect()))
}

/// The encoding that the XML declaration names, which is written in ASCII in each of those that begin with it.
fn encoding(file: &[u8]) -> Option<String> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file).trim_ascii_start();
    let declaration = file.strip_prefix(b"<?xml")?;
    let declaration = declaration.get(..memmem::find(declaration, b"?>")?)?;
    let declaration = std::str::from_utf8(declaration).ok()?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.split(quote).nth(1).map(str::to_owned)
}

/// The text without its XML declaration.
fn undeclared(text: &str) -> &str {
    let text = text.trim();
    let rest = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    rest.map_or(text, |(_, rest)| rest.trim_start())
}

#[cfg(test)]
#[path = "tests/text_tests.rs"]
mod tests;
