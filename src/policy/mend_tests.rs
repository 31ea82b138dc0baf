//! What is blocked for want of another proof, and what is not.

use super::tests::{destination, network, policy, user};
use super::*;
use crate::clock::SignedDuration;
use crate::identity::network::{SignIn, Unidentified};
use crate::identity::{Groups, Strength, Surrogate, User};
use crate::wire::RequestKind;

const NAVIGATION: Access = Access::Request(RequestKind::Navigation);

fn somebody(user: &User, surrogate: Surrogate, minutes: i64) -> Subject<'_> {
    let proven = SignedDuration::from_mins(minutes);
    Subject::Somebody { user, surrogate, proven, passes: Passes::NONE, way: Way::Unsaid }
}

/// What is asked of whoever asks so: the rule, how sure, within how many minutes; or the rule that blocks.
fn asked(
    policy: &Policy,
    subject: Subject<'_>,
    access: Access,
) -> Result<(String, Option<Strength>, Option<i64>), String> {
    let (network, destination) = (network(SignIn::Optional, Unidentified::Refuse), destination("vault.test"));
    let question = Question::plain(subject, &network, &destination, access, Store::Known);
    let verdict = policy.decide(&question);
    let explained = policy.explain(&question);
    assert_eq!(format!("{verdict:?}"), format!("{:?}", explained.verdict));
    match &verdict {
        Verdict::Ask(Ask { proof: Proof::Again(stale), .. })
        | Verdict::Deny(Denial { why: Why::Unasked(Ask { proof: Proof::Again(stale), .. }), .. }) => {
            assert!(
                stale.is_condition && !verdict.is_for_age() && verdict.is_for_evidence() == stale.evidence.is_some()
            );
            let told =
                explained.steps.iter().any(|step| matches!(step, Step::Lacking { name, .. } if *name == stale.rule));
            assert!(told, "{:?}", explained.steps);
            Ok((stale.rule.to_string(), stale.evidence, stale.within.map(|within| within.as_mins())))
        }
        Verdict::Deny(denial) => Err(denial.rule.to_string()),
        Verdict::Permit(permit) => Err(format!("+{}", permit.rule())),
        Verdict::Ask(_) => Err("?".to_owned()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_is_blocked_for_want_of_a_proof_is_asked_for_the_least_that_helps() {
    let eve = user(Groups::Known(vec!["staff".into()]));
    let (weak, medium, strong) = (Surrogate::ClientAddress, Surrogate::OriginCookie, Surrogate::Connection);
    let vault = |conditions: &str| {
        policy(&format!(
            "default = 'block'\n[[rule]]\nname = 'vault'\ndestinations = ['vault.test']\neffect = 'allow'\n{conditions}"
        ))
    };
    let ok = |evidence, within| Ok(("vault".to_owned(), evidence, within));
    let blocked = || Err("default".to_owned());
    for (conditions, surrogate, minutes, wanted) in [
        ("evidence = 'medium'", weak, 5, ok(Some(Strength::Medium), None)),
        ("evidence = 'strong'", weak, 5, ok(Some(Strength::Strong), None)),
        ("evidence = 'strong'", medium, 5, ok(Some(Strength::Strong), None)),
        ("evidence = 'strong'", strong, 5, Err("+vault".to_owned())),
        ("proven = '1h'", weak, 61, ok(None, Some(60))),
        ("proven = '1h'", weak, 59, Err("+vault".to_owned())),
        ("evidence = 'strong'\nproven = '1h'", weak, 61, ok(Some(Strength::Strong), Some(60))),
        ("evidence = 'strong'\nproven = '1h'", strong, 61, ok(None, Some(60))),
        ("evidence = 'medium'\ngroups = ['staff']", weak, 5, ok(Some(Strength::Medium), None)),
        // Nothing that somebody could prove makes them another person, nor the place another one.
        ("evidence = 'medium'\ngroups = ['board']", weak, 5, blocked()),
        ("evidence = 'medium'\nnetworks = ['branch']", weak, 5, blocked()),
        ("groups = ['board']", weak, 5, blocked()),
        // What is wanted besides is asked for afterwards.
        ("evidence = 'medium'\nreauthenticate = '10m'", weak, 60, ok(Some(Strength::Medium), None)),
    ] {
        let policy = vault(conditions);
        let found = asked(&policy, somebody(&eve, surrogate, minutes), NAVIGATION);
        assert_eq!(found, wanted, "{conditions} {surrogate:?} {minutes}");
        // A script cannot be asked, and is told the same.
        let script = asked(&policy, somebody(&eve, surrogate, minutes), Access::Request(RequestKind::SubResource));
        assert_eq!(script, wanted, "{conditions} {surrogate:?} {minutes}");
    }
}

#[test]
fn a_rule_that_blocks_all_of_whom_it_is_not_sure_wants_that_itself() {
    let eve = user(Groups::Known(vec![]));
    let policy = policy(
        "[[rule]]\nname = 'sure'\ndestinations = ['vault.test']\neffect = 'block'\nnot = { evidence = 'medium' }\n\
         [[rule]]\nname = 'fresh'\ndestinations = ['vault.test']\neffect = 'block'\nnot = { proven = '30m' }",
    );
    let weak = somebody(&eve, Surrogate::ClientAddress, 5);
    assert_eq!(asked(&policy, weak, NAVIGATION), Ok(("sure".to_owned(), Some(Strength::Medium), None)));
    let late = somebody(&eve, Surrogate::OriginCookie, 31);
    assert_eq!(asked(&policy, late, NAVIGATION), Ok(("fresh".to_owned(), None, Some(30))));
    let both = somebody(&eve, Surrogate::ClientAddress, 31);
    assert_eq!(asked(&policy, both, NAVIGATION), Ok(("sure".to_owned(), Some(Strength::Medium), Some(30))));
    assert_eq!(asked(&policy, somebody(&eve, Surrogate::OriginCookie, 30), NAVIGATION), Err("+default".to_owned()));
}

#[test]
fn nobody_is_led_to_a_proof_past_a_block_that_stands_before_or_from_where_nobody_signs_in() {
    let eve = user(Groups::Known(vec![]));
    let allow = "[[rule]]\nname = 'vault'\ndestinations = ['vault.test']\neffect = 'allow'\nevidence = 'medium'\n";
    let block = "[[rule]]\nname = 'no'\ndestinations = ['vault.test']\neffect = 'block'\n";
    let weak = somebody(&eve, Surrogate::ClientAddress, 5);
    assert_eq!(asked(&policy(&format!("{block}{allow}")), weak, NAVIGATION), Err("no".to_owned()));
    let after = policy(&format!("{allow}{block}"));
    assert_eq!(asked(&after, weak, NAVIGATION), Ok(("vault".to_owned(), Some(Strength::Medium), None)));
    assert_eq!(
        asked(&policy(&format!("blocked = ['vault.test']\n{allow}")), weak, NAVIGATION),
        Err("blocked-list".to_owned())
    );
    // Who is not known signs in first, where that can help, and nowhere else.
    assert_eq!(asked(&after, Subject::Nobody, NAVIGATION), Err("?".to_owned()));
    assert_eq!(asked(&after, Subject::Nobody, Access::Request(RequestKind::SubResource)), Err("no".to_owned()));
    assert_eq!(asked(&after, Subject::Untold, Access::Request(RequestKind::Preflight)), Err("no".to_owned()));
    let destination = destination("vault.test");
    for (sign_in, store) in [
        (SignIn::None, Store::Known),
        (SignIn::Optional, Store::Away(Offline::Allow)),
        (SignIn::None, Store::Away(Offline::Allow)),
    ] {
        let network = network(sign_in, Unidentified::Allow);
        let verdict = after.decide(&Question::plain(Subject::Nobody, &network, &destination, NAVIGATION, store));
        assert!(matches!(verdict, Verdict::Deny(Denial { why: Why::Rule, .. })), "{sign_in:?} {store:?}: {verdict:?}");
    }
}
