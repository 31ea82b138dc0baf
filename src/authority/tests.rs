//! The authority in memory and in the state folder, and its leaves.

use x509_parser::prelude::X509Certificate;

use super::*;
use crate::disk;

#[test]
fn an_authority_is_made_once_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let first = Authority::open_or_create(&state, "Vestibule test", Clock::system()).unwrap();
    let again = Authority::open_or_create(&state, "another name", Clock::system()).unwrap();
    assert_eq!(first.certificate(), again.certificate());
    assert_eq!(std::fs::read_to_string(state.join(CERTIFICATE_FILE)).unwrap(), again.certificate_pem());
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(state.join(KEY_FILE)).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    std::fs::remove_file(state.join(KEY_FILE)).unwrap();
    assert!(matches!(Authority::open_or_create(&state, "x", Clock::system()), Err(Error::Incomplete(..))));
}

#[test]
fn a_start_that_was_interrupted_is_ended_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path();
    let open = || Authority::open_or_create(state, "Vestibule test", Clock::system());
    // A version before left this when the disk was full.
    std::fs::write(state.join(KEY_FILE), "").unwrap();
    Authority::check(state).unwrap();
    let made = open().unwrap();
    assert_eq!(std::fs::read_dir(state).unwrap().count(), 2, "nothing is left beside them");
    // A crash between the two names.
    let (certificate, staged) = (state.join(CERTIFICATE_FILE), disk::staged(&state.join(CERTIFICATE_FILE)));
    std::fs::rename(&certificate, &staged).unwrap();
    Authority::check(state).unwrap();
    assert_eq!(open().unwrap().certificate(), made.certificate());
    // Another one's certificate is not taken for it.
    let other = Authority::ephemeral("another", Clock::system()).unwrap();
    std::fs::remove_file(&certificate).unwrap();
    std::fs::write(&staged, other.certificate_pem()).unwrap();
    assert!(matches!(open(), Err(Error::Incomplete(..))));
}

#[test]
fn a_key_that_is_not_the_certificates_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path();
    drop(Authority::open_or_create(state, "Vestibule test", Clock::system()).unwrap());
    let other = Authority::ephemeral("another", Clock::system()).unwrap();
    for (content, wanted) in [
        (other.certificate_pem(), "authority.key is not the key of authority.pem"),
        (String::new(), "authority.pem holds no usable certificate"),
    ] {
        std::fs::write(state.join(CERTIFICATE_FILE), content).unwrap();
        for refused in
            [Authority::check(state).unwrap_err(), Authority::open_or_create(state, "x", Clock::system()).unwrap_err()]
        {
            assert!(refused.to_string().contains(wanted), "{refused}");
        }
    }
    std::fs::remove_file(state.join(KEY_FILE)).unwrap();
    assert!(matches!(Authority::check(state), Err(Error::Incomplete(..))));
}

#[test]
fn leaves_are_issued_for_names_and_addresses_and_remembered() {
    let authority = Authority::ephemeral("Vestibule test", Clock::system()).unwrap();
    let authority_der = authority.certificate();
    for host in ["mail.test", "192.0.2.7", "[2001:db8::1]", &format!("{}.test", "a".repeat(63))] {
        let server = authority.server(host).unwrap();
        assert!(Arc::ptr_eq(&server, &authority.server(host).unwrap()), "{host}");
        assert!(!server.session_storage.can_cache(), "memory for each host that somebody asks for");
        let (leaf, _) = authority.issue(host).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&leaf).unwrap();
        let (_, issuer) = x509_parser::parse_x509_certificate(&authority_der).unwrap();
        assert_eq!(parsed.issuer(), issuer.subject());
        let days = (parsed.validity().not_after.timestamp() - parsed.validity().not_before.timestamp()) / 86_400;
        assert!(days < 398, "{days}");
    }
}

