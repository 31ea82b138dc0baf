//! Each condition, and each as an exclusion, on what meets it, what does not, and what cannot be known.

use super::tests::{destination, network, realm, user};
use super::*;
use crate::clock::SignedDuration;
use crate::identity::network::{SignIn, Unidentified};
use crate::identity::{Groups, Network, Surrogate, User};
use crate::wire::{Destination, RequestKind, Scheme};

const GET: http::Method = http::Method::GET;
const POST: http::Method = http::Method::POST;

/// Who asks for what.
#[derive(Clone, Copy)]
struct Case<'a> {
    user: Option<&'a User>,
    surrogate: Surrogate,
    host: &'a str,
    access: Access,
    method: Option<&'a http::Method>,
    target: Option<&'a str>,
    network: &'a Network,
    listener: &'a str,
    client: &'a str,
    at: &'a str,
}

/// Whether a rule with this line lets it through, and whether the same rule blocks it, where everything else is the other way round.
fn applies(line: &str, case: Case<'_>) -> (bool, bool) {
    let is_decided_by_rule = |effect: &str, default: &str| {
        let toml =
            format!("default = '{default}'\nholidays = ['12-25']\n[[rule]]\nname = 'it'\neffect = '{effect}'\n{line}");
        let policy = Policy::new(&toml::from_str(&toml).unwrap(), &[realm("contoso")], []);
        let subject = case.user.map_or(Subject::Nobody, |user| Subject::Somebody {
            user,
            surrogate: case.surrogate,
            proven: SignedDuration::from_mins(30),
            passes: Passes::NONE,
            way: Way::AsWanted,
        });
        let verdict = policy.decide(&Question {
            subject,
            network: case.network,
            listener: case.listener,
            client: case.client.parse().unwrap(),
            destination: &destination(case.host),
            access: case.access,
            method: case.method,
            target: case.target,
            at: case.at.parse().unwrap(),
            store: Store::Known,
        });
        match verdict {
            Verdict::Permit(permit) => **permit.rule() == *"it",
            // What is blocked, by this rule or by the default, another proof would mend, or any at all.
            Verdict::Ask(Ask { proof: Proof::SignIn, .. }) => effect == "block",
            Verdict::Ask(Ask { proof: Proof::Again(stale), .. })
            | Verdict::Deny(Denial { why: Why::Unasked(Ask { proof: Proof::Again(stale), .. }), .. })
                if stale.is_condition =>
            {
                effect == "block"
            }
            Verdict::Deny(denial) => *denial.rule == *"it",
            other => panic!("{line}: {other:?}"),
        }
    };
    (is_decided_by_rule("allow", "block"), is_decided_by_rule("block", "allow"))
}

/// What applies to nothing, to everything, and to what only counts against whoever asks.
const NEVER: (bool, bool) = (false, false);
const ALWAYS: (bool, bool) = (true, true);
const AGAINST: (bool, bool) = (false, true);

