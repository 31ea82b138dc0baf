use super::*;
use crate::identity::network::Spans;

fn network(sign_in: SignIn, unidentified: Unidentified) -> Network {
    let (tokens, guest, time_zone, spans) = (true, false, None, Spans::default());
    let (lapse, shared) = (crate::identity::network::Lapse::default(), false);
    Network {
        name: "office".into(),
        sign_in,
        shared,
        address: true,
        lapse,
        unidentified,
        guest,
        time_zone,
        tokens,
        spans,
    }
}

fn user(groups: Groups) -> User {
    User {
        realm: "contoso".into(),
        id: "1".into(),
        name: "b.simon@contoso.com".into(),
        display_name: None,
        sam_account_name: Some("bsimon".into()),
        upn: None,
        email: None,
        groups,
    }
}

fn realm(name: &str) -> Realm {
    Realm { name: name.into(), domains: vec![format!("{name}.com")], ..Realm::default() }
}

fn policy(toml: &str) -> Policy {
    let garden = Garden::default();
    garden.plant(["=login.test".to_owned().try_into().unwrap()]);
    Policy::new(&toml::from_str(toml).unwrap(), &[realm("contoso")], Arc::new(garden))
}

/// The decision in a word: the rule that permitted, `!` and the rule that denied, or `?`.
fn decide(policy: &Policy, user: Option<&User>, network: &Network, host: &str) -> String {
    let destination = Destination::of_authority(crate::wire::Scheme::Http, host).unwrap();
    word(&policy.evaluate(Query { user, proven: None, network, destination: &destination }))
}

fn word(decision: &Decision) -> String {
    match decision {
        Decision::Authenticate => "?".into(),
        Decision::Reauthenticate(stale) => format!("?{}", stale.rule),
        Decision::Deny(denial) => format!("!{}", denial.rule),
        Decision::Permit(permit) => permit.rule().to_string(),
    }
}

const RULES: &str = r#"
    walled_garden = ["garden.test", "blocked.test"]
    approved = ["approved.test"]
    blocked = ["blocked.test", "bad.approved.test"]
    [[rule]]
    name = "updates"
    destinations = ["updates.test"]
    effect = "allow"
    authenticate = false
    [[rule]]
    name = "no-games"
    groups = ["Staff"]
    destinations = ["games.test", "approved.test"]
    effect = "block"
    [[rule]]
    name = "bsimon-intranet"
    users = ["B.SIMON@Contoso.com"]
    destinations = ["intranet.test"]
    effect = "allow"
    private = true
    [[rule]]
    name = "intranet"
    destinations = ["intranet.test"]
    effect = "block"
"#;

#[test]
fn lists_stand_before_rules_and_the_first_rule_that_matches_decides() {
    let policy = policy(RULES);
    let office = network(SignIn::Required, Unidentified::Refuse);
    let staff = user(Groups::Known(vec!["staff".into()]));
    let other = User { name: "alexw@contoso.com".into(), id: "2".into(), ..user(Groups::Known(vec![])) };
    for (who, host, decision) in [
        (None, "news.test", "?"),
        (None, "garden.test", "walled-garden"),
        (None, "login.test", "walled-garden"),
        (None, "www.login.test", "?"),
        (None, "blocked.test", "!blocked-list"),
        (None, "updates.test", "updates"),
        (Some(&staff), "news.test", "default"),
        (Some(&staff), "approved.test", "approved-list"),
        (Some(&staff), "bad.approved.test", "!blocked-list"),
        (Some(&staff), "games.test", "!no-games"),
        (Some(&other), "games.test", "default"),
        (Some(&staff), "intranet.test", "bsimon-intranet"),
        (Some(&other), "intranet.test", "!intranet"),
    ] {
        assert_eq!(decide(&policy, who, &office, host), decision, "{host}");
    }
}

#[test]
fn unknown_groups_are_never_read_as_none() {
    let policy = policy(RULES);
    let office = network(SignIn::Required, Unidentified::Refuse);
    assert_eq!(decide(&policy, Some(&user(Groups::Unknown)), &office, "games.test"), "!no-games");
    let strict =
        self::policy("default = \"block\"\n[[rule]]\nname = \"staff\"\ngroups = [\"staff\"]\neffect = \"allow\"");
    assert_eq!(decide(&strict, Some(&user(Groups::Unknown)), &office, "news.test"), "!default");
}

#[test]
fn where_sign_in_is_not_required_nobody_is_challenged() {
    let policy = policy(RULES);
    for sign_in in [SignIn::Optional, SignIn::None] {
        let lobby = network(sign_in, Unidentified::Refuse);
        assert_eq!(decide(&policy, None, &lobby, "news.test"), "default");
        assert_eq!(decide(&policy, None, &lobby, "intranet.test"), "!intranet");
    }
}

