use super::*;
use crate::clock::Timestamp;
use crate::identity::ForeignNames;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";

fn accepted(attributes: &[(&str, &[&str])]) -> Accepted {
    let attribute = |(name, values): &(&str, &[&str])| Attribute {
        name: (*name).to_owned(),
        values: values.iter().map(|&value| value.to_owned()).collect(),
    };
    Accepted {
        assertion_id: "_a".into(),
        reusable_until: Timestamp::UNIX_EPOCH,
        authenticated: Timestamp::UNIX_EPOCH,
        way: None,
        session_index: None,
        session_ends: None,
        name_id: Some("somebody".into()),
        attributes: attributes.iter().map(attribute).collect(),
    }
}

fn map() -> ClaimMap {
    ClaimMap {
        realm: Realm { name: "contoso".into(), domains: vec!["contoso.com".into()], ..Realm::default() },
        taken: vec!["fabrikam.com".into()],
        identity: IDENTITY.map(str::to_owned).to_vec(),
        groups: GROUPS.into(),
        tenant: None,
    }
}

#[test]
fn all_that_entra_says_of_a_person_is_taken() {
    let user = map()
        .user(&accepted(&[
            (TENANT_ID, &[TENANT]),
            (OBJECT_ID, &["6A1F0C52-8D3B-4B7E-A2C9-1F4E5D6C7B01"]),
            (DISPLAY_NAME, &["B. Simon"]),
            (GROUPS, &["Staff", "", "Research"]),
            (EMAIL, &["Britta.Simon@contoso.com"]),
            (NAME, &["B.Simon@contoso.com"]),
            ("samaccountname", &["bsimon"]),
        ]))
        .unwrap();
    assert_eq!(
        user,
        User {
            realm: "contoso".into(),
            id: "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01".into(),
            name: "B.Simon@contoso.com".into(),
            display_name: Some("B. Simon".into()),
            sam_account_name: Some("bsimon".into()),
            upn: Some("B.Simon@contoso.com".into()),
            email: Some("Britta.Simon@contoso.com".into()),
            groups: Groups::Known(vec!["Staff".into(), "Research".into()]),
            risk: crate::identity::Risk::Unknown,
        }
    );
}

#[test]
fn the_first_configured_claim_that_is_there_names_the_person_in_any_case() {
    let both: &[(&str, &[&str])] = &[("SAMACCOUNTNAME", &["BSimon"]), ("upn", &["B.Simon@contoso.com"])];
    for (identity, name, id) in [
        (vec!["sAMAccountName", "uPN"], "BSimon", "bsimon"),
        (vec!["uPN", "sAMAccountName"], "B.Simon@contoso.com", "b.simon@contoso.com"),
        (vec!["uid", "user.mail", "samAccountname"], "BSimon", "bsimon"),
    ] {
        let map = ClaimMap { identity: identity.iter().map(|&claim| claim.to_owned()).collect(), ..map() };
        let user = map.user(&accepted(both)).unwrap();
        assert_eq!((user.name.as_str(), user.id.as_str()), (name, id));
    }
}