#[test]
fn a_leaf_says_what_clients_look_for_and_mirrors_its_origin() {
    let authority = Authority::ephemeral("Vestibule test", Clock::system()).unwrap();
    let authority_der = authority.certificate();
    let names = ["a.test", "*.a.test", "A.TEST", "192.0.2.7", "b c", "", "*"].map(str::to_owned);
    let leaf = authority.mirror("a.test", &names, &authority.rotate().unwrap()).unwrap();
    let (_, leaf) = x509_parser::parse_x509_certificate(&leaf).unwrap();
    let (_, issuer) = x509_parser::parse_x509_certificate(&authority_der).unwrap();
    let found = leaf.subject_alternative_name().unwrap().unwrap().value.general_names.len();
    assert_eq!(found, 3, "{:?}", leaf.subject_alternative_name());
    assert!(leaf.extended_key_usage().unwrap().unwrap().value.server_auth);
    assert!(!leaf.basic_constraints().unwrap().unwrap().value.ca);
    let key_of = |certificate: &X509Certificate<'_>| {
        certificate.iter_extensions().find_map(|extension| match extension.parsed_extension() {
            x509_parser::extensions::ParsedExtension::SubjectKeyIdentifier(key) => Some(key.0.to_vec()),
            _ => None,
        })
    };
    let of_issuer = leaf.iter_extensions().find_map(|extension| match extension.parsed_extension() {
        x509_parser::extensions::ParsedExtension::AuthorityKeyIdentifier(authority) => {
            authority.key_identifier.as_ref().map(|key| key.0.to_vec())
        }
        _ => None,
    });
    assert!(key_of(&leaf).is_some());
    assert_eq!((of_issuer.is_some(), of_issuer), (true, key_of(&issuer)));
    assert_eq!(leaf.public_key().algorithm.algorithm.to_id_string(), "1.2.840.10045.2.1", "ECDSA");
    leaf.verify_signature(Some(issuer.public_key())).unwrap();
}

#[test]
fn the_key_of_leaves_lasts_a_day_and_no_leaf_outlives_it() {
    let clock = Clock::by_hand(Clock::system().now());
    let authority = Authority::ephemeral("Vestibule test", clock.clone()).unwrap();
    let (first, key) = (authority.server("a.test").unwrap(), authority.rotate().unwrap().pair.serialize_der());
    clock.advance(SignedDuration::from_hours(23));
    assert!(Arc::ptr_eq(&first, &authority.server("a.test").unwrap()));
    assert_eq!(authority.rotate().unwrap().pair.serialize_der(), key);
    clock.advance(SignedDuration::from_hours(2));
    assert!(!Arc::ptr_eq(&first, &authority.server("a.test").unwrap()));
    assert_ne!(authority.rotate().unwrap().pair.serialize_der(), key);
}

#[test]
fn a_leaf_that_was_begun_with_the_key_before_is_not_given_out_beside_those_of_the_next() {
    let clock = Clock::by_hand(Clock::system().now());
    let authority = Authority::ephemeral("Vestibule test", clock.clone()).unwrap();
    let old = authority.rotate().unwrap();
    clock.advance(SignedDuration::from_hours(25));
    authority.rotate().unwrap();
    // Whoever had asked for the key before that ends now.
    let late = authority.server_by(&old, "a.test", &[], true).unwrap();
    assert!(!Arc::ptr_eq(&late, &authority.server("a.test").unwrap()));
}

