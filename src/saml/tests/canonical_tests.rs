use bergshamra::c14n::{C14nMode, canonicalize};

use super::*;

/// As one of the verifiers writes it.
fn theirs(xml: &str) -> String {
    String::from_utf8(canonicalize::<&str>(xml, C14nMode::Exclusive, None, &[]).unwrap()).unwrap()
}

fn ours(xml: &str) -> String {
    String::from_utf8(canonical(xml, "x").unwrap()).unwrap()
}

#[test]
fn it_is_what_a_verifier_makes_of_it() {
    for xml in [
        r#"<a ID="x"/>"#,
        r#"<a ID="x" xmlns="urn:a"><b xmlns="urn:b"/><b xmlns="urn:a"/><c xmlns=""><d/></c></a>"#,
        r#"<p:a ID="x" xmlns:p="urn:a" xmlns:q="urn:q" xmlns="urn:d"><b/><q:c q:z="1" p:y="2" a="3" B='4'/><b p:a=""/></p:a>"#,
        r#"<p:a ID="x" xmlns:p="urn:a"><p:b xmlns:p="urn:b"><p:c xmlns:p="urn:a"/></p:b><p:b/></p:a>"#,
        r#"<a ID="x" xmlns:p="urn:p" xmlns:q="urn:p"><b q:one="" p:two=""/><b xmlns:p="urn:z" p:two="" q:one=""/></a>"#,
        "<a  ID = 'x'\n b='&#9;&#10;&#13;&quot;\"&lt;&gt;&amp;>'  c=\"'\" ><b >&lt;&gt;&amp;\"'&#13;\r\n\t ></b ></a >",
        r#"<a ID="x" xml:lang="de" xmlns:z="urn:z" z:lang="en" é="ü"><b xml:lang="fr">é€</b></a>"#,
    ] {
        assert_eq!(ours(xml), theirs(xml), "{xml}");
    }
}

#[test]
fn an_element_inside_is_written_with_what_it_uses_and_without_its_signatures() {
    let signature = r#"<s:Signature xmlns:s="http://www.w3.org/2000/09/xmldsig#"><s:X>1</s:X></s:Signature>"#;
    let xml = format!(
        r#"<p:r xmlns:p="urn:p" xmlns:q="urn:q" xmlns="urn:d" ID="y">{signature}<a ID="x"> {signature} <q:b/></a>z</p:r>"#
    );
    assert_eq!(ours(&xml), r#"<a xmlns="urn:d" ID="x">  <q:b xmlns:q="urn:q"></q:b></a>"#);
    let deep =
        r#"<a xmlns="urn:d" ID="x"><b><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"></Signature></b></a>"#;
    assert_eq!(ours(deep), deep);
    assert_eq!(canonical("<a ID='y'/>", "x"), None);
    assert_eq!(canonical("<a ID='x'><!-- --></a>", "x"), None);
}

proptest::proptest! {
    #[test]
    fn any_document_is_written_as_a_verifier_writes_it(
        parts in proptest::collection::vec(("[a-c]", "(p:|q:)?[a-c]", proptest::option::of("(p|q)"), "[ab]", "(&amp;|&#13;|&quot;|>|'|\r\n|é|x){0,4}"), 0..6)
    ) {
        let mut xml = String::new();
        for (attribute, name, declares, namespace, text) in &parts {
            let declared = declares.as_ref().map_or(format!(" xmlns='urn:{namespace}'"), |prefix| format!(" xmlns:{prefix}='urn:{namespace}'"));
            let value = text.replace("\r\n", "").replace('\'', "");
            xml = format!("<{name}{declared} q:{attribute}='{value}' {attribute}='1'>{text}{xml}</{name}>{text}");
        }
        let xml = format!("<p:r xmlns:p='urn:a' xmlns:q='urn:q' ID='x'>{xml}</p:r>");
        proptest::prop_assert_eq!(ours(&xml), theirs(&xml));
    }
}