#[test]
fn a_name_that_is_missing_doubled_or_unusable_is_nobodys() {
    let unusable = || Error::Unusable(NAME.to_owned());
    let ambiguous = || Error::Ambiguous(NAME.to_owned());
    let long = "a".repeat(MAX_LEN + 1);
    for (attributes, error) in [
        (vec![], Error::NoIdentity),
        (vec![("other", &["B.Simon"][..])], Error::NoIdentity),
        (vec![(NAME, &[][..])], unusable()),
        (vec![(NAME, &[""][..])], unusable()),
        (vec![(NAME, &[" "][..])], unusable()),
        (vec![(NAME, &["B.Simon "][..])], unusable()),
        (vec![(NAME, &["B.Simon\n"][..])], unusable()),
        (vec![(NAME, &["B.\u{7}Simon"][..])], unusable()),
        (vec![(NAME, &["nomiS.B\u{202e}"][..])], unusable()),
        (vec![(NAME, &["B.\u{200b}Simon"][..])], unusable()),
        (vec![(NAME, &[long.as_str()][..])], unusable()),
        (vec![(NAME, &["B.Simon", "A.Admin"][..])], ambiguous()),
        (vec![(NAME, &["B.Simon", "B.Simon"][..])], ambiguous()),
        (vec![(NAME, &["B.Simon"][..]), (NAME, &["A.Admin"][..])], ambiguous()),
        // An empty claim is not passed over in favour of the next one.
        (vec![(NAME, &[""][..]), (EMAIL, &["b@contoso.com"][..])], unusable()),
        // Rules name people by it: of two nobody knows which one.
        (vec![(NAME, &["B.Simon"][..]), (OBJECT_ID, &["1", "2"][..])], Error::Ambiguous(OBJECT_ID.to_owned())),
        (vec![(NAME, &["B.Simon"][..]), (OBJECT_ID, &["1 "][..])], Error::Unusable(OBJECT_ID.to_owned())),
    ] {
        assert_eq!(map().user(&accepted(&attributes)), Err(error), "{attributes:?}");
    }
    let upper = NAME.to_uppercase();
    let twice = accepted(&[(NAME, &["B.Simon"]), (&upper, &["A.Admin"])]);
    assert_eq!(map().user(&twice), Err(ambiguous()));
}

#[test]
fn groups_that_are_not_sent_are_unknown_and_never_none() {
    let named = (NAME, &["B.Simon"][..]);
    for (attributes, groups) in [
        (vec![named], Groups::Unknown),
        (vec![named, (GROUPS_LINK, &["https://graph.windows.net/…"][..])], Groups::Unknown),
        (vec![named, (GROUPS, &["Staff"][..]), (GROUPS_LINK, &["https://graph.windows.net/…"][..])], Groups::Unknown),
        (
            vec![named, (GROUPS, &["Staff"][..]), (GROUPS, &["Lab"][..])],
            Groups::Known(vec!["Staff".into(), "Lab".into()]),
        ),
        (vec![named, (GROUPS, &[][..])], Groups::Known(vec![])),
    ] {
        assert_eq!(map().user(&accepted(&attributes)).unwrap().groups, groups, "{attributes:?}");
    }
}

#[test]
fn a_required_tenant_is_required() {
    let map = ClaimMap { tenant: Some(TENANT.to_uppercase()), ..map() };
    let named = (NAME, &["B.Simon"][..]);
    assert!(map.user(&accepted(&[named, (TENANT_ID, &[TENANT])])).is_ok());
    assert_eq!(map.user(&accepted(&[named])), Err(Error::WrongTenant));
    assert_eq!(map.user(&accepted(&[named, (TENANT_ID, &["other"])])), Err(Error::WrongTenant));
}

#[test]
fn it_can_be_said_which_claim_became_which_field() {
    let accepted = accepted(&[
        (NAME, &["b.simon@contoso.com"]),
        ("UPN", &["b.simon@contoso.com"]),
        (GROUPS, &["a", "b"]),
        ("sAMAccountName", &["bsimon"]),
        ("favourite", &["tea"]),
        (TENANT_ID, &[TENANT]),
        (OBJECT_ID, &["0f3c"]),
    ]);
    let nothing: [Field; 0] = [];
    assert_eq!(
        map().explain(&accepted),
        [
            &nothing[..],
            &[Field::Name, Field::Upn],
            &[Field::Groups],
            &[Field::SamAccountName],
            &nothing,
            &nothing,
            &[Field::Id],
        ]
    );
    let map = ClaimMap { tenant: Some(TENANT.into()), identity: vec!["none".into(), "favourite".into()], ..map() };
    let explained = map.explain(&accepted);
    assert_eq!((&explained[4], &explained[5]), (&vec![Field::Name], &vec![Field::Tenant]));
    let user = map.user(&accepted).unwrap();
    assert_eq!((user.name.as_str(), user.id.as_str()), ("tea", "0f3c"), "as it was said");
}

