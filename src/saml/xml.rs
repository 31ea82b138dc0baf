//! A strict reader of small XML documents: what every XML parser understands in the same way, and nothing else.
//!
//! Two parsers that disagree are how signatures get wrapped and comments cut names short, so all that invites it is
//! refused: DOCTYPE, entities, comments, processing instructions, CDATA, mixed content, relative namespace names,
//! names beyond ASCII. The work is linear in the length of the text, and bounded.

mod bounds;
mod signed;

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event, attributes};
use quick_xml::name::{NamespaceResolver, PrefixDeclaration, ResolveResult};
use quick_xml::reader::NsReader;

use crate::saml::ns;
use bounds::{MAX_DEPTH, Measured};
pub(super) use signed::SignatureText;
use signed::Signatures;

/// An element, with everything in it. Declarations of namespaces are resolved and gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// The name of its namespace; empty for none.
    pub(super) namespace: Cow<'static, str>,
    /// Its local name.
    pub(super) name: String,
    /// Its attributes, sorted by namespace and name.
    pub(super) attributes: Vec<Attribute>,
    /// The elements in it.
    pub(super) children: Vec<Element>,
    /// The characters directly in it; only blanks where there are children.
    pub(super) text: String,
}

/// An attribute that is not a namespace declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    /// The name of its namespace; empty for none.
    pub(super) namespace: Cow<'static, str>,
    /// Its local name.
    pub(super) name: String,
    /// Its value, normalised.
    pub(super) value: String,
}

impl Attribute {
    /// By namespace and name. Most are short, and differ at once: no function is called to compare them.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let namespaces = self.namespace.bytes().cmp(other.namespace.bytes());
        namespaces.then_with(|| self.name.bytes().cmp(other.name.bytes()))
    }
}

/// Why a text was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not well formed, or cut off, or something follows its end.
    #[error("the XML is not well formed")]
    Malformed,
    /// Deeper, wider or with more elements than any message has.
    #[error("the XML has too many parts")]
    TooComplex,
    /// It holds something that messages do not hold.
    #[error("the XML holds {0}")]
    Forbidden(Construct),
}

/// What XML allows and messages do not need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Construct {
    /// `<!DOCTYPE …>`.
    Doctype,
    /// A reference to an entity that XML does not define itself.
    Entity,
    /// `<!-- … -->`.
    Comment,
    /// `<? … ?>`, other than the declaration at the start.
    ProcessingInstruction,
    /// `<![CDATA[ … ]]>`.
    Cdata,
}

impl std::fmt::Display for Construct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Doctype => "a DOCTYPE",
            Self::Entity => "an entity reference",
            Self::Comment => "a comment",
            Self::ProcessingInstruction => "a processing instruction",
            Self::Cdata => "a CDATA section",
        })
    }
}

/// What is done with comments, and with all else that messages do not need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comments {
    /// A text that holds one is not read.
    Refused,
    /// Comments and processing instructions are left out, so is text between elements, and a CDATA section is text. For files
    /// that an operator chose, and that no verifier reads.
    Skipped,
}

/// A document, and what was signed in it.
#[derive(Debug)]
pub(super) struct Document {
    /// Its root.
    pub(super) root: Element,
    /// Each Signature that has a SignedInfo, in document order.
    pub(super) signatures: Vec<SignatureText>,
}

/// Reads a whole document and gives its root.
pub(super) fn parse(text: &str, comments: Comments) -> Result<Element, Error> {
    read(text, comments).map(|document| document.root)
}

/// Reads a whole document.
pub(super) fn read(text: &str, comments: Comments) -> Result<Document, Error> {
    let bounds = bounds::check(text, comments)?;
    let mut reader = NsReader::from_str(text);
    reader.resolver_mut().set_max_declarations_per_element(bounds.attributes_each);
    let mut tree =
        Tree { text, bounds, comments, open: Vec::new(), root: None, elements: 0, signatures: Signatures::default() };
    let mut first = true;
    loop {
        let start = reader.buffer_position();
        match reader.read_event().map_err(|_| Error::Malformed)? {
            Event::Start(tag) => {
                tree.open(element(&tag, reader.resolver(), comments, bounds)?)?;
                tree.signatures.open(&tree.open, &tag, reader.resolver(), start);
            }
            Event::End(_) => tree.close(reader.buffer_position())?,
            Event::Empty(tag) => {
                tree.open(element(&tag, reader.resolver(), comments, bounds)?)?;
                tree.signatures.open(&tree.open, &tag, reader.resolver(), start);
                tree.close(reader.buffer_position())?;
            }
            Event::Text(text) => tree.text(&text.xml10_content().map_err(|_| Error::Malformed)?)?,
            Event::GeneralRef(reference) => tree.text(character(&reference)?.encode_utf8(&mut [0; 4]))?,
            Event::Decl(declaration) if first => check_declaration(&declaration)?,
            Event::Decl(_) => return Err(Error::Malformed),
            Event::Comment(_) | Event::PI(_) if comments == Comments::Skipped => {}
            Event::CData(text) if comments == Comments::Skipped => {
                tree.characters(&text.xml10_content().map_err(|_| Error::Malformed)?)?;
            }
            Event::Comment(_) => return Err(Error::Forbidden(Construct::Comment)),
            Event::CData(_) => return Err(Error::Forbidden(Construct::Cdata)),
            Event::PI(_) => return Err(Error::Forbidden(Construct::ProcessingInstruction)),
            Event::DocType(_) => return Err(Error::Forbidden(Construct::Doctype)),
            Event::Eof => return tree.finish(),
        }
        first = false;
    }
}