#[test]
fn each_condition_is_met_by_what_it_says_and_leaves_out_the_same() {
    let office = network(SignIn::Optional, Unidentified::Refuse);
    let simon = user(Groups::Known(vec!["Staff".into()]));
    let page = Case {
        user: Some(&simon),
        surrogate: Surrogate::OriginCookie,
        host: "www.news.test:8080",
        access: Access::Request(RequestKind::Navigation),
        method: Some(&GET),
        target: Some("/admin/users?q=Casino"),
        network: &office,
        listener: "proxy",
        client: "10.7.0.9",
        at: "2026-11-27T10:00:00Z",
    };
    let nobody = Case { user: None, surrogate: Surrogate::None, ..page };
    let tunnel = Case { access: Access::Connect(RequestKind::Tool), method: None, target: None, ..page };
    let unknown = user(Groups::Unknown);
    let unknown = Case { user: Some(&unknown), ..page };
    for (condition, case, met, left_out) in [
        ("realms = ['contoso']", page, ALWAYS, NEVER),
        ("realms = ['fabrikam']", page, NEVER, ALWAYS),
        // Whoever signs out must not become somebody who is not left out.
        ("realms = ['contoso']", nobody, NEVER, AGAINST),
        ("users = ['B.SIMON@contoso.com']", page, ALWAYS, NEVER),
        ("users = ['alexw@contoso.com']", page, NEVER, ALWAYS),
        ("users = ['b.simon@contoso.com']", nobody, NEVER, AGAINST),
        ("groups = ['STAFF']", page, ALWAYS, NEVER),
        ("groups = ['interns']", page, NEVER, ALWAYS),
        ("groups = ['staff']", nobody, NEVER, AGAINST),
        // Whether somebody is in a group is not known: it counts against them, whichever way.
        ("groups = ['staff']", unknown, AGAINST, AGAINST),
        ("users = ['b.simon@contoso.com']\ngroups = ['staff']", unknown, ALWAYS, NEVER),
        ("networks = ['office']", page, ALWAYS, NEVER),
        ("networks = ['lobby', 'elsewhere']", page, NEVER, ALWAYS),
        ("clients = ['10.7.0.0/16']", page, ALWAYS, NEVER),
        ("clients = ['10.7.0.0/16']", Case { client: "::ffff:10.7.0.1", ..page }, ALWAYS, NEVER),
        ("clients = ['10.8.0.0/16', '10.7.0.9/32']", page, ALWAYS, NEVER),
        ("clients = ['10.8.0.0/16']", page, NEVER, ALWAYS),
        ("listeners = ['proxy']", page, ALWAYS, NEVER),
        ("listeners = ['secure']", page, NEVER, ALWAYS),
        ("destinations = ['news.test']", page, ALWAYS, NEVER),
        ("destinations = ['=news.test', 'ews.test']", page, NEVER, ALWAYS),
        ("ports = [443, '8000-8100']", page, ALWAYS, NEVER),
        ("ports = [80]", page, NEVER, ALWAYS),
        ("paths = ['/admin']", page, ALWAYS, NEVER),
        ("paths = ['/users', '/adm']", page, NEVER, ALWAYS),
        // A rule about paths is none about a whole host; and nobody sees that a tunnel is not for what is left out.
        ("paths = ['/admin']", tunnel, NEVER, AGAINST),
        ("paths = ['/admin']", Case { target: Some("/admin;x=1/users"), ..page }, AGAINST, AGAINST),
        ("paths = ['/admin']", Case { target: Some("/admin/..;/x"), ..page }, AGAINST, AGAINST),
        ("paths = ['/admin']", Case { target: Some("/admin/a%20b"), ..page }, ALWAYS, NEVER),
        ("keywords = ['casino']", page, ALWAYS, NEVER),
        ("keywords = ['casino']", Case { target: Some("/c%2561sino"), ..page }, AGAINST, AGAINST),
        ("keywords = ['b\u{fc}cher']", Case { host: "xn--bcher-kva.test", ..page }, ALWAYS, NEVER),
        ("keywords = ['NEWS']", tunnel, ALWAYS, NEVER),
        ("keywords = ['poker']", page, NEVER, ALWAYS),
        ("keywords = ['casino']", tunnel, NEVER, AGAINST),
        ("methods = ['GET', 'HEAD']", page, ALWAYS, NEVER),
        ("methods = ['POST']", page, NEVER, ALWAYS),
        ("methods = ['POST']", Case { method: Some(&POST), ..page }, ALWAYS, NEVER),
        ("methods = ['POST']", tunnel, NEVER, AGAINST),
        ("methods = ['CONNECT']", tunnel, ALWAYS, NEVER),
        ("methods = ['CONNECT']", page, NEVER, ALWAYS),
        ("kinds = ['navigation', 'tool']", page, ALWAYS, NEVER),
        ("kinds = ['tunnel']", page, NEVER, ALWAYS),
        ("kinds = ['tunnel']", tunnel, ALWAYS, NEVER),
        ("kinds = ['tool']", tunnel, NEVER, ALWAYS),
        ("evidence = 'medium'", page, ALWAYS, NEVER),
        ("evidence = 'strong'", page, NEVER, ALWAYS),
        ("evidence = 'weak'", nobody, NEVER, AGAINST),
        ("proven = '30m'", page, ALWAYS, NEVER),
        ("proven = '29m'", page, NEVER, ALWAYS),
        ("proven = '30m'", nobody, NEVER, AGAINST),
        ("schedule = { days = ['fri'], hours = ['09:00-11:00'] }", page, ALWAYS, NEVER),
        ("schedule = { days = ['fri'], hours = ['11:00-12:00'] }", page, NEVER, ALWAYS),
        ("schedule = { days = ['holiday'] }", Case { at: "2026-12-25T10:00:00Z", ..page }, ALWAYS, NEVER),
    ] {
        assert_eq!(applies(condition, case), met, "{condition}");
        // In one table; users and groups are left out each on their own.
        let not = format!("not = {{ {} }}", condition.replace('\n', ", "));
        assert_eq!(applies(&not, case), left_out, "{not}");
    }
}

