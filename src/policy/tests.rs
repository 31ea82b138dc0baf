use super::*;
use crate::clock::SignedDuration;
use crate::identity::network::{SignIn, Spans, Unidentified};
use crate::identity::{Groups, User};
use crate::identity::{Network, Surrogate};
use crate::wire::{Destination, RequestKind};

pub(super) fn network(sign_in: SignIn, unidentified: Unidentified) -> Network {
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

pub(super) fn user(groups: Groups) -> User {
    User {
        id: "1".into(),
        sam_account_name: Some("bsimon".into()),
        groups,
        ..User::named("contoso", "b.simon@contoso.com")
    }
}

pub(super) fn realm(name: &str) -> Realm {
    Realm { name: name.into(), domains: vec![format!("{name}.com")], ..Realm::default() }
}

pub(super) fn policy(toml: &str) -> Policy {
    let garden = ["=login.test".to_owned().try_into().unwrap()];
    Policy::new(&toml::from_str(toml).unwrap(), &[realm("contoso")], garden)
}

pub(super) fn destination(host: &str) -> Arc<Destination> {
    Arc::new(Destination::of_authority(crate::wire::Scheme::Http, host).unwrap())
}

const NAVIGATION: Access = Access::Request(RequestKind::Navigation);

/// The verdict on a person who goes to a page there, in a word.
pub(super) fn decide(policy: &Policy, user: Option<&User>, network: &Network, host: &str) -> String {
    word(&ask(policy, subject(user, SignedDuration::MAX), network, host, NAVIGATION))
}

fn subject(user: Option<&User>, proven: SignedDuration) -> Subject<'_> {
    user.map_or(Subject::Nobody, |user| Subject::Somebody {
        user,
        surrogate: Surrogate::ClientAddress,
        proven,
        passes: Passes::NONE,
        way: Way::AsWanted,
    })
}

fn ask(policy: &Policy, subject: Subject<'_>, network: &Network, host: &str, access: Access) -> Verdict {
    let destination = destination(host);
    policy.decide(&Question::plain(subject, network, &destination, access, Store::Known))
}

/// The rule that permitted, `!` and the rule that denied, `~` and the rule that bars, or `?`.
pub(super) fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Ask(Ask { proof: Proof::SignIn, .. }) => "?".into(),
        Verdict::Ask(Ask { proof: Proof::Again(stale), .. }) => format!("?{}", stale.rule),
        Verdict::Deny(denial) => format!("!{}", denial.rule),
        Verdict::Permit(permit) => permit.rule().to_string(),
        Verdict::Warn(barrier) | Verdict::Override(barrier) => format!("~{}", barrier.rule),
    }
}

