//! `vestibule explain`: what would be decided, and each step on the way there.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use serde_json::json;

use super::explain_record::OfRecord;
use super::explained::{Inquiry, as_json, as_text};
use super::policy::say_unread;
use super::{Failure, File, environment, explain_person, explain_record};
use crate::app::Draft;
use crate::clock::Clock;
use crate::config;
use crate::identity::{Risk, Surrogate};
use crate::policy::{AccessKind, Case, MethodName, Situation};

/// Who would ask for what.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// Who asks, as in rules: the name by their realm's identity claim, or realm/name [default: it is not known]
    #[arg(long)]
    user: Option<String>,
    /// A group of theirs, as in rules; may be repeated. Others they have none
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// The risk of their account [default: none; of a request of the log: unknown]
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(RISKS))]
    risk: Option<String>,
    /// What for: `http://…` is a request, `https://…` a CONNECT
    #[arg(long, required_unless_present_any = ["request_id", "person"])]
    url: Option<String>,
    /// From which address
    #[arg(long, required_unless_present_any = ["request_id", "person"])]
    from: Option<IpAddr>,
    /// A request of the access log, instead: by the identifier that its page, its record and Proxy-Status show
    #[arg(long, value_name = "ID", conflicts_with_all = ["user", "url", "from", "listener", "at", "kind", "method", "evidence", "proven", "authn_context"])]
    request_id: Option<String>,
    /// The access log in which it is, or in one of those put aside beside it [default: the one in the configuration]
    #[arg(long, value_name = "FILE", requires = "request_id")]
    log: Option<PathBuf>,
    /// Who somebody is, instead, by a logon name or an object ID: in each directory of the running program, with groups, risk,
    /// what was done to their account, and sessions
    #[arg(long, value_name = "NAME", conflicts_with_all = ["user", "groups", "risk", "url", "from", "request_id", "listener", "at", "kind", "method", "evidence", "proven", "passed", "authn_context"])]
    person: Option<String>,
    /// By which listener [default: the first one]
    #[arg(long)]
    listener: Option<String>,
    /// When: "2026-11-27T10:00" by the clock on the wall there, or with an offset [default: now]
    #[arg(long)]
    at: Option<String>,
    /// The kind of request: `tool` for https is a tool's CONNECT, each other kind a request inside [default: navigation for http,
    /// tunnel for https]
    #[arg(long, value_parser = PossibleValuesParser::new(KINDS))]
    kind: Option<String>,
    /// The method [default: the usual one of its kind]
    #[arg(long)]
    method: Option<String>,
    /// By what it is known who asks [default: origin-cookie; client-address for a CONNECT]
    #[arg(long, value_parser = PossibleValuesParser::new(Surrogate::ALL.map(Surrogate::as_str)))]
    evidence: Option<String>,
    /// How long ago they proved who they are, such as 90m [default: just now]
    #[arg(long)]
    proven: Option<crate::units::Duration>,
    /// They have read the warning, or overridden the block, of whichever rule is about it
    #[arg(long, requires = "user")]
    passed: bool,
    /// In which way they signed in, by its AuthnContextClassRef [default: as a rule wants it]
    #[arg(long, value_name = "CLASS")]
    authn_context: Option<String>,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: File,
}

const RISKS: [&str; 5] = ["none", "low", "medium", "high", "unknown"];

const KINDS: [&str; 7] = ["navigation", "form", "preflight", "probe", "sub-resource", "tool", "tunnel"];

/// Explains.
pub(super) fn explain(asked: &Explain) -> Result<(), Failure> {
    if let Some(name) = &asked.person {
        return explain_person::explain(&asked.file.config, name, asked.json);
    }
    let config = config::load(&asked.file.config, &environment).map_err(|problems| Failure::config(&problems))?;
    let clock = Clock::system();
    let draft = Draft::new(&config, &clock);
    if let Some(id) = &asked.request_id {
        let of_record =
            OfRecord { groups: &asked.groups, risk: asked.risk()?, log: asked.log.as_deref(), json: asked.json };
        return explain_record::explain(&config, &draft, id, of_record);
    }
    let known = |name: &String| config.listeners.iter().any(|listener| listener.name == *name);
    if let Some(unknown) = asked.listener.as_ref().filter(|name| !known(name)) {
        let names: Vec<&str> = config.listeners.iter().map(|listener| listener.name.as_str()).collect();
        let known = names.join("`, `");
        return Err(Failure::new(format!("there is no listener `{unknown}`; there are: `{known}`")));
    }
    let case = asked.case()?;
    let situation = Situation::of(&case, &draft.ground(), Some(clock.now())).map_err(Failure::new)?;
    let explanation = draft.policy.explain(&situation.question());
    let text = if asked.json {
        format!("{:#}\n", as_json(&asking_of(&situation), &explanation))
    } else {
        as_text(&asking_of(&situation), &explanation)
    };
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
    say_unread(&[&draft]);
    Ok(())
}

impl Explain {
    fn risk(&self) -> Result<Option<Risk>, Failure> {
        self.risk.as_deref().map(word::<Risk>).transpose()
    }

    fn case(&self) -> Result<Case, Failure> {
        let kind = self.kind.as_deref().map(word::<AccessKind>).transpose()?;
        let evidence = self.evidence.as_deref().map(word::<Surrogate>).transpose()?;
        let method = self.method.clone().map(MethodName::try_from).transpose().map_err(Failure::new)?;
        Ok(Case {
            name: String::new(),
            user: self.user.clone(),
            groups: self.groups.clone(),
            risk: self.risk()?,
            url: self.url.clone().unwrap_or_default(),
            from: self.from.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            listener: self.listener.clone(),
            at: self.at.clone(),
            kind,
            method,
            evidence,
            proven: self.proven.map(crate::units::Duration::signed).unwrap_or_default(),
            passed: self.passed,
            authn_context: self.authn_context.clone(),
            decision: None,
            rule: None,
            intercept: None,
            terms: Vec::new(),
        })
    }
}

/// A word of the configuration.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_value(json!(text)).map_err(Failure::new)
}

fn asking_of(situation: &Situation) -> Inquiry<'_> {
    Inquiry {
        user: situation.user.as_ref(),
        client: situation.client,
        network: &situation.network.name,
        listener: &situation.listener,
        destination: &situation.destination,
        access: situation.access,
        method: Some(&situation.method),
        target: Some(&situation.target),
        at: situation.at,
    }
}