#[test]
fn what_cannot_be_challenged_is_up_to_the_network() {
    let policy = policy(RULES);
    let destination = Destination::of_authority(crate::wire::Scheme::Http, "games.test").unwrap();
    for (unidentified, decision) in [(Unidentified::Allow, "default"), (Unidentified::Refuse, "!unidentified")] {
        let network = network(SignIn::Required, unidentified);
        let query = Query { user: None, proven: None, network: &network, destination: &destination };
        assert_eq!(word(&policy.evaluate_unidentified(query)), decision);
    }
}

#[test]
fn a_rule_opens_private_addresses_for_its_destinations_alone() {
    let policy = policy(RULES);
    let office = network(SignIn::Required, Unidentified::Refuse);
    let somebody = user(Groups::Known(vec![]));
    for (host, private) in [("intranet.test", true), ("news.test", false)] {
        let destination = Destination::of_authority(crate::wire::Scheme::Http, host).unwrap();
        let decision =
            policy.evaluate(Query { user: Some(&somebody), proven: None, network: &office, destination: &destination });
        let Decision::Permit(permit) = decision else { panic!("{decision:?}") };
        assert_eq!(permit.opens_private(), private, "{host}");
    }
}

#[test]
fn a_rule_can_want_a_young_proof_of_who_somebody_is() {
    let policy = policy(
        r#"
        approved = ["approved.test"]
        [[rule]]
        name = "payroll"
        destinations = ["payroll.test", "approved.test"]
        effect = "allow"
        reauthenticate = "1h"
        [[rule]]
        name = "open"
        destinations = ["open.test"]
        effect = "allow"
        authenticate = false
        reauthenticate = "1h"
    "#,
    );
    let somebody = user(Groups::Unknown);
    let hour = SignedDuration::from_hours(1);
    let late = hour + SignedDuration::from_secs(1);
    let allow = Unidentified::Allow;
    let at = |sign_in, user, proven, host: &str, evaluate: fn(&Policy, Query<'_>) -> Decision| {
        let destination = Destination::of_authority(crate::wire::Scheme::Http, host).unwrap();
        let network = network(sign_in, allow);
        word(&evaluate(&policy, Query { user, proven, network: &network, destination: &destination }))
    };
    let (known, required) = (Some(&somebody), SignIn::Required);
    for (sign_in, user, proven, host, decided) in [
        (required, known, Some(hour), "payroll.test", "payroll"),
        (required, known, Some(late), "payroll.test", "?payroll"),
        (required, known, None, "payroll.test", "?payroll"),
        (required, known, Some(late), "news.test", "default"),
        (required, known, Some(late), "approved.test", "approved-list"),
        (required, None, None, "payroll.test", "?"),
        (SignIn::Optional, None, None, "payroll.test", "?"),
        (SignIn::None, None, None, "payroll.test", "!payroll"),
        (required, None, None, "open.test", "open"),
    ] {
        assert_eq!(at(sign_in, user, proven, host, Policy::evaluate), decided, "{sign_in:?} {proven:?} {host}");
    }
    assert_eq!(
        at(required, None, None, "payroll.test", Policy::evaluate_unidentified),
        "!payroll",
        "nobody can be asked"
    );
    assert_eq!(at(required, None, None, "payroll.test", Policy::evaluate_preflight), "payroll", "it carries nobody");
}

// A realm's identity provider names its people, and nobody else's.
#[test]
fn a_name_or_group_of_one_realm_is_nobodys_of_another() {
    let realms = [realm("contoso"), realm("fabrikam")];
    let rules = r#"
        default = "block"
        [[rule]]
        name = "person"
        users = ["b.simon@contoso.com"]
        destinations = ["person.test"]
        effect = "allow"
        [[rule]]
        name = "object"
        users = ["contoso/6A1F0C52-8D3B-4B7E-A2C9-1F4E5D6C7B01"]
        destinations = ["object.test"]
        effect = "allow"
        [[rule]]
        name = "group"
        groups = ["contoso/STAFF"]
        destinations = ["group.test"]
        effect = "allow"
        [[rule]]
        name = "realm"
        realms = ["contoso"]
        destinations = ["realm.test"]
        effect = "allow"
        [[rule]]
        name = "both"
        realms = ["contoso"]
        groups = ["Staff"]
        destinations = ["both.test"]
        effect = "allow"
        [[rule]]
        name = "bare"
        users = ["bsimon"]
        groups = ["staff"]
        destinations = ["bare.test"]
        effect = "allow"
    "#;
    let policy = Policy::new(&toml::from_str(rules).unwrap(), &realms, Arc::default());
    let office = network(SignIn::Required, Unidentified::Refuse);
    let id = "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01";
    let own = User { id: id.into(), ..user(Groups::Known(vec!["Staff".into()])) };
    let theirs = User { realm: "fabrikam".into(), ..own.clone() };
    let gone = User { realm: "gone".into(), ..own.clone() };
    for host in ["person.test", "object.test", "group.test", "realm.test", "both.test"] {
        assert_eq!(decide(&policy, Some(&own), &office, host), host.trim_end_matches(".test"));
        for other in [&theirs, &gone, &User::guest("1".into())] {
            assert_eq!(decide(&policy, Some(other), &office, host), "!default", "{host}: {}", other.realm);
        }
    }
    for who in [&own, &theirs] {
        assert_eq!(decide(&policy, Some(who), &office, "bare.test"), "!default", "it could mean two");
    }
    // What blocks a name that can mean two blocks both.
    let strict = "[[rule]]\nname = \"bare\"\ngroups = [\"STAFF\"]\neffect = \"block\"";
    let policy = Policy::new(&toml::from_str(strict).unwrap(), &realms, Arc::default());
    for who in [&own, &theirs, &User { groups: Groups::Unknown, ..own.clone() }] {
        assert_eq!(decide(&policy, Some(who), &office, "x.test"), "!bare");
    }
    let only_theirs = "[[rule]]\nname = \"theirs\"\ngroups = [\"fabrikam/x\"]\neffect = \"block\"";
    let policy = Policy::new(&toml::from_str(only_theirs).unwrap(), &realms, Arc::default());
    let unknown = User { groups: Groups::Unknown, ..own };
    assert_eq!(decide(&policy, Some(&unknown), &office, "x.test"), "default", "nobody of contoso is in it");
    assert_eq!(decide(&policy, Some(&User { groups: Groups::Unknown, ..theirs }), &office, "x.test"), "!theirs");
}

