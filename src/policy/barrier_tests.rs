//! Warnings and overrides: who is shown what, who passes, and for how long.

use super::tests::{policy, word};
use super::*;
use crate::clock::SignedDuration;
use crate::identity::{Groups, Network, Networks, Surrogate, User};
use crate::wire::{Destination, RequestKind, Scheme};

const RULES: &str = r#"
default = "block"
[[rule]]
name = "gambling"
destinations = ["bets.test"]
effect = "warn"
message = "Are you sure?"
[[rule]]
name = "games"
destinations = ["games.test"]
effect = "block"
override = { groups = ["Staff"], for = "5m", password = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc" }
[[rule]]
name = "desks"
destinations = ["desk.test"]
kinds = ["tunnel"]
effect = "warn"
[[rule]]
name = "closed"
destinations = ["closed.test"]
kinds = ["tunnel"]
effect = "block"
[[rule]]
name = "old"
destinations = ["old.test"]
reauthenticate = "1h"
effect = "warn"
[[rule]]
name = "closed pages"
destinations = ["closed.test"]
effect = "warn"
[[rule]]
name = "rest"
effect = "allow"
"#;

const SHOWN: [RequestKind; 2] = [RequestKind::Navigation, RequestKind::FormNavigation];
const NOT_SHOWN: [RequestKind; 4] =
    [RequestKind::SubResource, RequestKind::Tool, RequestKind::Preflight, RequestKind::Probe];

fn person(groups: &[&str]) -> User {
    let groups = Groups::Known(groups.iter().map(|group| (*group).to_owned()).collect());
    super::tests::user(groups)
}

fn at(scheme: Scheme, host: &str) -> Arc<Destination> {
    Arc::new(Destination::of_authority(scheme, host).unwrap())
}

fn elsewhere() -> Arc<Network> {
    Arc::clone(Networks::new(&[]).of([192, 0, 2, 7].into()))
}

/// What is decided for somebody who has passed this, in two words.
fn decide(policy: &Policy, scheme: Scheme, host: &str, access: Access, passes: Passes<'_>) -> (Decision, String) {
    let (user, network) = (person(&[]), elsewhere());
    let subject = Subject::Somebody {
        user: &user,
        surrogate: Surrogate::ClientAddress,
        proven: SignedDuration::ZERO,
        passes,
        way: Way::AsWanted,
    };
    let destination = at(scheme, host);
    let verdict = policy.decide(&Question::plain(subject, &network, &destination, access, Store::Known));
    (Decision::of(&verdict), word(&verdict))
}

fn key(policy: &Policy, rule: &str) -> BarrierKey {
    policy.rules.iter().find(|own| *own.name == *rule).unwrap().barrier.as_ref().unwrap().key
}

#[test]
fn who_can_be_shown_a_page_is_shown_it_and_all_others_are_refused_until_it_is_passed() {
    let policy = policy(RULES);
    for (host, rule, decision) in
        [("bets.test", "gambling", Decision::Warn), ("games.test", "games", Decision::Override)]
    {
        let ask = |access, passes| decide(&policy, Scheme::Http, host, access, passes);
        for kind in SHOWN {
            assert_eq!(ask(Access::Request(kind), Passes::NONE), (decision, format!("~{rule}")), "{kind:?}");
        }
        for kind in NOT_SHOWN {
            assert_eq!(ask(Access::Request(kind), Passes::NONE), (decision, format!("!{rule}")), "{kind:?}");
        }
        assert_eq!(ask(Access::Connect(RequestKind::SubResource), Passes::NONE), (decision, format!("~{rule}")));
        assert_eq!(ask(Access::Connect(RequestKind::Tool), Passes::NONE), (decision, format!("!{rule}")));
        let pass = Pass { barrier: key(&policy, rule), until: Timestamp::from_second(60).unwrap() };
        let permitted = if decision == Decision::Warn { Decision::Allow } else { Decision::Overridden };
        let held = [pass];
        for kind in SHOWN.into_iter().chain(NOT_SHOWN) {
            let passed = ask(Access::Request(kind), Passes::Held(&held));
            assert_eq!(passed, (permitted, rule.to_owned()), "{kind:?}");
        }
        let over = Pass { until: Timestamp::UNIX_EPOCH, ..pass };
        let other = Pass { barrier: key(&policy, "old"), ..pass };
        for passes in [&[over][..], &[other], &[]] {
            let ask = ask(Access::Request(RequestKind::Navigation), Passes::Held(passes));
            assert_eq!(ask.0, decision, "{passes:?}");
        }
    }
}

#[test]
fn a_token_is_shown_no_page_inside_of_its_connect() {
    let (policy, user, network, destination) =
        (policy(RULES), person(&[]), elsewhere(), at(Scheme::Https, "bets.test"));
    for (surrogate, wanted) in [(Surrogate::ProxyToken, "!gambling"), (Surrogate::ProxyHostName, "~gambling")] {
        let subject = Subject::Somebody {
            user: &user,
            surrogate,
            proven: SignedDuration::ZERO,
            passes: Passes::NONE,
            way: Way::AsWanted,
        };
        let access = Access::Connect(RequestKind::SubResource);
        let verdict = policy.decide(&Question::plain(subject, &network, &destination, access, Store::Known));
        assert_eq!(word(&verdict), wanted);
    }
}

#[test]
fn what_bars_a_tunnel_is_shown_inside_and_a_tunnel_that_is_blocked_is_blocked() {
    let policy = policy(RULES);
    let page = Access::Request(RequestKind::Navigation);
    let ask = |host, access, passes| decide(&policy, Scheme::Https, host, access, passes).1;
    assert_eq!(ask("desk.test", page, Passes::NONE), "~desks");
    assert_eq!(ask("desk.test", Access::Request(RequestKind::SubResource), Passes::NONE), "!desks");
    assert_eq!(ask("desk.test", page, Passes::All), "rest");
    assert_eq!(decide(&policy, Scheme::Http, "desk.test", page, Passes::NONE).1, "rest", "it is no tunnel");
    // Nobody reads a warning, only to be refused then.
    assert_eq!(ask("closed.test", page, Passes::NONE), "!closed");
    assert_eq!(ask("closed.test", page, Passes::All), "!closed");
}

#[test]
fn who_is_not_known_signs_in_first_and_is_refused_where_that_is_not_done() {
    let policy = policy(RULES);
    let (page, tool) = (Access::Request(RequestKind::Navigation), Access::Request(RequestKind::Tool));
    let ask = |options: &str, host, access, store| {
        let network = format!("name = 'here'\naddresses = ['192.0.2.0/24']\n{options}");
        let networks = Networks::new(&[toml::from_str(&network).unwrap()]);
        let network = networks.of([192, 0, 2, 7].into());
        let destination = at(Scheme::Http, host);
        word(&policy.decide(&Question::plain(Subject::Nobody, network, &destination, access, store)))
    };
    for (host, rule) in [("bets.test", "!gambling"), ("games.test", "!games")] {
        for sign_in in ["required", "optional"] {
            let options = format!("sign_in = '{sign_in}'\nunidentified = 'allow'");
            assert_eq!(ask(&options, host, page, Store::Known), "?", "{sign_in}");
            assert_eq!(ask(&options, host, tool, Store::Known), rule, "{sign_in}");
        }
        assert_eq!(ask("sign_in = 'none'", host, page, Store::Known), rule);
    }
    // That nobody can sign in opens no block.
    let away = Store::Away(Offline::Allow);
    assert_eq!(ask("sign_in = 'optional'", "games.test", page, away), "!games");
    assert_eq!(ask("sign_in = 'optional'", "bets.test", page, away), "offline");
}

#[test]
fn a_preflight_that_says_nobodys_name_passes_a_warning_and_no_block() {
    let (policy, network) = (policy(RULES), elsewhere());
    let preflight = Access::Request(RequestKind::Preflight);
    for (host, wanted) in [("bets.test", "gambling"), ("games.test", "!games")] {
        for subject in [Subject::Untold, Subject::Nobody] {
            let destination = at(Scheme::Http, host);
            let verdict = policy.decide(&Question::plain(subject, &network, &destination, preflight, Store::Known));
            assert_eq!(word(&verdict), wanted);
            if let Verdict::Permit(permit) = verdict {
                assert_eq!(permit.manner(), Manner::Preflight, "the question alone");
            }
        }
    }
}

#[test]
fn an_old_proof_is_renewed_before_anything_is_read() {
    let (policy, user, network, destination) = (policy(RULES), person(&[]), elsewhere(), at(Scheme::Http, "old.test"));
    for (hours, passes, wanted) in
        [(2, Passes::NONE, "?old"), (2, Passes::All, "?old"), (0, Passes::NONE, "~old"), (0, Passes::All, "old")]
    {
        let proven = SignedDuration::from_hours(hours);
        let subject =
            Subject::Somebody { user: &user, surrogate: Surrogate::ClientAddress, proven, passes, way: Way::AsWanted };
        let access = Access::Request(RequestKind::Navigation);
        let verdict = policy.decide(&Question::plain(subject, &network, &destination, access, Store::Known));
        assert_eq!(word(&verdict), wanted, "{hours}");
    }
}

#[test]
fn members_of_a_group_open_a_block_without_a_password_and_those_of_unknown_groups_do_not() {
    let policy = policy(RULES);
    let barrier = policy.barrier(key(&policy, "games")).unwrap();
    let unknown = User { groups: Groups::Unknown, ..person(&[]) };
    for (user, opens) in
        [(person(&["staff"]), true), (person(&["guests"]), false), (person(&[]), false), (unknown, false)]
    {
        assert_eq!(policy.opens_as_member(barrier, &user), opens, "{:?}", user.groups);
    }
    assert!(!policy.opens_as_member(policy.barrier(key(&policy, "gambling")).unwrap(), &person(&["staff"])));
    assert_eq!(barrier.lasts, SignedDuration::from_mins(5));
    assert_eq!(policy.barrier(key(&policy, "gambling")).unwrap().lasts, REMEMBERED);
}

#[test]
fn a_block_that_only_a_group_opens_is_a_plain_block_for_everybody_else() {
    let policy = policy(
        "[[rule]]\nname = 'games'\ndestinations = ['games.test']\neffect = 'block'\noverride = { groups = ['Staff'] }",
    );
    let (network, destination) = (elsewhere(), at(Scheme::Http, "games.test"));
    let ask = |user: &User, access, passes| {
        let (surrogate, proven) = (Surrogate::ClientAddress, SignedDuration::ZERO);
        let subject = Subject::Somebody { user, surrogate, proven, passes, way: Way::AsWanted };
        word(&policy.decide(&Question::plain(subject, &network, &destination, access, Store::Known)))
    };
    let page = Access::Request(RequestKind::Navigation);
    assert_eq!(ask(&person(&["staff"]), page, Passes::NONE), "~games");
    assert_eq!(ask(&person(&["staff"]), page, Passes::All), "games");
    let unknown = User { groups: Groups::Unknown, ..person(&[]) };
    for other in [person(&["guests"]), unknown] {
        // Whoever has left the group has passed nothing any more.
        for passes in [Passes::NONE, Passes::All] {
            assert_eq!(ask(&other, page, passes), "!games");
            assert_eq!(ask(&other, Access::Connect(RequestKind::SubResource), passes), "!games");
        }
    }
}

#[test]
fn a_barrier_is_another_one_when_its_words_or_its_password_change_and_the_same_over_a_reload() {
    let own = key(&policy(RULES), "gambling");
    assert_eq!(key(&policy(RULES), "gambling"), own);
    assert_eq!(key(&policy(&RULES.replace("[\"bets.test\"]", "[\"bets.test\", \"poker.test\"]")), "gambling"), own);
    assert_ne!(key(&policy(&RULES.replace("Are you sure?", "Are you really sure?")), "gambling"), own);
    assert_eq!(BarrierKey::parse(&own.to_string()), Some(own));
    for text in ["", "0", "../me", &"g".repeat(32), &format!("{own}0"), &own.to_string().to_uppercase()] {
        assert!(BarrierKey::parse(text).is_none_or(|key| key.to_string() == *text), "{text}");
    }
    let hash = crate::password::HashedPassword::of("correct horse").unwrap();
    let (_, old) = RULES.split_once("password = \"").unwrap();
    let with = |password: &str| RULES.replace(old.split('"').next().unwrap(), password);
    let games = key(&policy(RULES), "games");
    assert_ne!(key(&policy(&with(hash.expose())), "games"), games);
    assert!(toml::from_str::<Config>(&with("hunter2")).unwrap_err().to_string().contains("hash-password"));
}

#[test]
fn a_list_that_was_never_read_opens_nothing_by_being_left_out_when_a_destination_is_looked_for() {
    let rules = |not: &str| {
        format!(
            "default = 'block'\n[[rule]]\nname = 'it'\ndestinations = ['a.test']\nnot = {{ {not} }}\nprivate = true\neffect = 'allow'"
        )
    };
    let (network, destination) = (elsewhere(), at(Scheme::Https, "a.test"));
    let look = |toml: &str| {
        let question = Question::plain(Subject::Nobody, &network, &destination, Access::Look, Store::Known);
        word(&policy(toml).decide(&question))
    };
    assert_eq!(look(&rules("lists = ['unread']")), "!default");
    assert_eq!(look(&rules("ports = [8443]")), "it");
    assert_eq!(look(&rules("ports = [443]")), "!default");
    // A rule that blocks all but what a list holds blocks as long as nobody knows what it holds.
    let blocks = "[[rule]]\nname = 'it'\ndestinations = ['a.test']\nnot = { lists = ['unread'] }\neffect = 'block'";
    assert_eq!(look(blocks), "!it");
}

#[test]
fn whoever_changes_anything_about_a_barrier_has_everybody_pass_it_anew() {
    let key = |text: &str| policy(&format!("[[rule]]\nname = 'it'\n{text}")).rules[0].barrier.as_ref().unwrap().key;
    let hash = crate::password::HashedPassword::of("correct horse").unwrap();
    let with = |own: &str| format!("effect = 'block'\noverride = {{ password = '{}', {own} }}", hash.expose());
    let all = [
        "effect = 'warn'".to_owned(),
        "effect = 'warn'\nremember = '2h'".to_owned(),
        "effect = 'warn'\nmessage = 'x'".to_owned(),
        with("for = '15m'"),
        with("for = '20m'"),
        with("reason = true"),
        with("groups = ['a', 'b']"),
        with("groups = ['a:1', 'b']"),
        with("groups = ['a', '1:b']"),
        with("groups = ['ab']"),
        "effect = 'block'\noverride = { groups = ['a', 'b'] }".to_owned(),
    ];
    let keys: std::collections::BTreeSet<_> = all.iter().map(|text| key(text)).collect();
    assert_eq!(keys.len(), all.len());
    // What does not change what it takes changes nothing.
    assert_eq!(key(&with("for = '15m'")), key(&format!("{}\ndestinations = ['a.test']", with("for = '15m'"))));
}
