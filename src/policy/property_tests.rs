//! Policies and questions by the thousand: what must hold of all of them.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestError, TestRng, TestRunner};

use super::*;
use crate::clock::SignedDuration;
use crate::identity::network::{Lapse, SignIn, Spans, Unidentified};
use crate::identity::{Groups, Network, Risk, Surrogate, User};
use crate::wire::{Destination, RequestKind, Scheme};

/// Each of so many policies is asked each of so many questions, and all that so often: 100,000 decisions.
const POLICIES: usize = 25;
const QUESTIONS: usize = 40;
const ROUNDS: u32 = 100;

const HOSTS: [&str; 8] = [
    "a.test",
    "b.a.test",
    "c.b.a.test",
    "xa.test",
    "b.test",
    "192.0.2.1",
    "[2001:db8::1]",
    "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.test",
];
const GROUPS: [&str; 4] = ["Staff", "interns", "6A1F", "Österreich"];
const NETWORKS: [&str; 3] = ["office", "lobby", "elsewhere"];

/// One of the lines by which a rule can have this condition.
fn condition() -> impl Strategy<Value = String> {
    let list = |key: &'static str, values: &'static [&'static str]| {
        subsequence(values, 1..=values.len()).prop_map(move |some| format!("{key} = {some:?}"))
    };
    prop_oneof![
        4 => list("destinations", &["a.test", "=a.test", "b.a.test", "=c.b.a.test", "b.test", "192.0.2.0/24", "a.a.test", "test"]),
        1 => list("users", &["b.simon@contoso.com", "contoso/2", "guest", "fabrikam/eve"]),
        1 => list("groups", &["staff", "contoso/INTERNS", "6a1f", "fabrikam/staff", "ÖSTERREICH"]),
        1 => list("realms", &["contoso", "fabrikam"]),
        1 => list("networks", &NETWORKS),
        1 => list("clients", &["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]),
        1 => list("listeners", &["proxy", "secure"]),
        1 => list("ports", &["80", "443", "1024-65535"]),
        1 => list("paths", &["/", "/admin", "/a/b"]),
        1 => list("keywords", &["admin", "b.a", "zz"]),
        1 => list("methods", &["GET", "POST", "CONNECT"]),
        1 => list("kinds", &["navigation", "form", "preflight", "probe", "sub-resource", "tool", "tunnel"]),
        1 => select(&["weak", "medium", "strong"][..]).prop_map(|least| format!("evidence = {least:?}")),
        1 => select(&["30m", "1h"][..]).prop_map(|within| format!("proven = {within:?}")),
        1 => select(&["['high']", "['none', 'medium']", "{ at_most = 'low' }"][..]).prop_map(|risk| format!("risk = {risk}")),
        1 => list("days", &["mon-fri", "sat", "holiday"]).prop_map(|days| format!("schedule = {{ {days} }}")),
        1 => list("hours", &["08:00-18:00", "22:00-06:00"]).prop_map(|hours| format!("schedule = {{ {hours} }}")),
    ]
}

/// The effect of a rule that some people override, and what goes with it.
const OVERRIDDEN: &str = "block\"\noverride = { groups = [\"staff\"], for = \"5m\" }\nmessage = \"x";

/// What can be passed of all rules that are made here.
static BARRIERS: LazyLock<Vec<BarrierKey>> = LazyLock::new(|| {
    let rule = |(at, effect): (usize, &str)| format!("[[rule]]\nname = \"rule {at}\"\neffect = \"{effect}\"\n");
    let all = (0..12).flat_map(|at| [(at, "warn"), (at, OVERRIDDEN)]).map(rule);
    let policy = Policy::new(&toml::from_str(&all.collect::<String>()).unwrap(), &realms(), []);
    policy.rules.iter().map(|rule| rule.barrier.as_ref().unwrap().key).collect()
});

/// What somebody may have passed: some of it long ago.
fn passes() -> impl Strategy<Value = Vec<Pass>> {
    let pass = (select(BARRIERS.clone()), select(&[Timestamp::UNIX_EPOCH, Timestamp::MAX][..]));
    proptest::collection::vec(pass.prop_map(|(barrier, until)| Pass { barrier, until }), 0..12)
}

/// Some conditions, each key once.
fn conditions(most: usize) -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(condition(), 0..=most).prop_map(|mut lines| {
        let key = |line: &String| line.split(' ').next().unwrap_or_default().to_owned();
        lines.sort_by_key(key);
        lines.dedup_by_key(|line| key(line));
        lines
    })
}

fn rule() -> impl Strategy<Value = String> {
    let does = select(&["allow", "allow", "monitor", "block", "warn", OVERRIDDEN][..]);
    let more = select(
        &[
            "",
            "",
            "",
            "headers = { set = { X-Own = 'x' } }",
            "authenticate = false",
            "reauthenticate = '1h'",
            "authn_context = ['urn:x', 'urn:z']",
            "private = true",
            "intercept = true",
            "intercept = false",
        ][..],
    );
    (conditions(3), conditions(2), does, more).prop_map(|(when, unless, effect, more)| {
        let not = if unless.is_empty() { String::new() } else { format!("not = {{ {} }}\n", unless.join(", ")) };
        format!("{}\n{not}effect = \"{effect}\"\n{more}\n", when.join("\n"))
    })
}

fn policy() -> impl Strategy<Value = String> {
    let lists = ["", "", "approved = ['a.test']\n", "blocked = ['=b.a.test']\n", "walled_garden = ['b.test']\n"];
    let default = select(&["allow", "block"][..]);
    let rules = (proptest::collection::vec(rule(), 0..12), proptest::collection::vec(standing(), 0..3));
    (select(lists.to_vec()), default, rules).prop_map(|(list, default, (rules, standing))| {
        let rules = rules.iter().enumerate().map(|(at, rule)| format!("[[rule]]\nname = \"rule {at}\"\n{rule}"));
        let standing = standing.iter().enumerate();
        let standing = standing.map(|(at, rule)| format!("[[standing]]\nname = \"standing {at}\"\n{rule}"));
        let all: String = rules.chain(standing).collect();
        format!("holidays = ['12-25']\ndefault = \"{default}\"\n{list}{all}")
    })
}

/// A rule that decides nothing.
fn standing() -> impl Strategy<Value = String> {
    (conditions(2), conditions(2), select(&TERMS[..])).prop_map(|(when, unless, terms)| {
        let not = if unless.is_empty() { String::new() } else { format!("not = {{ {} }}\n", unless.join(", ")) };
        format!("{}\n{not}{terms}\n", when.join("\n"))
    })
}

const TERMS: [&str; 6] = [
    "headers = { set = { X-Team = 'ours' } }",
    "limit = { connections = 5 }",
    "headers = { remove = ['X-Team'] }",
    "intercept = true",
    "intercept = false",
    "accept = ['expired']\nunreadable = 'tunnel'",
];

/// A question that owns what it asks about.
#[derive(Clone, Debug)]
struct Owned {
    user: Option<User>,
    surrogate: Surrogate,
    proven: SignedDuration,
    passes: Vec<Pass>,
    way: Way<'static>,
    untold: bool,
    network: Network,
    listener: &'static str,
    client: IpAddr,
    destination: Arc<Destination>,
    access: Access,
    method: http::Method,
    target: &'static str,
    at: Timestamp,
    store: Store,
}

impl Owned {
    fn question(&self) -> Question<'_> {
        self.having(Passes::Held(&self.passes))
    }

    /// The same of somebody who has passed this.
    fn having<'a>(&'a self, passes: Passes<'a>) -> Question<'a> {
        let subject = match &self.user {
            _ if self.untold => Subject::Untold,
            None => Subject::Nobody,
            Some(user) => {
                Subject::Somebody { user, surrogate: self.surrogate, proven: self.proven, passes, way: self.way }
            }
        };
        let seen = matches!(self.access, Access::Request(_));
        Question {
            subject,
            network: &self.network,
            listener: self.listener,
            client: self.client,
            destination: &self.destination,
            access: self.access,
            method: seen.then_some(&self.method),
            target: seen.then_some(self.target),
            at: self.at,
            store: self.store,
        }
    }
}