/// The same, with what a permit is good for and what lies behind a refusal: `*` where nobody is known who should be, `~`
/// where a proof would help that nobody can be asked for, `~~` where it would have to be a younger one, `-` while nobody
/// can sign in.
fn words(verdict: &Verdict) -> String {
    let word = word(verdict);
    match verdict {
        Verdict::Ask(_) | Verdict::Warn(_) | Verdict::Override(_) => word,
        Verdict::Deny(Denial { why, .. }) => match why {
            Why::Rule | Why::Barred(_) => word,
            Why::Away => format!("{word}-"),
            Why::Exempt => format!("{word}^"),
            Why::Unasked(Ask { proof: Proof::SignIn, .. }) => format!("{word}~"),
            Why::Unasked(Ask { proof: Proof::Again(_), .. }) => format!("{word}~~"),
        },
        Verdict::Permit(permit) => {
            let mark = if permit.is_exception() { "*" } else { "" };
            format!("{} {word}{mark}", format!("{:?}", permit.manner()).to_lowercase())
        }
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
    for (unidentified, decision) in [(Unidentified::Allow, "default"), (Unidentified::Refuse, "!unidentified")] {
        let network = network(SignIn::Required, unidentified);
        let verdict = ask(&policy, Subject::Nobody, &network, "games.test", Access::Request(RequestKind::Tool));
        assert_eq!(word(&verdict), decision);
    }
}

#[test]
fn a_rule_opens_private_addresses_for_its_destinations_alone() {
    let policy = policy(RULES);
    let office = network(SignIn::Required, Unidentified::Refuse);
    let somebody = user(Groups::Known(vec![]));
    for (host, private) in [("intranet.test", true), ("news.test", false)] {
        let verdict = ask(&policy, subject(Some(&somebody), SignedDuration::ZERO), &office, host, NAVIGATION);
        let Verdict::Permit(permit) = verdict else { panic!("{verdict:?}") };
        assert_eq!(permit.lane().private, private, "{host}");
        assert_eq!(*permit.destination(), destination(host), "it leads there and nowhere else");
    }
    // Whoever is asked to sign in may be one of them.
    for (host, may_be_private) in [("intranet.test", true), ("news.test", false)] {
        let verdict = ask(&policy, Subject::Nobody, &office, host, NAVIGATION);
        let Verdict::Ask(asked) = verdict else { panic!("{verdict:?}") };
        assert_eq!(asked.may_be_private, may_be_private, "{host}");
    }
}

#[test]
fn what_we_fetch_ourselves_is_fetched_where_the_operator_says() {
    let permit = Permit::own(Purpose::Metadata, destination("idp.test"));
    assert_eq!((&**permit.rule(), permit.manner()), ("metadata", Manner::Own(Purpose::Metadata)));
    assert_eq!((permit.destination(), permit.lane().private), (&destination("idp.test"), true));
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
    let at = |sign_in, user, proven: Option<SignedDuration>, host: &str, access| {
        let network = network(sign_in, allow);
        word(&ask(&policy, subject(user, proven.unwrap_or(SignedDuration::MAX)), &network, host, access))
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
        assert_eq!(at(sign_in, user, proven, host, NAVIGATION), decided, "{sign_in:?} {proven:?} {host}");
    }
    let of = |kind| at(required, None, None, "payroll.test", Access::Request(kind));
    assert_eq!(of(RequestKind::Tool), "!payroll", "nobody can be asked");
    assert_eq!(of(RequestKind::Preflight), "payroll", "it carries nobody");
}

const BY_CONNECT: [Access; 2] = [Access::Connect(RequestKind::SubResource), Access::Connect(RequestKind::Tool)];

fn requests() -> Vec<Access> {
    use RequestKind::{FormNavigation, Navigation, Preflight, Probe, SubResource, Tool};
    [Navigation, FormNavigation, Probe, Preflight, SubResource, Tool].map(Access::Request).into()
}

const KINDS: &str = r#"
    blocked = ["blocked.test"]
    walled_garden = ["garden.test"]
    [[rule]]
    name = "payroll"
    destinations = ["payroll.test"]
    effect = "allow"
    reauthenticate = "1h"
    [[rule]]
    name = "shut"
    destinations = ["shut.test"]
    effect = "block"
"#;

/// Nobody is known: whatever is asked, on whatever network, whether anybody can sign in or not.
#[test]
fn what_becomes_of_somebody_unknown_is_up_to_the_kind_the_network_and_the_store() {
    use Unidentified::{Allow, Refuse};
    let networks = [
        (SignIn::Required, Refuse),
        (SignIn::Required, Allow),
        (SignIn::Optional, Refuse),
        (SignIn::Optional, Allow),
        (SignIn::None, Refuse),
    ];
    let usual: &[Store] = &[Store::Known, Store::Away(Offline::Refuse)];
    let open: &[Store] = &[Store::Away(Offline::Allow), Store::Away(Offline::DefaultRule)];
    let any = &[usual, open].concat()[..];
    let people = [&requests()[..3], &BY_CONNECT[..1]].concat();
    let programs = [&requests()[4..], &BY_CONNECT[1..]].concat();
    let preflight = vec![requests()[3]];
    // `as` is the manner of the access itself.
    let cases = [
        (&people, "news.test", usual, ["?", "?", "as default", "as default", "as default"]),
        (&people, "payroll.test", usual, ["?", "?", "?", "?", "!payroll"]),
        (&people, "shut.test", usual, ["?", "?", "!shut", "!shut", "!shut"]),
        (&programs, "news.test", usual, ["!unidentified~", "as default*", "as default", "as default", "as default"]),
        (&programs, "payroll.test", usual, ["!unidentified~", "!payroll~", "!unidentified~", "!payroll~", "!payroll"]),
        (&programs, "shut.test", usual, ["!unidentified~", "!shut~", "!shut", "!shut", "!shut"]),
        (
            &preflight,
            "news.test",
            usual,
            ["preflight default*", "preflight default*", "as default", "as default", "as default"],
        ),
        (
            &preflight,
            "payroll.test",
            usual,
            ["preflight payroll*", "preflight payroll*", "preflight payroll*", "preflight payroll*", "!payroll"],
        ),
        (&preflight, "shut.test", usual, ["!shut~", "!shut~", "!shut", "!shut", "!shut"]),
        (&people, "news.test", open, ["as offline*", "as offline*", "as default", "as default", "as default"]),
        (&programs, "news.test", open, ["as offline*", "as offline*", "as default", "as default", "as default"]),
        (
            &preflight,
            "news.test",
            open,
            ["preflight offline*", "preflight offline*", "as default", "as default", "as default"],
        ),
        (&people, "payroll.test", open, ["as offline*", "as offline*", "as offline*", "as offline*", "!payroll"]),
        (&programs, "shut.test", open, ["as offline*", "as offline*", "!shut", "!shut", "!shut"]),
        (&people, "blocked.test", any, ["!blocked-list"; 5]),
        (&programs, "blocked.test", any, ["!blocked-list"; 5]),
        (&people, "garden.test", any, ["as walled-garden"; 5]),
        (&programs, "garden.test", any, ["as walled-garden"; 5]),
    ];
    let policy = policy(KINDS);
    for (accesses, host, stores, wanted) in cases {
        let destination = destination(host);
        for ((sign_in, unidentified), wanted) in networks.into_iter().zip(wanted) {
            let network = network(sign_in, unidentified);
            for (&access, &store) in accesses.iter().flat_map(|access| stores.iter().map(move |store| (access, store)))
            {
                let manner = if matches!(access, Access::Connect(_)) { "tunnel " } else { "forward " };
                let question = Question::plain(Subject::Nobody, &network, &destination, access, store);
                let found = words(&policy.decide(&question));
                assert_eq!(found, wanted.replacen("as ", manner, 1), "{question:?}");
            }
        }
    }
}

#[test]
fn a_denial_while_nobody_can_sign_in_has_its_rule_and_its_reason() {
    let strict =
        policy("default = \"block\"\n[[rule]]\nname = \"news\"\ndestinations = [\"news.test\"]\neffect = \"allow\"");
    let network = network(SignIn::Required, Unidentified::Allow);
    let destination = destination("news.test");
    for access in requests().into_iter().chain(BY_CONNECT) {
        for (offline, wanted) in [(Offline::DefaultRule, "!offline-"), (Offline::Allow, "offline")] {
            let store = Store::Away(offline);
            let question = Question::plain(Subject::Nobody, &network, &destination, access, store);
            let found = words(&strict.decide(&question));
            assert!(found.trim_end_matches('*').ends_with(wanted), "{question:?}: {found}");
        }
    }
}

#[test]
fn whoever_proved_long_ago_who_they_are_is_asked_again_where_they_can_be() {
    let policy = policy(KINDS);
    let somebody = user(Groups::Known(vec![]));
    let (hour, late) = (SignedDuration::from_hours(1), SignedDuration::from_hours(2));
    let by = |surrogate, proven| Subject::Somebody {
        user: &somebody,
        surrogate,
        proven,
        passes: Passes::NONE,
        way: Way::AsWanted,
    };
    let (cookie, token) = (Surrogate::OriginCookie, Surrogate::ProxyToken);
    for (access, of_cookie, of_token, young) in [
        (requests()[0], "?payroll", "?payroll", "forward payroll"),
        (requests()[1], "?payroll", "?payroll", "forward payroll"),
        (requests()[2], "?payroll", "?payroll", "forward payroll"),
        (requests()[3], "!payroll~~", "!payroll~~", "forward payroll"),
        (requests()[4], "!payroll~~", "!payroll~~", "forward payroll"),
        (requests()[5], "!payroll~~", "!payroll~~", "forward payroll"),
        (BY_CONNECT[0], "?payroll", "?payroll", "tunnel payroll"),
        // Inside, whoever is known otherwise may turn out to be at a browser.
        (BY_CONNECT[1], "?payroll", "!payroll~~", "tunnel payroll"),
    ] {
        for sign_in in [SignIn::Required, SignIn::Optional, SignIn::None] {
            for store in [Store::Known, Store::Away(Offline::Allow)] {
                let (network, destination) = (network(sign_in, Unidentified::Allow), destination("payroll.test"));
                let decide = |subject| {
                    let question = Question::plain(subject, &network, &destination, access, store);
                    let verdict = policy.decide(&question);
                    assert_eq!(verdict.is_for_age(), words(&verdict).contains(['?', '~']), "{verdict:?}");
                    words(&verdict)
                };
                let found = [decide(by(cookie, late)), decide(by(token, late)), decide(by(cookie, hour))];
                assert_eq!(found, [of_cookie, of_token, young], "{access:?} {sign_in:?} {store:?}");
            }
        }
    }
}

// It never says who asks, whoever is known on the connection that it comes by.
#[test]
fn a_preflight_is_decided_as_for_anybody_who_has_just_signed_in() {
    let policy = policy(KINDS);
    for sign_in in [SignIn::Required, SignIn::Optional, SignIn::None] {
        let network = network(sign_in, Unidentified::Refuse);
        for (host, wanted) in [
            ("payroll.test", "preflight payroll*"),
            ("news.test", "preflight default*"),
            ("shut.test", "!shut~"),
            ("blocked.test", "!blocked-list"),
        ] {
            let verdict = ask(&policy, Subject::Untold, &network, host, Access::Request(RequestKind::Preflight));
            assert_eq!(words(&verdict), wanted, "{host} {sign_in:?}");
        }
    }
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
    let policy = Policy::new(&toml::from_str(rules).unwrap(), &realms, []);
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
    let policy = Policy::new(&toml::from_str(strict).unwrap(), &realms, []);
    for who in [&own, &theirs, &User { groups: Groups::Unknown, ..own.clone() }] {
        assert_eq!(decide(&policy, Some(who), &office, "x.test"), "!bare");
    }
    let only_theirs = "[[rule]]\nname = \"theirs\"\ngroups = [\"fabrikam/x\"]\neffect = \"block\"";
    let policy = Policy::new(&toml::from_str(only_theirs).unwrap(), &realms, []);
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
    let look = |host: &str| match ask(&policy, Subject::Nobody, &network, host, Access::Look) {
        Verdict::Permit(permit) => {
            assert_eq!(permit.manner(), Manner::Look);
            Some((permit.rule().to_string(), permit.lane().private, permit.lane().route.is_some()))
        }
        Verdict::Deny(_) => None,
        other => panic!("{other:?}"),
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