#[test]
fn case_lets_nobody_pass_a_rule() {
    let office = network(SignIn::Required, Unidentified::Refuse);
    for (written, asserted) in [
        ("Interns", "interns"),
        ("interns", "INTERNS"),
        ("6A1F0C52-8D3B-4B7E-A2C9-1F4E5D6C7B01", "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01"),
        ("Prüfung", "PRÜFUNG"),
    ] {
        let rule = format!("[[rule]]\nname = \"no\"\ngroups = [\"{written}\"]\neffect = \"block\"");
        let somebody = user(Groups::Known(vec!["other".into(), asserted.into()]));
        assert_eq!(decide(&policy(&rule), Some(&somebody), &office, "x.test"), "!no", "{written}");
        let rule = format!("[[rule]]\nname = \"no\"\nusers = [\"contoso/{written}\"]\neffect = \"block\"");
        let somebody = User { name: asserted.into(), ..user(Groups::Known(vec![])) };
        assert_eq!(decide(&policy(&rule), Some(&somebody), &office, "x.test"), "!no", "{written}");
    }
}

#[test]
fn only_the_identity_claim_and_the_object_id_name_a_person_in_rules() {
    let office = network(SignIn::Required, Unidentified::Refuse);
    let somebody = User {
        email: Some("boss@contoso.com".into()),
        upn: Some("boss2@contoso.com".into()),
        sam_account_name: Some("boss".into()),
        display_name: Some("The Boss".into()),
        ..user(Groups::Known(vec![]))
    };
    for name in ["boss@contoso.com", "boss2@contoso.com", "boss", "The Boss"] {
        let rule = format!("default = \"block\"\n[[rule]]\nname = \"boss\"\nusers = [\"{name}\"]\neffect = \"allow\"");
        assert_eq!(decide(&policy(&rule), Some(&somebody), &office, "x.test"), "!default", "{name}");
    }
}

#[test]
fn a_look_goes_the_way_that_the_person_would_and_opens_nothing() {
    let policy = policy(
        r#"
        approved = ["approved.test"]
        [[rule]]
        name = "own"
        destinations = ["own.test"]
        effect = "allow"
        private = true
        [[rule]]
        name = "staff"
        groups = ["Staff"]
        destinations = ["staff.test", "mixed.test"]
        effect = "allow"
        private = true
        route = "hq"
        [[rule]]
        name = "no-staff"
        destinations = ["staff.test", "shut.test"]
        effect = "block"
        [[rule]]
        name = "not-for-staff"
        groups = ["Staff"]
        destinations = ["games.test"]
        effect = "block"
        "#,
    );
    let network = network(SignIn::Required, Unidentified::Refuse);
    let look = |host: &str| {
        let destination = Destination::of_authority(crate::wire::Scheme::Https, host).unwrap();
        let query = Query { user: None, proven: None, network: &network, destination: &destination };
        policy
            .permit_look(query)
            .map(|permit| (permit.rule().to_string(), permit.opens_private(), permit.route().is_some()))
    };
    let found = |rule: &str, private, routed| Some((rule.to_owned(), private, routed));
    assert_eq!(look("a.test"), found("default", false, false));
    assert_eq!(look("approved.test"), found("approved-list", false, false));
    assert_eq!(look("own.test"), found("own", true, false), "open to everybody");
    assert_eq!(look("staff.test"), None, "for some, by a way of its own: nobody else finds out what is there");
    assert_eq!(look("mixed.test"), None, "another way for other people");
    assert_eq!(look("shut.test"), None, "nobody gets there");
    assert_eq!(look("games.test"), found("default", false, false));
}
