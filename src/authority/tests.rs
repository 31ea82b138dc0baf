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
    let late = authority.server_by(&old, "a.test", &[], HTTP_1).unwrap();
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
                    (0..20).map(|_| authority.server_as("a.test", &names, HTTP_1).unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(found.len(), 1000);
    assert!(found.iter().all(|server| Arc::ptr_eq(server, &found[0])));
    let other = authority.server_as("a.test", &names, &[]).unwrap();
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
    source.promote(false, false).unwrap();
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

fn in_folder(folder: &Path) -> Whereabouts {
    Whereabouts { folder: folder.to_owned(), config: Config::default(), own_names: Vec::new() }
}

/// The path length that a certificate allows.
fn path_length(der: &[u8]) -> Option<u32> {
    let (_, read) = x509_parser::parse_x509_certificate(der).unwrap();
    read.basic_constraints().unwrap().unwrap().value.path_len_constraint
}

#[test]
fn an_authority_can_vouch_for_its_successor_where_clients_count_every_certificate() {
    let (folder, now) = (tempfile::tempdir().unwrap(), Clock::system().now());
    let source = in_folder(folder.path());
    let authority = Authority::open(source.clone(), Clock::system()).unwrap();
    assert!(authority.issuing().can_vouch());
    source.make_successor(now).unwrap();
    source.promote(false, false).unwrap();
    authority.refresh();
    let crossed = authority.issue_for(&["a.test"]).unwrap().0.remove(1);
    // A path from the root: crossed is the one authority below it, and has none below itself.
    let issuing = authority.issuing();
    let roots: Vec<_> = issuing.published().certificates.iter().map(|root| path_length(&root.der)).collect();
    assert_eq!((roots, path_length(&crossed)), (vec![Some(1), Some(1)], Some(0)));
}

#[test]
fn an_older_authority_that_can_not_is_followed_only_by_force() {
    let folder = tempfile::tempdir().unwrap();
    let source = in_folder(folder.path());
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Vestibule interception");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().unwrap();
    std::fs::write(folder.path().join(CERTIFICATE_FILE), params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(folder.path().join(KEY_FILE), key.serialize_pem()).unwrap();
    let now = Clock::system().now();
    assert!(!source.open(now).unwrap().can_vouch());
    source.make_successor(now).unwrap();
    let refused = source.promote(false, false).unwrap_err().to_string();
    assert!(refused.contains("Firefox and Go") && refused.contains("--force"), "{refused}");
    assert_eq!(source.open(now).unwrap().published().certificates[0].role, Role::Current);
    source.promote(false, true).unwrap();
    assert!(source.open(now).unwrap().can_vouch());
    source.promote(true, false).unwrap();
}

#[test]
fn a_link_in_the_state_folder_gives_nobody_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let (state, other) = (folder.path().join("state"), folder.path().join("passwd"));
    let source = in_folder(&state);
    let now = Clock::system().now();
    source.open(now).unwrap();
    std::fs::write(&other, "root").unwrap();
    // As root this is the user of the program; others cannot, and own all of it.
    drop(std::os::unix::fs::chown(&state, Some(65534), Some(65534)));
    let owner = std::fs::metadata(&state).unwrap().uid();
    let before = std::fs::metadata(&other).unwrap();
    for name in ["authority-2.pem.new", "authority-2.key.new", "authority.json.new"] {
        std::os::unix::fs::symlink(&other, state.join(name)).unwrap();
    }
    source.make_successor(now).unwrap();
    let after = std::fs::metadata(&other).unwrap();
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "root");
    assert_eq!((after.uid(), after.mode()), (before.uid(), before.mode()));
    for name in ["authority-2.pem", "authority-2.key", "authority.json"] {
        let made = std::fs::symlink_metadata(state.join(name)).unwrap();
        assert!(made.is_file() && made.uid() == owner, "{name}");
    }
}

