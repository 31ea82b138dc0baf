use super::*;

fn read(text: &str) -> Result<Element, Error> {
    parse(text, Comments::Refused)
}

#[test]
fn names_are_resolved_and_text_is_put_together() {
    let root = read("<?xml version=\"1.0\"?>\n<p:a xmlns:p=\"urn:p\" xmlns=\"urn:d\" p:x=\"1\" x=\"2 &lt;&#10;\"><b>1&amp;2&#x20AC;</b><b/></p:a>\n")
        .unwrap();
    assert!(root.is("urn:p", "a"));
    assert_eq!(root.attribute("x"), Some("2 <\n"));
    assert_eq!(root.attributes[1].namespace, "urn:p");
    let texts: Vec<_> = root.all("urn:d", "b").map(|b| b.text.as_str()).collect();
    assert_eq!(texts, ["1&2€", ""]);
    assert_eq!(root.only("urn:d", "b"), None);
}

#[test]
fn two_ways_of_writing_one_document_read_the_same() {
    let one = read("<p:a xmlns:p=\"urn:p\" c='3' b=\"2\"><p:d></p:d></p:a>").unwrap();
    let other = read("<a b='2' c='3' xmlns='urn:p' xmlns:q='urn:q'><d/></a>").unwrap();
    assert_eq!(one, other);
}

#[test]
fn what_is_not_well_formed_is_not_read() {
    for text in [
        "",
        " <a/>",
        "a",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "</a>",
        "<a b=c/>",
        "<a b/>",
        "<a b='<'/>",
        "<a>&</a>",
        "<a>& </a>",
        "<1/>",
        "<p:a/>",
        "<a p:b=''/>",
        "<:a/>",
        "<a:/>",
        "<a><?xml version='1.0'?></a>",
        "<a>x<b/></a>",
        "<a><b/>x</a>",
        "<a\u{0}/>",
        "<a b='&#1;'/>",
        "<a>&#xFFFE;</a>",
        "\u{feff}<a/>",
    ] {
        assert_eq!(read(text), Err(Error::Malformed), "{text:?}");
    }
}

#[test]
fn comments_may_be_left_out_of_files_that_an_operator_chose() {
    let root = parse("<a><!-- x --><b/></a>", Comments::Skipped).unwrap();
    assert_eq!(root.children.len(), 1);
    assert_eq!(read("<a><!-- x --><b/></a>"), Err(Error::Forbidden(Construct::Comment)));
}

#[test]
fn what_is_escaped_reads_as_it_was() {
    let text = "a & b < c > \"d\" 'e' ]]>";
    let root = read(&format!("<a b=\"{0}\">{0}</a>", escape(text))).unwrap();
    assert_eq!((root.attribute("b"), root.text.as_str()), (Some(text), text));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[<>/a:='\" &;!\\-\\[\\]?x#é\u{0}]{0,60}") {
        read(&text).ok();
        read(&format!("<a>{text}</a>")).ok();
    }
}
