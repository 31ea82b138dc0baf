//! Rules act once on whoever meets them, take back what they have done, and give way to operators.

use super::*;
use crate::directory::{Feed, GroupRow, Owners, PersonRow};

const NOW: &str = "2026-11-30T10:00:00Z";

struct Place {
    directory: Arc<Directory>,
    episodes: Episodes,
    _folder: tempfile::TempDir,
}

fn at(minutes: i64) -> Timestamp {
    after(NOW.parse().unwrap(), SignedDuration::from_mins(minutes))
}

fn rule(more: &str) -> RiskRule {
    toml::from_str(&format!("name = 'it'\nrisk = ['high']\n{more}")).unwrap()
}

fn risky(level: Risk, state: RiskState, minutes: i64) -> RiskyUser {
    let detail = "aiConfirmed".to_owned();
    RiskyUser { level, state, detail, updated: Some(at(minutes)), since: at(minutes) }
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::open("a", &folder.path().join("a.redb"), Owners::default()).unwrap();
        let directory = Arc::new(directory);
        let place = Self { episodes: Episodes::of(&directory), directory, _folder: folder };
        for id in ["eve", "bob"] {
            place.put(id, true).await;
        }
        place
    }

    async fn put(&self, id: &'static str, enabled: bool) {
        let row = PersonRow {
            id: id.into(),
            object_id: Some(id.into()),
            user_principal_name: Some(format!("{id}@contoso.com")),
            enabled: Some(enabled),
            ..PersonRow::default()
        };
        self.directory.write(move |edit| edit.put_person(Feed::Graph, &row)).await.unwrap();
    }

    async fn risk(&self, all: &[(&str, Risk, RiskState, i64)], now: i64) {
        let fresh = all.iter().map(|(id, level, state, at)| ((*id).to_owned(), risky(*level, *state, *at))).collect();
        self.directory.put_risks(fresh, at(now)).await.unwrap();
    }

    fn look(&self, rules: &[RiskRule], tasks: &[Task], now: i64) -> Vec<RiskStep> {
        self.episodes.look(rules, tasks, |person| &*person.object_id == "bob", at(now))
    }

    fn stage(&self) -> Option<Stage> {
        self.episodes.all().first().map(|episode| episode.stage)
    }
}

fn manual(action: Action, begun: i64) -> Task {
    let value = serde_json::json!({
        "id": "1", "action": action, "person": "EVE", "name": "eve", "by": "operator", "why": "x", "begun": at(begun),
        "ended": null, "state": "successful", "reason": null, "request": null,
    });
    serde_json::from_value(value).unwrap()
}

fn said(steps: &[RiskStep]) -> Vec<(String, Action, bool)> {
    steps.iter().map(|step| (step.person.object_id.to_string(), step.action, step.lifts)).collect()
}

#[tokio::test]
async fn a_rule_acts_once_and_lifts_when_the_risk_is_settled_or_gone_for_long_enough() {
    use RiskState::{AtRisk, Dismissed};
    for settled in [true, false] {
        let place = Place::new().await;
        let rules = [rule("action = 'disable'\nrevoke = { gone_for = '2h' }")];
        place.risk(&[("eve", Risk::High, AtRisk, 0), ("bob", Risk::High, AtRisk, 0)], 1).await;
        let steps = place.look(&rules, &[], 1);
        assert_eq!(said(&steps), [("eve".to_owned(), Action::Disable, false)], "bob is protected");
        // It did not work: it is tried again, and not at once.
        place.episodes.put_off(&steps[0], true, at(1));
        assert!(place.look(&rules, &[], 2).is_empty());
        let steps = place.look(&rules, &[], 7);
        assert_eq!(steps.len(), 1);
        place.episodes.taken(&steps[0], Stage::Done, at(7));
        place.put("eve", false).await;
        assert!(place.look(&rules, &[], 8).is_empty(), "it has acted");
        assert_eq!(place.episodes.watched(), ["eve"]);
        if settled {
            place.risk(&[("eve", Risk::High, Dismissed, 10)], 10).await;
        } else {
            place.risk(&[("eve", Risk::Medium, AtRisk, 10)], 10).await;
            assert!(place.look(&rules, &[], 10).is_empty());
            assert!(place.look(&rules, &[], 129).is_empty());
        }
        let steps = place.look(&rules, &[], 130);
        assert_eq!(said(&steps), [("eve".to_owned(), Action::Enable, true)]);
        place.episodes.taken(&steps[0], Stage::Done, at(130));
        assert!(place.episodes.all().is_empty());
        // It is all remembered.
        place.episodes.keep().await.unwrap();
        assert_eq!(Episodes::of(&place.directory).all(), place.episodes.all());
    }
}

