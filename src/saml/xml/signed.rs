//! Where the parts of each Signature stand in the text, so that one of them can be read by itself and another taken out.

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::events::BytesStart;
use quick_xml::name::{NamespaceResolver, PrefixDeclaration};

use super::{Element, Error};
use crate::saml::ns;

/// A Signature as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::saml) struct SignatureText {
    /// Its SignedInfo as a document of its own: as it is written, with the declarations that hold where it stands. Exclusive
    /// canonicalisation makes the same octets of it here and there.
    pub(in crate::saml) info: String,
    /// The octets of the text that its KeyInfo takes up, if it has one after its SignedInfo.
    pub(in crate::saml) key_info: Option<Range<usize>>,
}

/// The Signatures as far as the text has been read.
#[derive(Default)]
pub(super) struct Signatures {
    pub(super) all: Vec<SignatureText>,
    /// The SignedInfo that is open: its depth, where its attributes begin, and how it begins as a document of its own.
    info: Option<(usize, usize, String)>,
    /// The KeyInfo that is open: its depth, and where it begins.
    key_info: Option<(usize, usize)>,
}

impl Signatures {
    /// Notes the element that has just been opened, the last of `open`, if it is a part of a Signature. Its tag begins at
    /// `start`.
    pub(super) fn open(&mut self, open: &[Element], tag: &BytesStart<'_>, resolver: &NamespaceResolver, start: u64) {
        let [above @ .., parent, own] = open else { return };
        if !parent.is(ns::SIGNATURE, "Signature") || own.namespace != ns::SIGNATURE {
            return;
        }
        let (depth, start) = (above.len() + 1, usize::try_from(start).unwrap_or(usize::MAX));
        match own.name.as_str() {
            "SignedInfo" if self.info.is_none() => {
                let begun = format!("<{}", String::from_utf8_lossy(tag.name().as_ref()));
                let rest = start.saturating_add(begun.len());
                self.info = Some((depth, rest, begun + &declarations(tag, resolver)));
            }
            "KeyInfo" if self.key_info.is_none() => self.key_info = Some((depth, start)),
            _ => {}
        }
    }

    /// Notes that the element at this depth is closed; its last tag ends at `end` of `text`.
    pub(super) fn close(&mut self, depth: usize, text: &str, end: u64) -> Result<(), Error> {
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        if let Some((_, rest, begun)) = self.info.take_if(|(own, _, _)| *own == depth) {
            let info = begun + text.get(rest..end).ok_or(Error::Malformed)?;
            self.all.push(SignatureText { info, key_info: None });
        }
        if let Some((_, start)) = self.key_info.take_if(|(own, _)| *own == depth)
            && let Some(signature) = self.all.last_mut()
        {
            signature.key_info.get_or_insert(start..end);
        }
        Ok(())
    }
}

/// The declarations that hold at a tag and that it does not make itself.
fn declarations(tag: &BytesStart<'_>, resolver: &NamespaceResolver) -> String {
    let mut written = String::new();
    for (prefix, namespace) in resolver.bindings() {
        let own = tag.attributes().flatten().any(|attribute| attribute.key.as_namespace_binding() == Some(prefix));
        if own {
            continue;
        }
        // The names of namespaces were checked: nothing in them would have to be escaped.
        let (colon, prefix) = match prefix {
            PrefixDeclaration::Default => ("", Cow::Borrowed("")),
            PrefixDeclaration::Named(prefix) => (":", String::from_utf8_lossy(prefix)),
        };
        written.push_str(&format!(" xmlns{colon}{prefix}=\"{}\"", String::from_utf8_lossy(namespace.as_ref())));
    }
    written
}