/// The tree as far as it has been read.
struct Tree<'a> {
    text: &'a str,
    bounds: &'static Measured,
    comments: Comments,
    /// The elements that are open, the root first.
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
    signatures: Signatures,
}

impl Tree<'_> {
    fn open(&mut self, element: Element) -> Result<(), Error> {
        if self.root.is_some() {
            return Err(Error::Malformed);
        }
        self.elements += 1;
        if self.elements > self.bounds.elements || self.open.len() >= MAX_DEPTH {
            return Err(Error::TooComplex);
        }
        self.open.push(element);
        Ok(())
    }

    /// Closes the innermost element, whose last tag ends at `end`.
    fn close(&mut self, end: u64) -> Result<(), Error> {
        let mut element = self.open.pop().ok_or(Error::Malformed)?;
        if !element.children.is_empty() && !is_blank(&element.text) {
            match self.comments {
                Comments::Refused => return Err(Error::Malformed),
                Comments::Skipped => element.text.clear(),
            }
        }
        self.signatures.close(self.open.len(), self.text, end)?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        if text.contains("]]>") { Err(Error::Malformed) } else { self.characters(text) }
    }

    fn characters(&mut self, text: &str) -> Result<(), Error> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if is_blank(text) => {}
            None => return Err(Error::Malformed),
        }
        Ok(())
    }

    fn finish(self) -> Result<Document, Error> {
        let Self { open, root: Some(root), signatures, .. } = self else { return Err(Error::Malformed) };
        if open.is_empty() { Ok(Document { root, signatures: signatures.all }) } else { Err(Error::Malformed) }
    }
}

fn element(
    start: &BytesStart<'_>,
    resolver: &NamespaceResolver,
    kind: Comments,
    bounds: &Measured,
) -> Result<Element, Error> {
    if resolver.bindings().size_hint().1.is_some_and(|count| count > bounds.declarations) {
        return Err(Error::TooComplex);
    }
    let (namespace, name) = resolver.resolve_element(start.name());
    check_qualified_name(start.name().as_ref())?;
    let (namespace, name) = (resolved(&namespace)?, local(name.as_ref())?);
    let mut attributes = Vec::new();
    let mut declared: Vec<PrefixDeclaration<'_>> = Vec::new();
    // Attributes that are there twice are found below: there it takes less time.
    for (count, attribute) in start.attributes().with_checks(false).enumerate() {
        let attribute = attribute.map_err(|_| Error::Malformed)?;
        if count >= bounds.attributes_each {
            return Err(Error::TooComplex);
        }
        check_qualified_name(attribute.key.as_ref())?;
        if attribute.value.contains(&b'<') {
            return Err(Error::Malformed);
        }
        // To a reader such characters are spaces (XML 1.0 §3.3.3). One of the verifiers keeps them as they are.
        if kind == Comments::Refused && attribute.value.iter().any(|byte| matches!(byte, b'\t' | b'\n' | b'\r')) {
            return Err(Error::Malformed);
        }
        let value = value(&attribute)?;
        match attribute.key.as_namespace_binding() {
            // One of the verifiers leaves references in such a name as they are.
            Some(_) if attribute.value.contains(&b'&') => return Err(Error::Malformed),
            Some(binding) if declared.contains(&binding) => return Err(Error::Malformed),
            Some(binding) => {
                check_binding(binding, &value)?;
                declared.push(binding);
            }
            // Names that begin so are reserved (XML 1.0 §2.3), and look like declarations to whoever looks briefly.
            None if is_reserved(attribute.key.as_ref()) => return Err(Error::Malformed),
            None => {
                let (namespace, name) = resolver.resolve_attribute(attribute.key);
                attributes.push(Attribute { namespace: resolved(&namespace)?, name: local(name.as_ref())?, value });
            }
        }
    }
    attributes.sort_unstable_by(Attribute::order);
    if attributes.windows(2).any(|pair| matches!(pair, [a, b] if (&a.namespace, &a.name) == (&b.namespace, &b.name))) {
        return Err(Error::Malformed);
    }
    Ok(Element { namespace, name, attributes, children: Vec::new(), text: String::new() })
}