#[test]
fn all_conditions_must_be_met_and_any_exclusion_leaves_out() {
    let office = network(SignIn::Optional, Unidentified::Refuse);
    let case = Case {
        user: None,
        surrogate: Surrogate::None,
        host: "a.test",
        access: Access::Request(RequestKind::Tool),
        method: Some(&GET),
        target: Some("/"),
        network: &office,
        listener: "proxy",
        client: "10.7.0.9",
        at: "2026-11-27T10:00:00Z",
    };
    let both = "destinations = ['a.test']\nmethods = ['GET']";
    assert_eq!(applies(both, case), ALWAYS);
    assert_eq!(applies(both, Case { method: Some(&POST), ..case }), NEVER);
    assert_eq!(applies(both, Case { host: "b.test", ..case }), NEVER);
    let not = "not = { destinations = ['a.test'], methods = ['GET'] }";
    assert_eq!(applies(not, Case { host: "b.test", method: Some(&POST), ..case }), ALWAYS);
    assert_eq!(applies(not, Case { host: "b.test", ..case }), NEVER);
    assert_eq!(applies(not, Case { method: Some(&POST), ..case }), NEVER);
}

// A name that can mean two counts against both, whichever way it is written.
#[test]
fn an_ambiguous_name_lets_nobody_through_and_spares_nobody() {
    let realms = [realm("contoso"), realm("fabrikam")];
    let office = network(SignIn::Required, Unidentified::Refuse);
    let somebody = user(Groups::Known(vec!["staff".into()]));
    let decide = |toml: &str| {
        let policy = Policy::new(&toml::from_str(toml).unwrap(), &realms, []);
        super::tests::decide(&policy, Some(&somebody), &office, "a.test")
    };
    let allows = "default = 'block'\n[[rule]]\nname = 'it'\neffect = 'allow'\nnot = { groups = ['staff'] }";
    assert_eq!(decide(allows), "!default");
    let blocks = "[[rule]]\nname = 'it'\neffect = 'block'\nnot = { groups = ['staff'] }";
    assert_eq!(decide(blocks), "!it");
    let certain = blocks.replace("'staff'", "'contoso/staff'");
    assert_eq!(decide(&certain), "default");
    let within = blocks.replace("not", "realms = ['contoso']\nnot");
    assert_eq!(decide(&within), "default", "a name without a realm is that of the rule's");
}