#[tokio::test]
async fn what_was_tried_is_done_once_it_is_meant_and_no_rule_takes_back_what_another_one_wants() {
    let place = Place::new().await;
    place.risk(&[("eve", Risk::High, RiskState::AtRisk, 0)], 1).await;
    let tried = [rule("action = 'disable'\ndry_run = true")];
    let steps = place.look(&tried, &[], 1);
    place.episodes.taken(&steps[0], Stage::DryRun, at(1));
    assert!(place.look(&tried, &[], 2).is_empty());
    let meant = [rule("action = 'disable'\nwithin = '1h'\nrevoke = { gone_for = '1m' }")];
    let steps = place.look(&meant, &[], 3);
    assert_eq!(said(&steps), [("eve".to_owned(), Action::Disable, false)]);
    place.episodes.taken(&steps[0], Stage::Done, at(3));
    place.put("eve", false).await;
    // The window of one is over, and the other one is still about her.
    let other = RiskRule { name: "other".into(), ..rule("action = 'disable'") };
    let both = [meant[0].clone(), other];
    assert!(place.look(&both, &[], 70).is_empty() && place.look(&both, &[], 80).is_empty());
    place.risk(&[("eve", Risk::Low, RiskState::AtRisk, 90)], 90).await;
    assert_eq!(said(&place.look(&both, &[], 90)), [("eve".to_owned(), Action::Enable, true)]);
    // What a rule of that name has done is not taken back by what the rule is now.
    let place = Place::new().await;
    place.risk(&[("eve", Risk::High, RiskState::AtRisk, 0)], 1).await;
    let before = [rule("action = 'sign-out-here'")];
    place.episodes.taken(&place.look(&before, &[], 1)[0], Stage::Done, at(1));
    place.put("eve", false).await;
    place.risk(&[("eve", Risk::High, RiskState::Dismissed, 2)], 2).await;
    assert!(place.look(&[rule("action = 'disable'\nrevoke = {}")], &[], 2).is_empty());
}

#[tokio::test]
async fn an_operator_wins_over_a_rule() {
    let place = Place::new().await;
    let rules = [rule("action = 'disable'\nrevoke = {}")];
    place.risk(&[("eve", Risk::High, RiskState::AtRisk, 0)], 1).await;
    // Before it acts.
    assert!(place.look(&rules, &[manual(Action::Enable, 1)], 2).is_empty());
    assert_eq!(place.stage(), Some(Stage::Overruled));
    // Nothing is said of her any more, which may be a fault of one answer.
    place.risk(&[], 3).await;
    assert!(place.look(&rules, &[], 3).is_empty());
    assert_eq!(place.stage(), Some(Stage::Overruled));
    assert!(place.look(&rules, &[], 63).is_empty() && place.episodes.all().is_empty());
    // One from before the risk does not count, nor does one about the risk itself.
    place.risk(&[("eve", Risk::High, RiskState::AtRisk, 110)], 111).await;
    let tasks = [manual(Action::Enable, 1), manual(Action::Dismiss, 112), manual(Action::SignOut, 112)];
    let steps = place.look(&rules, &tasks, 113);
    assert_eq!(steps.len(), 1);
    place.episodes.taken(&steps[0], Stage::Done, at(113));
    place.put("eve", false).await;
    // After it has acted: what an operator has disabled is not given back.
    assert!(place.look(&rules, &[manual(Action::Disable, 114)], 115).is_empty());
    assert_eq!(place.stage(), Some(Stage::Overruled));
    place.risk(&[("eve", Risk::None, RiskState::Dismissed, 116)], 116).await;
    assert!(place.look(&rules, &[], 117).is_empty() && place.episodes.all().is_empty());
    // What was disabled already is nobody's doing here.
    place.risk(&[("eve", Risk::High, RiskState::AtRisk, 120)], 120).await;
    assert!(place.look(&rules, &[], 121).is_empty() && place.episodes.all().is_empty());
}

