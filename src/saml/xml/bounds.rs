//! What a text may have at most before it is read: counted at the speed of memory, so that a text made to be slow to read
//! costs next to nothing.

use memchr::{memchr_iter, memmem};

use super::{Comments, Construct, Error, is_xml_char};

/// How deep elements may stand in each other.
pub(super) const MAX_DEPTH: usize = 32;

/// How much a whole document may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    /// How many elements.
    pub(super) elements: usize,
    attributes: usize,
    references: usize,
    /// How many attributes and namespace declarations each element may have.
    pub(super) attributes_each: usize,
    /// How many namespace declarations may hold at one place. Each name is looked up among them.
    pub(super) declarations: usize,
}

/// A message. An assertion with 1,000 groups has about 1,060 elements; Entra's longest (150 groups) has about 200. Where
/// each value has three attributes, there is room for 500 of them in a message. A Response has eight or ten attributes.
static MESSAGE: Measured =
    Measured { elements: 1280, attributes: 2048, references: 2048, attributes_each: 16, declarations: 32 };

/// Metadata, which an operator chose. The root of a federation's may declare some twenty namespaces.
static FILE: Measured =
    Measured { elements: 20_000, attributes: 40_000, references: 20_000, attributes_each: 64, declarations: 64 };

/// Checks that `text` holds nothing that it must not hold and is worth reading. Gives the bounds that its elements are to
/// be held to; there are at most twice as many tags as elements.
pub(super) fn check(text: &str, comments: Comments) -> Result<&'static Measured, Error> {
    if !text.starts_with('<') || !(is_plain(text) || text.chars().all(is_xml_char)) {
        return Err(Error::Malformed);
    }
    let bounds = if comments == Comments::Refused { &MESSAGE } else { &FILE };
    let count = |byte| memchr_iter(byte, text.as_bytes()).count();
    let quotes = count(b'"') + count(b'\'');
    if count(b'<') > 2 * bounds.elements || quotes > 2 * bounds.attributes || count(b'&') > bounds.references {
        return Err(Error::TooComplex);
    }
    if comments == Comments::Refused {
        check_markup(text)?;
    }
    Ok(bounds)
}

/// Nearly all that comes is plain ASCII, which is quick to see: without a branch in it, many octets are compared at once.
fn is_plain(text: &str) -> bool {
    let plain = |byte: &u8| (b' '..=b'~').contains(byte) | (*byte == b'\t') | (*byte == b'\n') | (*byte == b'\r');
    text.as_bytes().chunks(1024).all(|chunk| chunk.iter().fold(true, |all, byte| all & plain(byte)))
}

/// No `<!` at all, and `<?` only at the start: a `<` that is not markup stands nowhere in a document.
fn check_markup(text: &str) -> Result<(), Error> {
    if let Some(at) = memmem::find(text.as_bytes(), b"<!") {
        let rest = text.get(at..).unwrap_or_default();
        let known = [("<!--", Construct::Comment), ("<![CDATA[", Construct::Cdata), ("<!DOCTYPE", Construct::Doctype)];
        let construct = known.into_iter().find(|(start, _)| rest.starts_with(start));
        return Err(construct.map_or(Error::Malformed, |(_, construct)| Error::Forbidden(construct)));
    }
    let is_declaration =
        |rest: &str| rest.strip_prefix("<?xml").is_some_and(|rest| rest.starts_with([' ', '\t', '\n', '\r']));
    let from = if is_declaration(text) { 2 } else { 0 };
    let rest = text.get(from..).unwrap_or_default();
    let Some(at) = memmem::find(rest.as_bytes(), b"<?") else { return Ok(()) };
    let second = is_declaration(rest.get(at..).unwrap_or_default());
    Err(if second { Error::Malformed } else { Error::Forbidden(Construct::ProcessingInstruction) })
}
