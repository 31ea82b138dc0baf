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
        (vec![(NAME, &["B.Simon"][..]), (OBJECT_ID, &["1", "2"][..])], Error::Ambiguous(OBJECT_ID.to_owned())),
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
