use super::*;

#[test]
fn the_declaration_goes_with_the_encoding_that_it_names() {
    let utf16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    for (file, text) in [
        (b"<?xml version='1.0' encoding='utf-8'?><a/>".to_vec(), "<?xml version='1.0' encoding='utf-8'?><a/>"),
        (b"\xef\xbb\xbf\r\n<a/>\n".to_vec(), "<a/>"),
        (utf16("\u{feff}<?xml version='1.0' encoding='utf-16'?>\n<a>\u{20ac}</a>"), "<a>\u{20ac}</a>"),
        (b"<?xml version='1.0' encoding = \"ISO-8859-1\" ?><a>\xfc</a>".to_vec(), "<a>\u{fc}</a>"),
        (b"".to_vec(), ""),
        (b"plain".to_vec(), "plain"),
    ] {
        assert_eq!(decode(&file).unwrap(), text);
    }
    assert_eq!(decode(b"<a>\xfc</a>"), Err(Error::Broken("UTF-8")));
    assert_eq!(decode(b"\xff\xfe<"), Err(Error::Broken("UTF-16")));
    assert_eq!(decode(b"\xff\xfe\x00\xd8"), Err(Error::Broken("UTF-16")), "half of a pair");
    assert_eq!(decode(b"<?xml encoding='EBCDIC'?>"), Err(Error::Unknown("EBCDIC".to_owned())));
    let long = format!("<?xml encoding='{}'?>", "x".repeat(500));
    assert_eq!(decode(long.as_bytes()), Err(Error::Unknown("x".repeat(40))));
}

proptest::proptest! {
    #[test]
    fn no_file_makes_it_panic(file in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60)) {
        decode(&file).ok();
        decode(&[b"<?xml encoding", file.as_slice()].concat()).ok();
        decode(&[b"\xff\xfe", file.as_slice()].concat()).ok();
    }
}