fn user() -> impl Strategy<Value = User> {
    let groups = prop_oneof![
        4 => subsequence(&GROUPS, 0..=4).prop_map(|some| Groups::Known(some.into_iter().map(str::to_owned).collect())),
        1 => Just(Groups::Unknown),
        // More than are looked up at once.
        1 => Just(Groups::Known((0..200).map(|number| GROUPS[number % 4].to_owned()).collect())),
    ];
    let names = select(&["B.Simon@contoso.com", "eve", "guest"][..]);
    let risks = select(&[Risk::Unknown, Risk::None, Risk::Low, Risk::High][..]);
    (select(&["contoso", "fabrikam"][..]), names, select(&["1", "2"][..]), groups, risks).prop_map(
        |(realm, name, id, groups, risk)| User {
            realm: realm.into(),
            id: id.into(),
            name: name.into(),
            display_name: None,
            sam_account_name: None,
            upn: None,
            email: None,
            groups,
            risk,
        },
    )
}

fn network() -> impl Strategy<Value = Network> {
    let sign_in = select(&[SignIn::Required, SignIn::Required, SignIn::Optional, SignIn::None][..]);
    let unidentified = select(&[Unidentified::Allow, Unidentified::Refuse][..]);
    let zone = select(&[None, Some("Europe/Berlin"), Some("America/New_York")][..]);
    (select(&NETWORKS[..]), sign_in, unidentified, zone).prop_map(|(name, sign_in, unidentified, zone)| Network {
        name: name.into(),
        sign_in,
        shared: false,
        address: true,
        lapse: Lapse::default(),
        unidentified,
        guest: false,
        time_zone: zone.map(|zone| TimeZone::get(zone).unwrap()),
        tokens: true,
        spans: Spans::default(),
    })
}