#[test]
fn no_authority_is_made_in_the_place_of_one_that_was_followed() {
    let (folder, now) = (tempfile::tempdir().unwrap(), Clock::system().now());
    let source = in_folder(folder.path());
    source.open(now).unwrap();
    source.make_successor(now).unwrap();
    source.promote(false, false).unwrap();
    source.retire(false).unwrap();
    std::fs::remove_file(folder.path().join("authority.json")).unwrap();
    for refused in [Authority::check(folder.path()).unwrap_err(), source.open(now).unwrap_err()] {
        assert!(refused.to_string().contains("authority-2.key is there, but authority.json is not"), "{refused}");
    }
    assert!(!folder.path().join(KEY_FILE).exists());
}

#[test]
fn what_the_one_before_says_ends_with_it_and_counts_until_then() {
    let clock = Clock::by_hand(Clock::system().now());
    let folder = tempfile::tempdir().unwrap();
    let config = Config { permitted_names: vec!["a.test".into()], ..Config::default() };
    let narrow = Whereabouts { config, ..in_folder(folder.path()) };
    narrow.open(clock.now()).unwrap();
    let source = in_folder(folder.path());
    clock.advance(SignedDuration::from_hours(24));
    source.make_successor(clock.now()).unwrap();
    source.promote(false, false).unwrap();
    let authority = Authority::open(source.clone(), clock.clone()).unwrap();
    let issuing = authority.issuing();
    let roles: Vec<_> = issuing.watched().map(|one| one.role).collect();
    assert_eq!(roles, [Role::Current, Role::Predecessor, Role::Bridge]);
    // Devices that trust only the one before would not take it.
    assert!(authority.permits("a.test") && !authority.permits("b.test"));
    clock.advance(SignedDuration::from_hours(24 * 3650 - 12));
    assert!(authority.refresh() && !authority.refresh());
    assert_eq!((authority.issue_for(&["b.test"]).unwrap().0.len(), authority.issuing().intermediates().len()), (1, 0));
}

#[test]
fn files_that_could_not_be_used_are_tried_again() {
    let (folder, now) = (tempfile::tempdir().unwrap(), Clock::system().now());
    let source = in_folder(folder.path());
    let authority = Authority::open(source.clone(), Clock::system()).unwrap();
    source.make_successor(now).unwrap();
    let file = folder.path().join("authority-2.pem");
    let good = std::fs::read_to_string(&file).unwrap();
    let time = std::fs::metadata(&file).unwrap().modified().unwrap();
    // The same length at the same time: nothing but another look tells them apart.
    let write = |text: &str| {
        std::fs::write(&file, text).unwrap();
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    };
    write(&"x".repeat(good.len()));
    assert!(!authority.refresh() && !authority.refresh());
    write(&good);
    assert!(authority.refresh() && !authority.refresh());
}

#[test]
fn the_keys_of_a_successor_that_a_crash_has_left_go_when_it_is_thrown_away() {
    let (folder, now) = (tempfile::tempdir().unwrap(), Clock::system().now());
    let source = in_folder(folder.path());
    source.open(now).unwrap();
    source.make_successor(now).unwrap();
    let file = folder.path().join("authority-2.key");
    let key = std::fs::read(&file).unwrap();
    source.retire(true).unwrap();
    assert!(source.retire(true).is_err());
    std::fs::write(&file, key).unwrap();
    source.retire(true).unwrap();
    assert!(!file.exists());
}

#[test]
fn a_listener_can_have_its_certificate_by_an_authority_that_is_not_in_force_yet() {
    let authority = Authority::ephemeral("before", Clock::system()).unwrap();
    let next = Authority::ephemeral("next", Clock::system()).unwrap();
    let chain = authority.issue_under(&next.issuing(), &["proxy.test"]).unwrap().0;
    let (_, leaf) = x509_parser::parse_x509_certificate(&chain[0]).unwrap();
    let by = next.certificate();
    let (_, by) = x509_parser::parse_x509_certificate(&by).unwrap();
    leaf.verify_signature(Some(by.public_key())).unwrap();
}

#[test]
fn no_key_is_shown_by_debug() {
    let authority = Authority::ephemeral("Vestibule test", Clock::system()).unwrap();
    let shown = format!("{authority:?} {:?}", authority.issuing());
    assert!(shown.contains("***") && !shown.contains("PRIVATE"), "{shown}");
}
