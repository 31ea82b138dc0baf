//! A strict reader of small XML documents: what every XML parser understands in the same way, and nothing else.
//!
//! Two parsers that disagree are how signatures get wrapped and comments cut names short, so all that invites it is
//! refused: DOCTYPE, entities, comments, processing instructions, CDATA, mixed content, relative namespace names,
//! names beyond ASCII. The work is linear in the length of the text, and bounded.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::{NamespaceResolver, PrefixDeclaration, ResolveResult};
use quick_xml::reader::NsReader;

/// How deep elements may stand in each other.
const MAX_DEPTH: usize = 32;
/// How many elements a document may have. Entra's longest assertion (150 groups) has about 250.
const MAX_ELEMENTS: usize = 4000;
/// How many attributes and namespace declarations an element may have.
const MAX_ATTRIBUTES: usize = 32;

/// An element, with everything in it. Declarations of namespaces are resolved and gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// The name of its namespace; empty for none.
    pub(super) namespace: String,
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Attribute {
    /// The name of its namespace; empty for none.
    pub(super) namespace: String,
    /// Its local name.
    pub(super) name: String,
    /// Its value, normalised.
    pub(super) value: String,
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

/// What is done with comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comments {
    /// A text with one is not read.
    Refused,
    /// They are left out; for files that an operator chose.
    Skipped,
}

/// Reads a whole document and gives its root.
pub(super) fn parse(text: &str, comments: Comments) -> Result<Element, Error> {
    // Nearly all that comes is plain ASCII, which is quick to see.
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r'));
    if !text.starts_with('<') || !(plain || text.chars().all(is_xml_char)) {
        return Err(Error::Malformed);
    }
    let mut reader = NsReader::from_str(text);
    reader.resolver_mut().set_max_declarations_per_element(MAX_ATTRIBUTES);
    let mut tree = Tree::default();
    let mut first = true;
    loop {
        match reader.read_event().map_err(|_| Error::Malformed)? {
            Event::Start(start) => tree.open(element(&start, reader.resolver(), comments)?)?,
            Event::End(_) => tree.close()?,
            Event::Empty(start) => {
                tree.open(element(&start, reader.resolver(), comments)?)?;
                tree.close()?;
            }
            Event::Text(text) => tree.text(&text.xml10_content().map_err(|_| Error::Malformed)?)?,
            Event::GeneralRef(reference) => tree.text(character(&reference)?.encode_utf8(&mut [0; 4]))?,
            Event::Decl(declaration) if first => check_declaration(&declaration)?,
            Event::Decl(_) => return Err(Error::Malformed),
            Event::Comment(_) if comments == Comments::Skipped => {}
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
#[derive(Default)]
struct Tree {
    /// The elements that are open, the root first.
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Tree {
    fn open(&mut self, element: Element) -> Result<(), Error> {
        if self.root.is_some() {
            return Err(Error::Malformed);
        }
        self.elements += 1;
        if self.elements > MAX_ELEMENTS || self.open.len() >= MAX_DEPTH {
            return Err(Error::TooComplex);
        }
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        let element = self.open.pop().ok_or(Error::Malformed)?;
        if !element.children.is_empty() && !is_blank(&element.text) {
            return Err(Error::Malformed);
        }
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        match self.open.last_mut() {
            Some(element) if !text.contains("]]>") => element.text.push_str(text),
            None if is_blank(text) => {}
            _ => return Err(Error::Malformed),
        }
        Ok(())
    }

    fn finish(self) -> Result<Element, Error> {
        if self.open.is_empty() { self.root.ok_or(Error::Malformed) } else { Err(Error::Malformed) }
    }
}

fn element(start: &BytesStart<'_>, resolver: &NamespaceResolver, kind: Comments) -> Result<Element, Error> {
    let (namespace, name) = resolver.resolve_element(start.name());
    check_qualified_name(start.name().as_ref())?;
    let (namespace, name) = (resolved(&namespace)?, local(name.as_ref())?);
    let mut attributes = Vec::new();
    for (count, attribute) in start.attributes().enumerate() {
        let attribute = attribute.map_err(|_| Error::Malformed)?;
        if count >= MAX_ATTRIBUTES {
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
        // An unknown entity is the only thing that can be wrong with a value here.
        let value = attribute
            .normalized_value(XmlVersion::Explicit1_0)
            .map_err(|_| Error::Forbidden(Construct::Entity))?
            .into_owned();
        if !value.chars().all(is_xml_char) {
            return Err(Error::Malformed);
        }
        match attribute.key.as_namespace_binding() {
            // One of the verifiers leaves references in such a name as they are.
            Some(_) if attribute.value.contains(&b'&') => return Err(Error::Malformed),
            Some(binding) => check_binding(binding, &value)?,
            // Names that begin so are reserved (XML 1.0 §2.3), and look like declarations to whoever looks briefly.
            None if is_reserved(attribute.key.as_ref()) => return Err(Error::Malformed),
            None => {
                let (namespace, name) = resolver.resolve_attribute(attribute.key);
                attributes.push(Attribute { namespace: resolved(&namespace)?, name: local(name.as_ref())?, value });
            }
        }
    }
    attributes.sort();
    if attributes.windows(2).any(|pair| matches!(pair, [a, b] if (&a.namespace, &a.name) == (&b.namespace, &b.name))) {
        return Err(Error::Malformed);
    }
    Ok(Element { namespace, name, attributes, children: Vec::new(), text: String::new() })
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

fn resolved(namespace: &ResolveResult<'_>) -> Result<String, Error> {
    match namespace {
        ResolveResult::Unbound => Ok(String::new()),
        ResolveResult::Bound(namespace) => local(namespace.as_ref()),
        ResolveResult::Unknown(_) => Err(Error::Malformed),
    }
}

fn local(bytes: &[u8]) -> Result<String, Error> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Error::Malformed)
}

/// A name, or a prefix and a name, in ASCII.
fn check_qualified_name(name: &[u8]) -> Result<(), Error> {
    let name = std::str::from_utf8(name).map_err(|_| Error::Malformed)?;
    let (prefix, local) = name.split_once(':').unwrap_or(("_", name));
    if is_name(prefix) && is_name(local) { Ok(()) } else { Err(Error::Malformed) }
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
    text.chars().all(|c| matches!(c, ' ' | '\t' | '\n' | '\r'))
}

/// Whether `text` is an NCName in ASCII, which is what an ID may be.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
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
