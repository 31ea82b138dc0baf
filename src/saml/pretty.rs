//! Writes a message for an operator to read: one element a line, and nothing in it that could be used again.

use std::fmt::Write as _;

use crate::saml::ns;
use crate::saml::xml::{Comments, Element, escape, parse};

/// The longest text that is shown, in bytes. Entra's longest message has some 30 kB.
const MAX_LEN: usize = 64 * 1024;

/// Values that only machines read. A signature is what makes a message worth stealing.
const MASKED: [(&str, &str); 4] = [
    (ns::SIGNATURE, "SignatureValue"),
    (ns::SIGNATURE, "X509Certificate"),
    (ns::SIGNATURE, "DigestValue"),
    (ns::ENCRYPTION, "CipherValue"),
];

/// A message that can be read as XML.
pub(super) fn text(xml: &str) -> Option<String> {
    parse(xml, Comments::Refused).ok().map(|root| element(&root))
}

/// An element with everything in it. Namespaces are shown where they change, without prefixes.
pub(super) fn element(root: &Element) -> String {
    let mut text = String::new();
    write_element(&mut text, root, "", 0);
    text.truncate(text.trim_end().len());
    text
}

fn write_element(text: &mut String, element: &Element, around: &str, depth: usize) {
    if text.len() > MAX_LEN {
        if !text.ends_with('…') {
            text.push('…');
        }
        return;
    }
    let indent = "  ".repeat(depth);
    // Writing into a string does not fail.
    write!(text, "{indent}<{}", element.name).ok();
    if element.namespace != around {
        write!(text, " xmlns=\"{}\"", escape(&element.namespace)).ok();
    }
    for attribute in &element.attributes {
        let prefix = match attribute.namespace.as_ref() {
            "" => "",
            ns::SCHEMA_INSTANCE => "xsi:",
            _ => "x:",
        };
        write!(text, " {prefix}{}=\"{}\"", attribute.name, escape(&attribute.value)).ok();
    }
    let masked = MASKED.iter().any(|(namespace, name)| element.is(namespace, name)) && !element.text.is_empty();
    match (element.children.as_slice(), element.text.as_str()) {
        ([], "") => text.push_str("/>\n"),
        ([], content) => {
            let content = if masked { format!("… {} characters", content.len()) } else { escape(content) };
            writeln!(text, ">{content}</{}>", element.name).ok();
        }
        (children, _) => {
            text.push_str(">\n");
            for child in children {
                write_element(text, child, &element.namespace, depth + 1);
            }
            writeln!(text, "{indent}</{}>", element.name).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_in_lines_and_without_what_makes_it_valid() {
        let shown = text(concat!(
            "<p:R xmlns:p='urn:p' a='1&amp;2'><A xmlns='urn:a'><B/><C>x &lt; y</C>",
            "<d:SignatureValue xmlns:d='http://www.w3.org/2000/09/xmldsig#'>c2VjcmV0</d:SignatureValue></A></p:R>"
        ));
        assert_eq!(
            shown.unwrap(),
            concat!(
                "<R xmlns=\"urn:p\" a=\"1&amp;2\">\n  <A xmlns=\"urn:a\">\n    <B/>\n    <C>x &lt; y</C>\n",
                "    <SignatureValue xmlns=\"http://www.w3.org/2000/09/xmldsig#\">… 8 characters</SignatureValue>\n",
                "  </A>\n</R>"
            )
        );
        assert_eq!(text("<a"), None);
        let long = format!("<a>{}</a>", format!("<b>{}</b>", "x".repeat(1000)).repeat(200));
        assert!(text(&long).unwrap().len() < MAX_LEN + 2000);
    }
}