#[test]
fn a_name_of_a_domain_that_is_not_the_realms_is_refused_and_decoration_of_one_is_left_out() {
    let named = |name: &str| map().user(&accepted(&[(NAME, &[name])])).map(|user| user.name);
    for name in ["B.Simon@contoso.com", "B.Simon@CONTOSO.com", "bsimon", "eve_fabrikam.com#EXT#@contoso.com"] {
        assert_eq!(named(name), Ok(name.to_owned()));
    }
    for name in ["eve@fabrikam.com", "eve@sub.contoso.com", "b.simon@contoso.com.", "FABRIKAM\\eve", "a@b@contoso.com"]
    {
        assert_eq!(named(name), Err(Error::Foreign(name.to_owned())));
    }
    for look_alike in ["eve\u{ff20}fabrikam.com", "FABRIKAM\u{ff3c}eve"] {
        assert_eq!(named(look_alike), Err(Error::Unusable(NAME.to_owned())), "{look_alike}");
    }
    let any = ClaimMap { realm: Realm { foreign_names: ForeignNames::Any, ..map().realm }, ..map() };
    let of_any = |name: &str| any.user(&accepted(&[(NAME, &[name])])).map(|user| user.name);
    assert_eq!(of_any("eve@guest.example"), Ok("eve@guest.example".to_owned()));
    assert!(of_any("eve@fabrikam.com").is_err(), "another realm's stays its own");
    let user = map()
        .user(&accepted(&[
            (NAME, &["B.Simon@contoso.com"]),
            ("userPrincipalName", &["boss@fabrikam.com"]),
            (EMAIL, &["boss@fabrikam.com"]),
            ("sAMAccountName", &["FABRIKAM\\boss"]),
        ]))
        .unwrap();
    assert_eq!((user.upn, user.email, user.sam_account_name), (None, None, None));
}

#[test]
fn however_a_domain_is_written_it_is_one_name() {
    let realm = Realm { domains: vec!["xn--bcher-kva.example".into()], ..map().realm };
    let map = ClaimMap { realm, ..map() };
    for written in ["Eve@bücher.example", "Eve@BÜCHER.example", "eve@xn--bcher-kva.example"] {
        let user = map.user(&accepted(&[(NAME, &[written])])).unwrap();
        assert_eq!(user.id, "eve@xn--bcher-kva.example", "{written}");
        assert!(user.is_named("contoso", "eve@xn--bcher-kva.example"), "{written}");
    }
}

/// What a person is called in addition keeps nobody out, whatever an identity provider makes of it.
#[test]
fn a_claim_that_only_decorates_is_left_out_if_it_cannot_be_used() {
    let long = "a".repeat(MAX_LEN + 1);
    let unusable: [&[&str]; 8] = [
        &[],
        &[""],
        &[" "],
        &["a@contoso.com "],
        &["a\u{202e}"],
        &["a\n"],
        &[long.as_str()],
        &["a@contoso.com", "b@contoso.com"],
    ];
    for claim in
        ["user.mail", EMAIL, DISPLAY_NAME, "sAMAccountName", "onPremisesSamAccountName", "userPrincipalName", UPN]
    {
        for values in unusable {
            let sent = accepted(&[("uPN", &["B.Simon@contoso.com"]), (claim, values)]);
            let user = map().user(&sent).unwrap_or_else(|error| panic!("{claim} {values:?}: {error}"));
            assert_eq!((user.name.as_str(), user.upn.as_deref()), ("B.Simon@contoso.com", Some("B.Simon@contoso.com")));
            assert_eq!(
                (user.email, user.display_name, user.sam_account_name),
                (None, None, None),
                "{claim} {values:?}"
            );
            let several = values.len() > 1;
            let why = if several { Error::Ambiguous(claim.to_owned()) } else { Error::Unusable(claim.to_owned()) };
            assert_eq!(map().unused(&sent), [why], "{claim} {values:?}");
            assert!(map().explain(&sent)[1].is_empty(), "{claim} {values:?}");
        }
        let twice = accepted(&[("uPN", &["B.Simon@contoso.com"]), (claim, &["a"]), (claim, &["b"])]);
        assert!(map().user(&twice).is_ok(), "{claim}");
        assert_eq!(map().unused(&twice), [Error::Ambiguous(claim.to_owned())], "{claim}");
    }
    // The next one that can be used takes its place.
    let mails = accepted(&[("uPN", &["b@contoso.com"]), (EMAIL, &[]), ("mail", &["b@contoso.com"])]);
    assert_eq!(map().user(&mails).unwrap().email.as_deref(), Some("b@contoso.com"));
    let good = accepted(&[("uPN", &["b@contoso.com"]), (EMAIL, &["b@contoso.com"])]);
    assert!(map().unused(&good).is_empty());
    // An object ID that is empty says as little as none.
    let empty = accepted(&[("uPN", &["B@contoso.com"]), (OBJECT_ID, &[""])]);
    assert_eq!(map().user(&empty).unwrap().id, "b@contoso.com");
    assert_eq!(map().unused(&empty), [Error::Unusable(OBJECT_ID.to_owned())]);
}