/// What an attribute says.
fn value(attribute: &attributes::Attribute<'_>) -> Result<String, Error> {
    // What needs no normalising stands in the text, whose characters have been looked at.
    if !attribute.value.iter().any(|byte| matches!(byte, b'&' | b'\t' | b'\n' | b'\r')) {
        return local(&attribute.value);
    }
    // An unknown entity is the only thing that can be wrong with a value here.
    let value = attribute.normalized_value(XmlVersion::Explicit1_0);
    let value = value.map_err(|_| Error::Forbidden(Construct::Entity))?.into_owned();
    if value.chars().all(is_xml_char) { Ok(value) } else { Err(Error::Malformed) }
}

/// A canonicaliser fails on relative namespace names, and one that fails may digest nothing at all
/// (PortSwigger, "The Fragile Lock", 2025), so only absolute ones are read.
fn check_binding(binding: PrefixDeclaration<'_>, namespace: &str) -> Result<(), Error> {
    if namespace.is_empty() {
        return if binding == PrefixDeclaration::Default { Ok(()) } else { Err(Error::Malformed) };
    }
    if is_plain_uri(namespace) { Ok(()) } else { Err(Error::Malformed) }
}

/// An absolute URI (RFC 3986 §3) without anything that canonicalisers could stumble over: no user, no `%`, no brackets.
fn is_plain_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            let (host, port) = authority.split_once(':').unwrap_or((authority, "0"));
            let known = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
            if !known || port.is_empty() || port.len() > 5 || !port.bytes().all(|byte| byte.is_ascii_digit()) {
                return false;
            }
            path
        }
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && [path, fragment]
            .iter()
            .all(|part| part.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/?=+,;@".contains(c)))
}

fn resolved(namespace: &ResolveResult<'_>) -> Result<Cow<'static, str>, Error> {
    let namespace = match namespace {
        ResolveResult::Unbound => return Ok(Cow::Borrowed("")),
        ResolveResult::Bound(namespace) => namespace.as_ref(),
        ResolveResult::Unknown(_) => return Err(Error::Malformed),
    };
    match ns::ALL.into_iter().find(|known| known.as_bytes() == namespace) {
        Some(known) => Ok(Cow::Borrowed(known)),
        None => local(namespace).map(Cow::Owned),
    }
}

fn local(bytes: &[u8]) -> Result<String, Error> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Error::Malformed)
}

/// A name, or a prefix and a name, in ASCII.
fn check_qualified_name(name: &[u8]) -> Result<(), Error> {
    let mut parts = name.splitn(2, |byte| *byte == b':');
    if parts.all(is_ncname) { Ok(()) } else { Err(Error::Malformed) }
}

fn is_reserved(name: &[u8]) -> bool {
    let xml = name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"xml"));
    xml && !name.starts_with(b"xml:")
}

fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), Error> {
    let version = declaration.version().map_err(|_| Error::Malformed)?;
    let utf8 = match declaration.encoding() {
        None => true,
        Some(encoding) => encoding.map_err(|_| Error::Malformed)?.eq_ignore_ascii_case(b"utf-8"),
    };
    if version.as_ref() == b"1.0" && utf8 { Ok(()) } else { Err(Error::Malformed) }
}

fn character(reference: &BytesRef<'_>) -> Result<char, Error> {
    let named = match &**reference {
        b"lt" => '<',
        b"gt" => '>',
        b"amp" => '&',
        b"quot" => '"',
        b"apos" => '\'',
        _ => {
            let character = reference.resolve_char_ref().map_err(|_| Error::Malformed)?;
            character.ok_or(Error::Forbidden(Construct::Entity))?
        }
    };
    if is_xml_char(named) { Ok(named) } else { Err(Error::Malformed) }
}

/// XML 1.0 §2.2, less the control characters of ISO 6429 that it discourages.
fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// Whether `text` is an NCName in ASCII, which is what an ID may be.
pub(super) fn is_name(text: &str) -> bool {
    is_ncname(text.as_bytes())
}

fn is_ncname(text: &[u8]) -> bool {
    matches!(text, [first, rest @ ..] if (first.is_ascii_alphabetic() || *first == b'_')
        && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')))
}

/// Writes `text` so that it can stand in an attribute or between tags.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

impl Element {
    /// Whether it has this name in this namespace.
    pub(super) fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }

    /// The elements directly in it that have this name.
    pub(super) fn all<'a, 'n>(
        &'a self,
        namespace: &'n str,
        name: &'n str,
    ) -> impl Iterator<Item = &'a Self> + use<'a, 'n> {
        self.children.iter().filter(move |child| child.is(namespace, name))
    }

    /// The one element directly in it that has this name; none when there are several.
    pub(super) fn only(&self, namespace: &str, name: &str) -> Option<&Self> {
        let mut all = self.all(namespace, name);
        all.next().filter(|_| all.next().is_none())
    }

    /// The value of an attribute without a namespace.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        attributes.find(|a| a.namespace.is_empty() && a.name == name).map(|a| a.value.as_str())
    }

    /// Calls `visit` with each element below this one, in document order.
    pub(super) fn descend<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        for child in &self.children {
            visit(child);
            child.descend(visit);
        }
    }
}

#[cfg(test)]
#[path = "tests/xml_tests.rs"]
mod tests;