/// The path is forwarded as it was sent, so no spelling may mean one thing here and another to the server.
#[test]
fn no_spelling_of_a_path_gets_around_a_rule() {
    let office = network(SignIn::Optional, Unidentified::Refuse);
    let case = |target| Case {
        user: None,
        surrogate: Surrogate::None,
        host: "a.test",
        access: Access::Request(RequestKind::Navigation),
        method: Some(&GET),
        target: Some(target),
        network: &office,
        listener: "proxy",
        client: "10.7.0.9",
        at: "2026-11-27T10:00:00Z",
    };
    for (target, named) in [
        ("/admin/users", ALWAYS),
        ("/admin;x=1/users", AGAINST),
        ("/;/admin", AGAINST),
        ("/admin%20", AGAINST),
        ("/admin./x", AGAINST),
        ("/admin%2fx", AGAINST),
        ("/%2fadmin/x", AGAINST),
        ("/admin\\x", AGAINST),
        ("/admin/..;/secret", AGAINST),
        ("/secret/admin.php/%5c..%5c..%5c..%5cadmin", AGAINST),
        ("/secret%2f..%2fadmin", AGAINST),
        ("/secret//../admin", AGAINST),
        ("/administration", NEVER),
        ("/x;/y%20z/", NEVER),
    ] {
        let left_out = if named == AGAINST { AGAINST } else { (!named.0, !named.1) };
        assert_eq!(applies("paths = ['/admin']", case(target)), named, "{target}");
        assert_eq!(applies("not = { paths = ['/admin'] }", case(target)), left_out, "not {target}");
    }
}

/// An intern who signs out, or takes a tool, is nobody; nobody is not left out by being unknown.
#[test]
fn nobody_passes_by_a_rule_for_all_but_some_people() {
    let staff = user(Groups::Known(vec!["Staff".into()]));
    let intern = user(Groups::Known(vec!["Interns".into()]));
    for (sign_in, unidentified) in [
        (SignIn::Optional, Unidentified::Refuse),
        (SignIn::None, Unidentified::Refuse),
        (SignIn::Required, Unidentified::Allow),
    ] {
        let here = network(sign_in, unidentified);
        for effect in ["allow", "monitor"] {
            for not in
                ["groups = ['interns']", "users = ['eve@contoso.com', 'contoso/interns']", "realms = ['fabrikam']"]
            {
                let toml = format!("default = 'block'\n[[rule]]\nname = 'it'\neffect = '{effect}'\nnot = {{ {not} }}");
                let policy = super::tests::policy(&toml);
                let decide = |user: Option<&User>, access| {
                    let subject = user.map_or(Subject::Nobody, |user| Subject::Somebody {
                        user,
                        surrogate: Surrogate::OriginCookie,
                        proven: SignedDuration::ZERO,
                        passes: Passes::NONE,
                        way: Way::AsWanted,
                    });
                    let destination = destination("a.test");
                    let question = Question::plain(subject, &here, &destination, access, Store::Known);
                    matches!(policy.decide(&question), Verdict::Permit(_))
                };
                let (page, tool) = (Access::Request(RequestKind::Navigation), Access::Request(RequestKind::Tool));
                assert!(decide(Some(&staff), page), "{not}");
                assert_eq!(decide(Some(&intern), page), !not.starts_with("groups"), "{not}");
                assert!(!decide(None, page) && !decide(None, tool), "{not} {sign_in:?}");
            }
        }
    }
}

#[test]
fn what_is_monitored_or_may_finish_says_so() {
    let policy = super::tests::policy(
        "[[rule]]\nname = 'a'\ndestinations = ['a.test']\neffect = 'monitor'\n\
         [[rule]]\nname = 'b'\ndestinations = ['b.test']\neffect = 'allow'\nschedule = { hours = ['00:00-24:00'] }\nfinish = true",
    );
    let office = network(SignIn::Optional, Unidentified::Refuse);
    for (host, monitored, finishes) in [("a.test", true, false), ("b.test", false, true), ("c.test", false, false)] {
        let destination = destination(host);
        let access = Access::Connect(RequestKind::Tool);
        let question = Question::plain(Subject::Nobody, &office, &destination, access, Store::Known);
        let Verdict::Permit(permit) = policy.decide(&question) else { panic!("{host}") };
        assert_eq!((permit.is_monitored(), permit.finishes()), (monitored, finishes), "{host}");
    }
}