fn named_by(format: Option<&str>, value: &str, identity: &[&str]) -> Result<String, Error> {
    let name_id = crate::saml::NameId { value: value.into(), format: format.map(str::to_owned), ..Default::default() };
    let sent = Accepted { name_id: Some(name_id), ..accepted(&[("mail", &["other@contoso.com"])]) };
    let map = ClaimMap { identity: identity.iter().map(|&claim| claim.to_owned()).collect(), ..map() };
    map.user(&sent).map(|user| user.name)
}

#[test]
fn people_whom_only_the_name_id_names_are_named_by_it_if_the_realm_says_so() {
    let alice = "alice@contoso.com";
    let formats = ["1.1:nameid-format:emailAddress", "1.1:nameid-format:unspecified", "2.0:nameid-format:persistent"];
    for format in formats.map(|format| Some(format!("urn:oasis:names:tc:SAML:{format}"))).into_iter().chain([None]) {
        for claim in ["NameID", "nameid", "NAMEID"] {
            assert_eq!(named_by(format.as_deref(), alice, &[claim]), Ok(alice.to_owned()), "{format:?}");
        }
        assert_eq!(named_by(format.as_deref(), alice, &["uPN", "NameID"]), Ok(alice.to_owned()));
        assert_eq!(named_by(format.as_deref(), alice, &["mail", "NameID"]), Ok("other@contoso.com".to_owned()));
        assert_eq!(named_by(format.as_deref(), alice, &["uPN"]), Err(Error::NoIdentity));
    }
    let transient = Some("urn:oasis:names:tc:SAML:2.0:nameid-format:transient");
    assert_eq!(named_by(transient, alice, &["NameID"]), Err(Error::Transient));
    assert_eq!(named_by(transient, alice, &["NameID", "mail"]), Err(Error::Transient), "it is not passed over");
    for bad in ["", " ", "alice@contoso.com ", "\nalice@contoso.com\n", "ali\u{200b}ce@contoso.com"] {
        assert_eq!(named_by(None, bad, &["NameID"]), Err(Error::Unusable("NameID".to_owned())), "{bad:?}");
    }
    assert_eq!(named_by(None, "eve@fabrikam.com", &["NameID"]), Err(Error::Foreign("eve@fabrikam.com".to_owned())));
    assert_eq!(named_by(None, "FABRIKAM\\eve", &["NameID"]), Err(Error::Foreign("FABRIKAM\\eve".to_owned())));
    // An attribute that is called so is not the Subject's NameID.
    let map = ClaimMap { identity: vec!["NameID".into()], ..map() };
    let sent = Accepted { name_id: None, ..accepted(&[("NameID", &["eve@contoso.com"])]) };
    assert_eq!(map.user(&sent), Err(Error::NoIdentity));
    assert!(map.explain(&sent)[0].is_empty());
}