#[tokio::test]
async fn what_is_not_known_is_not_gone_and_one_answer_that_leaves_somebody_out_repeats_nothing() {
    use RiskState::AtRisk;
    // A level that is hidden, or a state that is new, is no reason to give an account back.
    for (level, state) in [(Risk::Unknown, AtRisk), (Risk::High, RiskState::Unknown)] {
        let place = Place::new().await;
        let rules = [rule("action = 'disable'\nrevoke = { gone_for = '1h' }")];
        place.risk(&[("eve", Risk::High, AtRisk, 0)], 0).await;
        place.episodes.taken(&place.look(&rules, &[], 0)[0], Stage::Done, at(0));
        place.put("eve", false).await;
        place.risk(&[("eve", level, state, 10)], 10).await;
        assert!(
            place.look(&rules, &[], 10).is_empty() && place.look(&rules, &[], 500).is_empty(),
            "{level:?} {state:?}"
        );
        assert_eq!(place.stage(), Some(Stage::Done));
        // A lower one is.
        place.risk(&[("eve", Risk::Low, AtRisk, 510)], 510).await;
        assert!(place.look(&rules, &[], 510).is_empty());
        assert_eq!(said(&place.look(&rules, &[], 570)), [("eve".to_owned(), Action::Enable, true)]);
    }
    // One answer without her does not have her password reset once more.
    let place = Place::new().await;
    let rules = [rule("action = 'reset-password'")];
    place.risk(&[("eve", Risk::High, AtRisk, 0)], 0).await;
    place.episodes.taken(&place.look(&rules, &[], 0)[0], Stage::Done, at(0));
    place.risk(&[], 5).await;
    assert!(place.look(&rules, &[], 5).is_empty());
    place.risk(&[("eve", Risk::High, AtRisk, 10)], 10).await;
    assert!(place.look(&rules, &[], 10).is_empty(), "she was never gone");
    // After an hour without her she is.
    place.risk(&[], 15).await;
    assert!(place.look(&rules, &[], 15).is_empty() && place.look(&rules, &[], 75).is_empty());
    place.risk(&[("eve", Risk::High, AtRisk, 80)], 80).await;
    assert_eq!(place.look(&rules, &[], 80).len(), 1);
}

#[tokio::test]
async fn what_was_disabled_is_given_back_although_the_directory_has_not_shown_it_yet() {
    let place = Place::new().await;
    let rules = [rule("action = 'disable'\nrevoke = { gone_for = '1h' }")];
    place.risk(&[("eve", Risk::High, RiskState::AtRisk, 0)], 0).await;
    place.episodes.taken(&place.look(&rules, &[], 0)[0], Stage::Done, at(0));
    // No round has shown yet that the account is disabled.
    place.risk(&[("eve", Risk::High, RiskState::Dismissed, 5)], 5).await;
    let steps = place.look(&rules, &[], 5);
    assert_eq!(said(&steps), [("eve".to_owned(), Action::Enable, true)]);
    // Once it was shown, whoever is enabled again has been given the account back by somebody else.
    place.put("eve", false).await;
    place.episodes.put_off(&steps[0], true, at(5));
    assert!(place.look(&rules, &[], 6).is_empty());
    place.put("eve", true).await;
    assert!(place.look(&rules, &[], 60).is_empty() && place.episodes.all().is_empty());
}

#[tokio::test]
async fn what_fails_again_and_again_comes_after_what_was_not_tried() {
    let place = Place::new().await;
    place.put("amy", true).await;
    let rules = [RiskRule { risk: Risk::LEVELS.into_iter().collect(), ..rule("action = 'sign-out'") }];
    place.risk(&[("eve", Risk::High, RiskState::AtRisk, 0)], 0).await;
    place.episodes.put_off(&place.look(&rules, &[], 0)[0], true, at(0));
    place.risk(&[("eve", Risk::High, RiskState::AtRisk, 0), ("amy", Risk::Low, RiskState::AtRisk, 5)], 5).await;
    let order: Vec<String> = said(&place.look(&rules, &[], 5)).into_iter().map(|(id, ..)| id).collect();
    assert_eq!(order, ["amy", "eve"]);
}