#[test]
fn the_hours_of_all_schedules_are_told_wherever_clients_are() {
    let policy = super::tests::policy(
        "time_zone = 'Europe/Berlin'\n[[rule]]\nname = 'a'\neffect = 'block'\nschedule = { hours = ['08:00-09:00'] }\n\
         [[rule]]\nname = 'b'\neffect = 'block'\nnot = { schedule = { hours = ['08:00-09:00'] } }\n\
         [[rule]]\nname = 'c'\neffect = 'block'\nschedule = { days = ['sat'] }",
    );
    let zone = TimeZone::get("America/New_York").unwrap();
    let hours = |at: &str| policy.hours(at.parse().unwrap(), &[&zone]);
    // Two that differ, each where nobody knows better and in New York.
    assert_eq!(hours("2026-11-27T07:30:00Z"), [true, false, false, false]);
    assert_eq!(hours("2026-11-27T08:00:00Z"), [false; 4]);
    assert_eq!(hours("2026-11-27T13:00:00Z"), [false, true, false, false]);
    assert_eq!(hours("2026-11-28T03:00:00Z"), [false, false, true, false]);
    assert!(super::tests::policy("").hours(Timestamp::UNIX_EPOCH, &[&zone]).is_empty());
}

// A CONNECT that a rule refuses is answered inside, by a page. Nothing else comes through there.
#[test]
fn nothing_is_permitted_inside_a_tunnel_that_a_rule_forbids() {
    let office = network(SignIn::Optional, Unidentified::Refuse);
    let decide = |toml: &str, scheme| {
        let destination = Arc::new(Destination::of_authority(scheme, "a.test").unwrap());
        let access = Access::Request(RequestKind::Navigation);
        let question = Question::plain(Subject::Nobody, &office, &destination, access, Store::Known);
        super::tests::word(&super::tests::policy(toml).decide(&question))
    };
    let no_tunnels = "[[rule]]\nname = 'it'\neffect = 'block'\nkinds = ['tunnel']";
    let not_there = "default = 'block'\n[[rule]]\nname = 'it'\neffect = 'allow'\nnot = { paths = ['/admin'] }";
    let reads = "default = 'block'\n[[rule]]\nname = 'it'\neffect = 'allow'\nmethods = ['GET']";
    for (toml, clear, inside) in [
        (no_tunnels, "default", "!it"),
        (not_there, "it", "!default"),
        (reads, "it", "!default"),
        ("", "default", "default"),
    ] {
        assert_eq!((&*decide(toml, Scheme::Http), &*decide(toml, Scheme::Https)), (clear, inside), "{toml}");
    }
}

/// Whoever is not known yet must not find out by a look what only some people, or only some requests, get at.
#[test]
fn a_look_opens_nothing_that_depends_on_who_asks_or_for_what() {
    let office = network(SignIn::Required, Unidentified::Refuse);
    let look = |line: &str| {
        let policy = super::tests::policy(&format!(
            "default = 'block'\n[[rule]]\nname = 'it'\neffect = 'allow'\nprivate = true\n{line}"
        ));
        let destination = destination("a.test");
        let question = Question::plain(Subject::Nobody, &office, &destination, Access::Look, Store::Known);
        match policy.decide(&question) {
            Verdict::Permit(permit) => Some(permit.lane().private),
            _ => None,
        }
    };
    for (line, found) in [
        ("", Some(true)),
        ("clients = ['192.0.2.0/24']\nports = [80]\nlisteners = ['proxy']", Some(true)),
        ("clients = ['10.0.0.0/8']", None),
        ("not = { clients = ['192.0.2.0/24'] }", None),
        ("not = { ports = [443] }", Some(true)),
        ("schedule = { days = ['thu'] }", Some(true)),
        ("schedule = { days = ['fri'] }", None),
        ("paths = ['/a']", Some(false)),
        ("methods = ['POST']", Some(false)),
        ("kinds = ['navigation']", Some(false)),
        ("evidence = 'strong'", Some(false)),
        ("not = { groups = ['staff'] }", Some(false)),
    ] {
        assert_eq!(look(line), found, "{line}");
    }
}
