use super::*;
use crate::identity::network::Spans;

fn network(sign_in: SignIn, unidentified: Unidentified) -> Network {
    let (tokens, guest, time_zone, spans) = (true, false, None, Spans::default());
    Network { name: "office".into(), sign_in, address: true, unidentified, guest, time_zone, tokens, spans }
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

fn policy(toml: &str) -> Policy {
    let garden = Garden::default();
    garden.plant(["=login.test".to_owned().try_into().unwrap()]);
    Policy::new(&toml::from_str(toml).unwrap(), Arc::new(garden))
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
    walled_garden = ["garden.test"]
    approved = ["approved.test"]
    blocked = ["blocked.test", "bad.approved.test"]
    [[rule]]
    name = "updates"
    destinations = ["updates.test"]
    effect = "allow"
    authenticate = false
    [[rule]]
    name = "no-games"
    groups = ["staff"]
    destinations = ["games.test", "approved.test"]
    effect = "block"
    [[rule]]
    name = "bsimon-intranet"
    users = ["BSIMON"]
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
    let other = User { sam_account_name: None, ..user(Groups::Known(vec![])) };
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