fn access() -> impl Strategy<Value = Access> {
    use RequestKind::{FormNavigation, Navigation, Preflight, Probe, SubResource, Tool};
    prop_oneof![
        3 => select(&[Navigation, FormNavigation, Preflight, Probe, SubResource, Tool][..]).prop_map(Access::Request),
        2 => select(&[SubResource, Tool][..]).prop_map(Access::Connect),
        1 => Just(Access::Look),
    ]
}

fn question() -> impl Strategy<Value = Owned> {
    let store = prop_oneof![
        4 => Just(Store::Known),
        1 => select(&[Offline::Allow, Offline::Refuse, Offline::DefaultRule][..]).prop_map(Store::Away),
    ];
    let clients = select(&["10.1.2.3", "192.0.2.7", "::ffff:10.0.0.1", "2001:db8::9", "198.51.100.1"][..]);
    let targets =
        select(&["/", "/admin?x", "/%61dmin/", "/a/b/c?zz", "/x?admin", "/admin/..;/a/b", "/a%2fb;zz", "/b.%2561"][..]);
    let methods = select(&[http::Method::GET, http::Method::POST][..]);
    let schemes = select(&[Scheme::Http, Scheme::Http, Scheme::Https][..]);
    let hosts = (schemes, select(&HOSTS[..]), select(&[80_u16, 443, 8080][..]));
    // Two years, each minute of them.
    let at = (0_i64..2 * 366 * 24 * 60).prop_map(|minute| Timestamp::from_second(1_767_225_600 + minute * 60).unwrap());
    let whom = (
        proptest::option::weighted(0.7, user()),
        select(&Surrogate::ALL[..]),
        (0_i64..7200, select(&[Way::Said("urn:x"), Way::Said("urn:y"), Way::Unsaid, Way::AsWanted][..])),
        (passes(), proptest::bool::weighted(0.05)),
    );
    (whom, network(), select(&["proxy", "secure"][..]), clients, hosts, access(), methods, (targets, at, store))
        .prop_map(
            |(
                (user, surrogate, (proven, way), (passes, untold)),
                network,
                listener,
                client,
                (scheme, host, port),
                access,
                method,
                (target, at, store),
            )| Owned {
                user,
                surrogate,
                proven: SignedDuration::from_secs(proven),
                passes,
                way,
                untold,
                network,
                listener,
                client: client.parse().unwrap(),
                destination: Arc::new(Destination::of_authority(scheme, &format!("{host}:{port}")).unwrap()),
                access,
                method,
                target,
                at,
                store,
            },
        )
}