#[test]
fn a_burst_of_1000_first_connections_to_one_name_has_one_leaf_issued() {
    let authority = Authority::ephemeral("Vestibule test", Clock::system()).unwrap();
    let names = ["a.test".to_owned(), "b.test".to_owned()];
    let begin = std::sync::Barrier::new(50);
    let found: Vec<Arc<ServerConfig>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..50)
            .map(|_| {
                scope.spawn(|| {
                    begin.wait();
                    (0..20).map(|_| authority.server_as("a.test", &names, true).unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(found.len(), 1000);
    assert!(found.iter().all(|server| Arc::ptr_eq(server, &found[0])));
    let other = authority.server_as("a.test", &names, false).unwrap();
    assert!(!Arc::ptr_eq(&found[0], &other) && other.alpn_protocols.is_empty());
}

#[test]
fn ten_thousand_names_and_more_stay_within_the_bound_and_no_serial_number_comes_twice() {
    let authority = Authority::ephemeral("Vestibule test", Clock::system()).unwrap();
    let mut serials = std::collections::HashSet::new();
    for number in 0..MAX_LEAVES + 1000 {
        let host = format!("host-{number}.test");
        if number % 10 == 0 {
            let (leaf, _) = authority.issue(&host).unwrap();
            let (_, leaf) = x509_parser::parse_x509_certificate(&leaf).unwrap();
            assert!(serials.insert(leaf.raw_serial().to_vec()), "{host}");
        }
        authority.server(&host).unwrap();
    }
    authority.leaves.run_pending_tasks();
    let count = authority.leaves.entry_count();
    assert!((MAX_LEAVES / 2..=MAX_LEAVES).contains(&count), "{count}");
}

#[test]
fn names_beyond_what_is_permitted_get_no_leaf_and_are_not_mirrored() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { permitted_names: vec!["a.test".into(), "10.0.0.0/8".into()], ..Config::default() };
    let source = Whereabouts { folder: folder.path().to_owned(), config, own_names: vec!["portal.test".into()] };
    let authority = Authority::open(source, Clock::system()).unwrap();
    for (host, permitted) in
        [("a.test", true), ("portal.test", true), ("b.test", false), ("10.1.1.1", true), ("192.0.2.7", false)]
    {
        assert_eq!(authority.permits(host), permitted, "{host}");
        assert_eq!(authority.issue(host).is_ok(), permitted, "{host}");
        assert_eq!(authority.server(host).is_ok(), permitted, "{host}");
    }
    assert!(matches!(authority.issue("b.test"), Err(Error::Outside(host)) if host == "b.test"));
    let names = ["www.a.test", "*.a.test", "b.test", "192.0.2.7", "10.2.2.2"].map(str::to_owned);
    let leaf = authority.mirror("a.test", &names, &authority.rotate().unwrap()).unwrap();
    let (_, leaf) = x509_parser::parse_x509_certificate(&leaf).unwrap();
    let found = leaf.subject_alternative_name().unwrap().unwrap().value.general_names.len();
    assert_eq!(found, 4, "{:?}", leaf.subject_alternative_name());
}

#[test]
fn a_successor_is_published_promoted_and_taken_up_while_the_one_before_is_shown_to_vouch_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let source = Whereabouts { folder: folder.path().to_owned(), config: Config::default(), own_names: Vec::new() };
    let authority = Authority::open(source.clone(), Clock::system()).unwrap();
    let (old, now) = (authority.certificate(), Clock::system().now());
    let (first, chain) = (authority.server("a.test").unwrap(), authority.issue_for(&["a.test"]).unwrap().0);
    assert_eq!((chain.len(), authority.refresh()), (1, false));
    source.make_successor(now).unwrap();
    assert!(authority.refresh() && authority.certificate() == old, "it is published alone");
    let roles = |authority: &Authority| {
        let issuing = authority.issuing();
        issuing.published().certificates.iter().map(|one| one.role).collect::<Vec<_>>()
    };
    assert_eq!(roles(&authority), [Role::Current, Role::Successor]);
    source.promote(false).unwrap();
    assert!(authority.refresh() && !authority.refresh() && authority.certificate() != old);
    assert_eq!(roles(&authority), [Role::Current, Role::Predecessor]);
    assert!(!Arc::ptr_eq(&first, &authority.server("a.test").unwrap()), "leaves are issued anew");
    let chain = authority.issue_for(&["a.test"]).unwrap().0;
    let (_, crossed) = x509_parser::parse_x509_certificate(&chain[1]).unwrap();
    let (_, before) = x509_parser::parse_x509_certificate(&old).unwrap();
    crossed.verify_signature(Some(before.public_key())).unwrap();
    assert_eq!(crossed.subject(), crossed.issuer(), "a step that counts for no length of a path");
    let key = std::fs::read(folder.path().join(KEY_FILE)).unwrap();
    source.retire(false).unwrap();
    assert!(authority.refresh() && source.retire(false).is_err());
    // A crash has left the key there.
    std::fs::write(folder.path().join(KEY_FILE), key).unwrap();
    source.retire(false).unwrap();
    assert!(!folder.path().join(KEY_FILE).exists());
    assert_eq!((roles(&authority), authority.issue_for(&["a.test"]).unwrap().0.len()), (vec![Role::Current], 1));
    // Files that cannot be used change nothing.
    std::fs::write(folder.path().join("authority-2.key"), "no key").unwrap();
    assert!(!authority.refresh() && authority.server("b.test").is_ok());
}

#[test]
fn no_key_is_shown_by_debug() {
    let authority = Authority::ephemeral("Vestibule test", Clock::system()).unwrap();
    let shown = format!("{authority:?} {:?}", authority.issuing());
    assert!(shown.contains("***") && !shown.contains("PRIVATE"), "{shown}");
}