#[tokio::test]
async fn all_conditions_of_a_rule_must_hold() {
    let place = Place::new().await;
    let group = GroupRow { id: "g".into(), object_id: Some("g".into()), ..GroupRow::default() };
    let write = place.directory.write(move |edit| {
        let group = edit.put_group(Feed::Graph, &group)?;
        let eve = edit.object("eve")?;
        edit.add_members(Feed::Graph, group, &[eve]).map(drop)
    });
    write.await.unwrap();
    place.risk(&[("eve", Risk::High, RiskState::AtRisk, -60)], 0).await;
    for (more, acts) in [
        ("", true),
        ("within = '1h'", true),
        ("within = '59m'", false),
        ("lasting = '1h'", true),
        ("lasting = '61m'", false),
        ("states = ['confirmed-compromised']", false),
        ("details = ['aiConfirmed']", true),
        ("details = ['hidden']", false),
        ("users = ['EVE@contoso.com']", true),
        ("users = ['bob']", false),
        ("groups = ['G']", true),
        ("groups = ['other']", false),
        ("not = { groups = ['g'] }", false),
        ("not = { users = ['eve'] }", false),
        ("users = ['eve']\nnot = { users = ['bob'] }", true),
    ] {
        let rules = [rule(&format!("action = 'sign-out'\n{more}"))];
        assert_eq!(place.look(&rules, &[], 0).len(), usize::from(acts), "{more}");
        place.episodes.episodes().clear();
    }
    let low = [RiskRule { risk: [Risk::Low, Risk::Medium].into_iter().collect(), ..rule("action = 'sign-out'") }];
    assert!(place.look(&low, &[], 0).is_empty());
    // Nobody acts on a level that is hidden.
    place.risk(&[("eve", Risk::Unknown, RiskState::AtRisk, -60)], 0).await;
    let any = [RiskRule { risk: Risk::LEVELS.into_iter().collect(), ..rule("action = 'sign-out'") }];
    assert!(place.look(&any, &[], 0).is_empty());
}

#[tokio::test]
async fn what_was_read_counts_for_as_long_as_it_is_fresh() {
    let place = Place::new().await;
    let risks = place.directory.risks();
    assert_eq!(risks.of("eve"), Risk::Unknown);
    let mut changes = risks.changes();
    place.risk(&[("EVE", Risk::High, RiskState::AtRisk, 0), ("low", Risk::Low, RiskState::AtRisk, 0)], 0).await;
    let all = |risks: &crate::directory::risk::RiskTable| ["eve", "Low", "bob"].map(|id| risks.of(id));
    assert_eq!(all(risks), [Risk::High, Risk::Low, Risk::None]);
    assert_eq!(*changes.recv().await.unwrap(), crate::directory::risk::RiskChange::All);
    let day = SignedDuration::from_hours(24);
    risks.judge(at(24 * 60), day);
    assert_eq!(all(risks), [Risk::High, Risk::Low, Risk::None]);
    risks.judge(at(24 * 60 + 1), day);
    assert_eq!(all(risks), [Risk::High, Risk::Unknown, Risk::Unknown], "it can be no higher than high");
    // After a restart it counts when somebody has said how old it may be.
    let again = crate::directory::risk::RiskTable::load(&place.directory.read().unwrap()).unwrap();
    assert_eq!(all(&again), [Risk::High, Risk::Unknown, Risk::Unknown]);
    again.judge(at(1), day);
    assert_eq!(all(&again), [Risk::High, Risk::Low, Risk::None]);
    // A change of some is told as such.
    place.risk(&[("low", Risk::Low, RiskState::AtRisk, 5)], 24 * 60).await;
    drop(changes.recv().await);
    drop(changes.recv().await);
    place.risk(&[], 24 * 60).await;
    assert_eq!(*changes.recv().await.unwrap(), crate::directory::risk::RiskChange::People(vec!["low".into()]));
}
