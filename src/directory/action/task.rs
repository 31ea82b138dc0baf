//! One action on one account, and what has become of it.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Order;
use crate::clock::{SignedDuration, Timestamp, after};
use crate::directory::Fault;
use crate::egress::service::Answer;
use crate::seal::random_text;

/// Longer than any task takes: Graph is asked four times, with ten seconds in between, and each time may take some minutes.
const LONGEST: SignedDuration = SignedDuration::from_mins(15);

/// What this process is called in its tasks. One that has restarted is another one.
static PROCESS: LazyLock<String> = LazyLock::new(|| random_text().chars().take(8).collect());

/// What can be done to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Nobody can sign in with it any more.
    Disable,
    /// Its person can sign in again.
    Enable,
    /// Its person must choose another password at the next sign-in.
    ResetPassword,
    /// Its person must sign in again everywhere.
    SignOut,
    /// Its person must sign in again here; Entra ID is not asked.
    SignOutHere,
    /// Entra ID Protection takes it that somebody else uses it: its risk is high.
    ConfirmCompromised,
    /// Entra ID Protection takes it that all is well: it has no risk.
    Dismiss,
}

impl Action {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::ResetPassword => "reset-password",
            Self::SignOut => "sign-out",
            Self::SignOutHere => "sign-out-here",
            Self::ConfirmCompromised => "confirm-compromised",
            Self::Dismiss => "dismiss",
        }
    }

    /// The least application permission that Microsoft documents for it.
    pub fn permission(self) -> &'static str {
        match self {
            Self::Disable | Self::Enable => "User.EnableDisableAccount.All",
            Self::ResetPassword => "User-PasswordProfile.ReadWrite.All",
            Self::SignOut | Self::SignOutHere => "User.RevokeSessions.All",
            Self::ConfirmCompromised | Self::Dismiss => "IdentityRiskyUser.ReadWrite.All",
        }
    }

    /// What takes it back, if anything does.
    pub fn opposite(self) -> Option<Self> {
        (self == Self::Disable).then_some(Self::Enable)
    }

    /// Whether the person's sessions here end with it.
    pub fn ends_sessions(self) -> bool {
        !matches!(self, Self::Enable | Self::Dismiss)
    }
}

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was begun, and not answered yet.
    InProgress,
    /// It was carried out.
    Successful,
    /// It was not.
    Unsuccessful,
    /// It would have been: a rule only says what it would do.
    DryRun,
}

/// A task, as it is kept and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its name.
    pub id: String,
    /// The process that carries it out; empty if an older version did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub process: String,
    /// What is done.
    pub action: Action,
    /// To whom, by object ID.
    pub person: String,
    /// What they were called then.
    pub name: String,
    /// Who wanted it.
    pub by: String,
    /// The risk rule that wanted it, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why.
    pub why: String,
    /// When it was begun.
    pub begun: Timestamp,
    /// When it was answered.
    pub ended: Option<Timestamp>,
    /// How far it has come.
    pub state: State,
    /// Why it was not carried out, and what to do about it.
    pub reason: Option<String>,
    /// Graph's name for the request, for Microsoft's support.
    pub request: Option<String>,
}

impl Task {
    pub(super) fn begin(order: &Order, now: Timestamp) -> Self {
        let person = &order.person;
        Self {
            id: random_text().chars().take(8).collect(),
            process: PROCESS.clone(),
            action: order.action,
            person: person.object_id.to_string(),
            name: person.user_principal_name.as_deref().unwrap_or(&person.object_id).to_owned(),
            by: order.by.clone(),
            rule: order.rule.clone(),
            why: order.why.clone(),
            begun: now,
            ended: None,
            state: State::InProgress,
            reason: None,
            request: None,
        }
    }

    /// It ends without anybody having been asked.
    pub(super) fn end_here(&mut self, state: State, now: Timestamp) {
        (self.state, self.ended) = (state, Some(now));
    }

    pub(super) fn end(&mut self, outcome: Result<Answer, Fault>, now: Timestamp) {
        self.ended = Some(now);
        match outcome {
            Ok(answer) => {
                self.state = State::Successful;
                self.request = answer.field("request-id").map(|id| id.chars().take(60).collect());
            }
            Err(fault) => {
                self.state = State::Unsuccessful;
                self.reason = Some(format!("{fault}; {}", fault.help()));
            }
        }
    }

    /// Nobody knows what became of a task during which its program ended: one of another process, if no other node keeps the
    /// directory (`is_alone`), or one that was begun longer ago than any takes.
    pub(super) fn give_up(&mut self, is_alone: bool, now: Timestamp) {
        let is_own = self.process == *PROCESS;
        let is_over = !is_own && (is_alone || after(self.begun, LONGEST) < now);
        if self.state == State::InProgress && is_over {
            self.state = State::Unsuccessful;
            self.reason = Some("the program ended before it was answered; give the command once more".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_nobody_will_answer_any_more_is_given_up() {
        let begun = Timestamp::from_second(1_700_000_000).unwrap();
        let later = |minutes| begun + SignedDuration::from_mins(minutes);
        let task = |process: &str, state| Task {
            id: "1".to_owned(),
            process: process.to_owned(),
            action: Action::Disable,
            person: "p".to_owned(),
            name: "n".to_owned(),
            by: "b".to_owned(),
            rule: None,
            why: "w".to_owned(),
            begun,
            ended: None,
            state,
            reason: None,
            request: None,
        };
        for (process, state, is_alone, minutes, wanted) in [
            // Its own process goes on with it, however long it takes.
            (PROCESS.as_str(), State::InProgress, true, 60, State::InProgress),
            (PROCESS.as_str(), State::InProgress, false, 60, State::InProgress),
            // The process before, of the only node.
            ("other", State::InProgress, true, 0, State::Unsuccessful),
            ("", State::InProgress, true, 0, State::Unsuccessful),
            // Another node may go on with it, for as long as one may take.
            ("other", State::InProgress, false, 15, State::InProgress),
            ("other", State::InProgress, false, 16, State::Unsuccessful),
            ("other", State::Successful, false, 16, State::Successful),
        ] {
            let mut task = task(process, state);
            task.give_up(is_alone, later(minutes));
            assert_eq!(
                (task.state, task.reason.is_some()),
                (wanted, wanted != state),
                "{process} {is_alone} {minutes}"
            );
        }
    }
}
