//! The audit log: who signed in and out, whose session ended and why, and what operators changed. One JSON line each.

use std::io::Write;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use serde::Serialize;

use super::metrics::Metrics;
use super::rotate::{Rotated, Rotation};
use super::sink::{Sink, WhenFull};
use crate::clock::{Clock, Timestamp};

/// Where audit records go: nowhere, if no place is configured. Events about the same are written in any case.
#[derive(Debug, Default)]
pub struct Audit(ArcSwapOption<Open>);

#[derive(Debug)]
struct Open {
    lines: Sink,
    clock: Clock,
    node: Arc<str>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Somebody signed in.
    SignIn,
    /// An identity provider's answer was refused, or signed nobody in.
    SignInRefused,
    /// A session ended; `reason` says why.
    SessionEnded,
    /// An operator gave a command to the running program.
    Command,
    /// A sign-in was tested.
    SignInTested,
    /// Somebody has read the warning of a rule, and goes on.
    WarningRead,
    /// Somebody has overridden what a rule blocks.
    BlockOverridden,
    /// Somebody wanted to, and could not.
    OverrideRefused,
    /// Somebody has asked for a review of a refusal.
    ReviewAsked,
    /// An operator opened hosts that an identity provider's metadata name to people who have not signed in.
    HostsAccepted,
    /// An identity provider has changed a person or a group in a directory.
    Provisioned,
    /// An administrator of a tenant has answered whether an application may do what it asks for; `subject` is the directory.
    ConsentAnswered,
    /// A transmitter of signals has told of a person; `command` says what.
    SignalTaken,
    /// An operator, or a risk rule, had something done to an account in Entra ID; `command` says what, `reason` why.
    AccountActedOn,
    /// A scanner has found malware in what somebody wanted to fetch or send; `subject` is its name, `by` the scanner.
    MalwareFound,
}

/// One audit record. A field that is not known, or does not apply, is left out.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Entry<'a> {
    /// The person whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a str>,
    /// The realm that vouched for them, or should have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm: Option<&'a str>,
    /// The short form of the session's identifier, as in access records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<&'a str>,
    /// The client address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// The name of the client's network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<&'a str>,
    /// Who did it, if it was not the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<&'a str>,
    /// What was commanded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<&'a str>,
    /// What the command was about, as the operator named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    /// The rule of the policy, or the risk rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'a str>,
    /// The host that somebody wanted to reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<&'a str>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// The outcome, if it is not obvious.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'a str>,
    /// The identifier of the request in which it happened, as in events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
}

/// A line. It begins with `audit`, so that it can be told from others on the same output.
#[derive(Serialize)]
struct Line<'a> {
    audit: What,
    time: Timestamp,
    #[serde(flatten)]
    entry: Entry<'a>,
    node: &'a str,
}

impl Audit {
    /// Records to standard output.
    pub fn to_stdout(node: &str, clock: Clock) -> std::io::Result<Self> {
        Self::to_writer(std::io::stdout(), node, clock)
    }

    /// Appends records to a file.
    pub fn to_file(path: &Path, rotation: Rotation, node: &str, clock: Clock) -> std::io::Result<Self> {
        Self::to_writer(Rotated::open(path, rotation, clock.clone())?, node, clock)
    }

    /// Records to any writer, from a thread of its own. If it cannot keep up, the caller waits, so that no record is
    /// lost.
    pub fn to_writer(writer: impl Write + Send + 'static, node: &str, clock: Clock) -> std::io::Result<Self> {
        let open = Open { lines: Sink::new("audit-log", WhenFull::Wait, writer)?, clock, node: node.into() };
        Ok(Self(ArcSwapOption::from_pointee(open)))
    }

    /// From now on records where `other` would, or nowhere if `other` has no place.
    pub fn go_on_as(&self, other: &Self) {
        self.0.store(other.0.load_full());
    }

    /// Adds to `metrics` the count of records that could not be written.
    pub fn count_in(&self, metrics: &Metrics) {
        self.0.load().iter().for_each(|open| metrics.count_dropped(open.lines.dropped()));
    }

    /// Writes one audit record.
    pub fn record(&self, what: What, entry: Entry<'_>) {
        let open = self.0.load();
        let Some(open) = &*open else { return };
        let line = Line { audit: what, time: open.clock.now(), entry, node: &open.node };
        let Ok(mut line) = serde_json::to_vec(&line) else { return };
        line.push(b'\n');
        open.lines.push(&line);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_record_has_what_is_known_and_is_written_before_the_log_is_gone() {
        let page = Page::default();
        let audit = Audit::to_writer(page.clone(), "node-1", Clock::by_hand(Timestamp::UNIX_EPOCH)).unwrap();
        let client = Some("192.0.2.7".parse().unwrap());
        audit.record(What::SignIn, Entry { user: Some("B.Simon@contoso.com"), client, ..Entry::default() });
        audit.record(What::Command, Entry { by: Some("operator\n\"x\""), ..Entry::default() });
        drop(audit);
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        let wanted = concat!(
            r#"{"audit":"sign-in","time":"1970-01-01T00:00:00Z","user":"B.Simon@contoso.com","client":"192.0.2.7","node":"node-1"}"#,
            "\n",
            r#"{"audit":"command","time":"1970-01-01T00:00:00Z","by":"operator\n\"x\"","node":"node-1"}"#,
            "\n"
        );
        assert_eq!(text, wanted);
        Audit::default().record(What::SignIn, Entry::default());
    }
}