fn realms() -> Vec<Realm> {
    let realm = |name: &str| Realm { name: name.into(), domains: vec![format!("{name}.com")], ..Realm::default() };
    vec![realm("contoso"), realm("fabrikam")]
}

/// A verdict without the names of places in memory.
fn text(verdict: &Verdict) -> String {
    format!("{verdict:?}")
}

/// Runs over policies and questions, the same ones each time.
fn over_all(check: impl Fn(&str, &Policy, &Owned)) {
    let runs = Runs { cases: ROUNDS, failure_persistence: None, max_shrink_iters: 200, ..Runs::default() };
    let mut runner = TestRunner::new_with_rng(runs, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let all = (proptest::collection::vec(policy(), POLICIES), proptest::collection::vec(question(), QUESTIONS));
    let run = runner.run(&all, |(policies, questions)| {
        for toml in policies {
            let config: Config =
                toml::from_str(&toml).map_err(|error| TestCaseError::fail(format!("{error}\n{toml}")))?;
            let policy = Policy::new(&config, &realms(), []);
            questions.iter().for_each(|question| check(&toml, &policy, question));
        }
        Ok(())
    });
    match run {
        Ok(()) => {}
        // The question is in the reason.
        Err(TestError::Fail(reason, _)) => panic!("{reason}"),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn explaining_is_deciding_and_the_index_changes_nothing() {
    over_all(|toml, policy, owned| {
        let question = owned.question();
        let decided = policy.decide(&question);
        // It goes through all rules in their order, with every condition of each.
        let explained = policy.explain(&question);
        assert_eq!(text(&decided), text(&explained.verdict), "{toml}\n{owned:#?}\n{:#?}", explained.steps);
    });
}

#[test]
fn the_first_rule_that_matches_decides_exclusions_win_and_the_default_ends_it() {
    over_all(|toml, policy, owned| {
        let question = owned.question();
        // What is asked inside a tunnel is decided twice.
        if question.access == Access::Look || question.around().is_some() {
            return;
        }
        let Explanation { verdict, steps } = policy.explain(&question);
        let said = || format!("{toml}\n{owned:#?}\n{steps:#?}\n{verdict:?}");
        for step in &steps {
            let Step::Rule { holds: true, conditions, effect, .. } = step else { continue };
            for looked in conditions {
                match (looked.not, looked.holds) {
                    (true, Some(true)) | (false, Some(false)) => panic!("a rule applies against its words\n{}", said()),
                    (true, None) => {
                        assert_eq!(*effect, "block", "nobody is let through by what is not known\n{}", said());
                    }
                    (false, None) => {
                        let is_of_account = ["users or groups", "risk"].contains(&looked.condition);
                        assert!(*effect == "block" && is_of_account, "{}", said());
                    }
                    _ => {}
                }
            }
        }
        let deciding: Vec<_> =
            steps.iter().filter(|step| !matches!(step, Step::Standing { .. } | Step::Exempt { .. })).collect();
        // Whatever applies is the last that is looked at, so what stands before it does not apply.
        let applies = |step: &Step| match step {
            Step::List { holds, .. } | Step::Rule { holds, .. } => *holds,
            Step::Default { .. } => true,
            Step::SignIn { .. }
            | Step::Around
            | Step::InDoubt { .. }
            | Step::Lacking { .. }
            | Step::Standing { .. }
            | Step::Exempt { .. } => false,
        };
        let found: Vec<_> = deciding.iter().filter(|step| applies(step)).collect();
        assert!(found.len() <= 2, "{}", said());
        let last = *deciding.last().unwrap();
        let own = ["unidentified", "offline"];
        match (verdict.rule().cloned(), last) {
            (Some(name), _) if own.contains(&&*name) => {}
            (
                Some(name),
                Step::List { name: last, .. }
                | Step::Rule { name: last, .. }
                | Step::InDoubt { name: last }
                | Step::Lacking { name: last, .. }
                | Step::Default { name: last },
            ) => {
                assert_eq!(name, *last, "{}", said());
            }
            (Some(name), Step::SignIn { .. } | Step::Around | Step::Standing { .. } | Step::Exempt { .. }) => {
                panic!("{name} out of nothing\n{}", said())
            }
            (None, _) => assert!(matches!(question.subject, Subject::Nobody | Subject::Untold), "{}", said()),
        }
    });
}

/// What nobody can know spares nobody a warning, and lets nobody in who reads one.
#[test]
fn a_warning_is_no_laxer_than_to_block_and_no_stricter_than_to_allow() {
    let (found, others) = (std::cell::Cell::new(0), std::cell::RefCell::new((String::new(), None)));
    over_all(|toml, _, owned| {
        let Some((before, after)) = toml.split_once("effect = \"warn\"") else { return };
        // To look whether somebody is there lets nothing through; and while nobody can sign in, `offline` says who is let
        // through, and to what.
        if owned.access == Access::Look || owned.store != Store::Known {
            return;
        }
        let instead = |effect: &str| {
            let text = format!("{before}effect = \"{effect}\"{after}");
            // Of one realm: names that could mean two are of nobody where they open something.
            Policy::new(&toml::from_str(&text).unwrap(), &realms()[..1], [])
        };
        // Nobody could read it: check-config refuses that.
        if toml.contains("effect = \"warn\"\nauthenticate = false") {
            return;
        }
        let mut others = others.borrow_mut();
        if others.0 != toml {
            *others = (toml.to_owned(), Some([instead("warn"), instead("allow"), instead("block")]));
        }
        let Some([warns, allows, blocks]) = &others.1 else { return };
        let question = owned.having(Passes::All);
        let [read, allowed] = [warns.decide(&question), allows.decide(&question)];
        if let Verdict::Deny(_) = allowed {
            assert!(!matches!(read, Verdict::Permit(_)), "{toml}\n{owned:#?}\n{allowed:?}\n{read:?}");
        }
        let question = owned.having(Passes::NONE);
        let [unread, blocked] = [warns.decide(&question), blocks.decide(&question)];
        // A preflight is the bare question, and passes a warning.
        if !matches!(question.subject, Subject::Untold)
            && !question.is_preflight()
            && matches!(unread, Verdict::Permit(_))
        {
            found.set(found.get() + 1);
            assert!(matches!(blocked, Verdict::Permit(_)), "{toml}\n{owned:#?}\n{blocked:?}\n{unread:?}");
        }
    });
    assert!(found.get() > 1000, "{}", found.get());
}

#[test]
fn passing_a_barrier_opens_what_it_bars_and_nothing_else() {
    let found = std::cell::Cell::new((0, 0));
    over_all(|toml, policy, owned| {
        let (before, after) = (policy.decide(&owned.having(Passes::NONE)), policy.decide(&owned.having(Passes::All)));
        let said = || format!("{toml}\n{owned:#?}\n{before:?}\n{after:?}");
        assert!(after.barrier().is_none(), "{}", said());
        let (count, opened) = found.get();
        if before.barrier().is_none() {
            assert_eq!(text(&before), text(&after), "{}", said());
        } else {
            found.set((count + 1, opened + u32::from(matches!(after, Verdict::Permit(_)))));
        }
        if let Verdict::Permit(permit) = &before {
            assert!(!permit.is_overridden(), "{}", said());
        }
    });
    let (count, opened) = found.get();
    assert!(opened > 1000 && count > opened, "the rules made here bar too little: {count}, {opened}");
}

#[test]
fn standing_rules_hold_for_all_that_is_let_through_and_for_whoever_may_be_meant() {
    over_all(|toml, policy, owned| {
        let question = owned.question();
        let Explanation { verdict, steps } = policy.explain(&question);
        let said = || format!("{toml}\n{owned:#?}\n{steps:#?}\n{verdict:?}");
        let standing: Vec<_> = steps.iter().filter(|step| matches!(step, Step::Standing { .. })).collect();
        let Verdict::Permit(permit) = &verdict else {
            assert!(standing.is_empty(), "a refusal is subject to nothing\n{}", said());
            return;
        };
        let mut wanted = Vec::new();
        for step in standing {
            let Step::Standing { name, holds, conditions } = step else { continue };
            // Whoever may be meant is meant, and whoever may be left out is not; the other way round where a rule only gives.
            let gives = policy.standing.iter().find(|rule| rule.name() == name).unwrap().gives;
            let is_met = |looked: &Looked| match (looked.not, looked.holds) {
                (false, None) => !gives && ["users or groups", "risk"].contains(&looked.condition),
                (true, None) => !gives,
                (not, Some(holds)) => holds != not,
            };
            assert_eq!(*holds, conditions.iter().all(is_met), "{name}\n{}", said());
            wanted.extend(holds.then(|| Arc::clone(name)));
        }
        let found = permit.terms().iter().map(|terms| Arc::clone(&terms.rule));
        let own = Some(permit.rule()).filter(|_| permit.terms().len() > wanted.len());
        assert_eq!(found.collect::<Vec<_>>(), wanted.iter().chain(own).cloned().collect::<Vec<_>>(), "{}", said());
    });
}

#[test]
fn whether_a_connection_is_intercepted_is_up_to_the_first_rule_that_says_so_and_sign_in_is_spared() {
    let found = std::cell::Cell::new((0, 0, 0));
    over_all(|toml, policy, owned| {
        let question = owned.question();
        let Explanation { verdict, steps } = policy.explain(&question);
        let said = || format!("{toml}\n{owned:#?}\n{steps:#?}\n{verdict:?}");
        let exempt = steps.iter().any(|step| matches!(step, Step::Exempt { .. }));
        let (intercepted, tunnelled, exempted) = found.get();
        if exempt {
            assert!(matches!(question.access, Access::Connect(_)), "{}", said());
            // Nobody is asked or shown anything inside.
            let is_settled = match &verdict {
                Verdict::Permit(permit) => permit.is_exception() && permit.manner() != Manner::Intercept,
                Verdict::Deny(Denial { why: Why::Exempt | Why::Barred(_) | Why::Away, .. }) => true,
                _ => false,
            };
            assert!(is_settled, "{}", said());
            found.set((intercepted, tunnelled, exempted + 1));
            return;
        }
        let Verdict::Permit(permit) = &verdict else { return };
        let in_garden = permit.rule() == &policy.names.walled_garden;
        let mut says = permit.terms().iter().map(|terms| terms.inspection);
        let counts = |own: &Inspection| {
            own.intercept.is_some() && (!in_garden || own.names_hosts || own.intercept == Some(false))
        };
        let wanted = says.find(counts).and_then(|own| own.intercept).unwrap_or(false);
        let is_connect = matches!(question.access, Access::Connect(_));
        assert_eq!(permit.manner() == Manner::Intercept, is_connect && wanted, "{}", said());
        if is_connect {
            found.set((intercepted + u32::from(wanted), tunnelled + u32::from(!wanted), exempted));
        }
    });
    let (intercepted, tunnelled, exempted) = found.get();
    assert!(intercepted > 1000 && tunnelled > 1000 && exempted > 1000, "{:?}", found.get());
}
