//! Exclusive canonicalisation (W3C, 2002) of what the guard lets through, quickly: to see whether it was altered.
//!
//! It lets nobody in, and both verifiers digest for themselves. Somebody who has one message that is signed can alter it
//! as often as they like, and must not make us work for it.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{NamespaceResolver, QName, ResolveResult};
use quick_xml::reader::NsReader;

use crate::saml::ns;

/// The canonical form of the element with this `ID`, without the Signatures directly in it. None for what the guard does
/// not let through.
pub(super) fn canonical(xml: &str, id: &str) -> Option<Vec<u8>> {
    let mut reader = NsReader::from_str(xml);
    let mut writer = Writer { octets: Vec::with_capacity(xml.len()), rendered: Vec::new(), depth: 0, skipping: None };
    let mut begun = false;
    loop {
        let event = reader.read_event().ok()?;
        if !begun {
            begun = matches!(&event, Event::Start(tag) | Event::Empty(tag) if has_id(tag, id));
            if !begun {
                if event == Event::Eof {
                    return None;
                }
                continue;
            }
        }
        match event {
            Event::Start(tag) => writer.start(&tag, reader.resolver())?,
            Event::Empty(tag) => {
                writer.start(&tag, reader.resolver())?;
                writer.end(tag.name());
            }
            Event::End(tag) => writer.end(tag.name()),
            Event::Text(text) if writer.skipping.is_none() => writer.text(&text.xml10_content().ok()?),
            Event::GeneralRef(reference) if writer.skipping.is_none() => {
                writer.text(character(&reference)?.encode_utf8(&mut [0; 4]));
            }
            Event::Text(_) | Event::GeneralRef(_) => {}
            _ => return None,
        }
        if writer.depth == 0 {
            return Some(writer.octets);
        }
    }
}

fn has_id(tag: &BytesStart<'_>, id: &str) -> bool {
    tag.attributes().with_checks(false).flatten().any(|one| one.key.as_ref() == b"ID" && *one.value == *id.as_bytes())
}

struct Writer {
    octets: Vec<u8>,
    /// The declarations that have been written and hold here: depth, prefix (empty for the default), name.
    rendered: Vec<(usize, Vec<u8>, Vec<u8>)>,
    depth: usize,
    /// The depth of the Signature that is left out.
    skipping: Option<usize>,
}

/// An attribute's namespace, its local name, its name as written, and its value as written.
type Attribute<'a> = (Vec<u8>, &'a [u8], &'a [u8], Cow<'a, [u8]>);

impl Writer {
    fn start(&mut self, tag: &BytesStart<'_>, resolver: &NamespaceResolver) -> Option<()> {
        self.depth += 1;
        if self.skipping.is_some() {
            return Some(());
        }
        let (namespace, local) = resolver.resolve_element(tag.name());
        let namespace = name_of(&namespace)?;
        if self.depth == 2 && namespace == ns::SIGNATURE.as_bytes() && local.as_ref() == b"Signature" {
            self.skipping = Some(self.depth);
            return Some(());
        }
        // Most elements use one prefix.
        let own = (prefix(tag.name()), namespace);
        let mut used: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut attributes: Vec<Attribute<'_>> = Vec::new();
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.ok()?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let (namespace, local) = resolver.resolve_attribute(attribute.key);
            let namespace = name_of(&namespace)?.to_vec();
            let (prefix, local) = (prefix(attribute.key), local.into_inner());
            // `xml` is bound everywhere, and declared nowhere.
            if !prefix.is_empty() && prefix != b"xml" {
                used.push((prefix.to_vec(), namespace.clone()));
            }
            let value = match attribute.value.iter().any(|byte| matches!(byte, b'&' | b'"')) {
                false => attribute.value,
                true => Cow::Owned(escaped(&attribute.normalized_value(XmlVersion::Explicit1_0).ok()?)),
            };
            attributes.push((namespace, local, attribute.key.into_inner(), value));
        }
        if !used.is_empty() {
            used.push((own.0.to_vec(), own.1.to_vec()));
            used.sort();
            used.dedup();
        }
        attributes.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.iter().cmp(b.1)));
        self.octets.push(b'<');
        self.octets.extend_from_slice(tag.name().as_ref());
        if used.is_empty() {
            self.declare(own.0, own.1);
        }
        for (prefix, namespace) in used {
            self.declare(&prefix, &namespace);
        }
        for (_, _, name, value) in attributes {
            self.write(&[b" ", name, b"=\"", &value, b"\""]);
        }
        self.octets.push(b'>');
        Some(())
    }

    /// Declares a prefix, unless what was written already says so.
    fn declare(&mut self, prefix: &[u8], namespace: &[u8]) {
        let held = self.rendered.iter().rev().find(|(_, held, _)| *held == prefix);
        let held = held.map_or(b"".as_slice(), |(_, _, namespace)| namespace);
        if held == namespace {
            return;
        }
        let colon: &[u8] = if prefix.is_empty() { b"" } else { b":" };
        self.write(&[b" xmlns", colon, prefix, b"=\"", namespace, b"\""]);
        self.rendered.push((self.depth, prefix.to_vec(), namespace.to_vec()));
    }

    fn end(&mut self, name: QName<'_>) {
        match self.skipping {
            None => self.write(&[b"</", name.as_ref(), b">"]),
            Some(depth) if depth == self.depth => self.skipping = None,
            Some(_) => {}
        }
        while self.rendered.last().is_some_and(|(depth, _, _)| *depth == self.depth) {
            self.rendered.pop();
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                b'&' => self.octets.extend_from_slice(b"&amp;"),
                b'<' => self.octets.extend_from_slice(b"&lt;"),
                b'>' => self.octets.extend_from_slice(b"&gt;"),
                b'\r' => self.octets.extend_from_slice(b"&#xD;"),
                _ => self.octets.push(byte),
            }
        }
    }

    fn write(&mut self, parts: &[&[u8]]) {
        parts.iter().for_each(|part| self.octets.extend_from_slice(part));
    }
}

fn name_of<'a>(namespace: &'a ResolveResult<'_>) -> Option<&'a [u8]> {
    match namespace {
        ResolveResult::Unbound => Some(b""),
        ResolveResult::Bound(namespace) => Some(namespace.as_ref()),
        ResolveResult::Unknown(_) => None,
    }
}

fn prefix(name: QName<'_>) -> &[u8] {
    name.into_inner()
        .split(|byte| *byte == b':')
        .next()
        .filter(|prefix| prefix.len() < name.as_ref().len())
        .unwrap_or_default()
}

fn escaped(value: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'&' => octets.extend_from_slice(b"&amp;"),
            b'<' => octets.extend_from_slice(b"&lt;"),
            b'"' => octets.extend_from_slice(b"&quot;"),
            b'\t' => octets.extend_from_slice(b"&#x9;"),
            b'\n' => octets.extend_from_slice(b"&#xA;"),
            b'\r' => octets.extend_from_slice(b"&#xD;"),
            _ => octets.push(byte),
        }
    }
    octets
}

fn character(reference: &BytesRef<'_>) -> Option<char> {
    match &**reference {
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"amp" => Some('&'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        _ => reference.resolve_char_ref().ok()?,
    }
}

#[cfg(test)]
#[path = "../tests/canonical_tests.rs"]
mod tests;
