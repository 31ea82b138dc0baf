//! Asks Microsoft Graph who is at risk. There is no delta of it (v1.0), so everybody who is at risk is read each time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::Notify;
use url::Url;

use super::config::Config;
use super::user::{RiskState, RiskyUser};
use crate::clock::{Clock, SignedDuration, Timestamp, after};
use crate::directory::graph::asking::{Asking, Wanted};
use crate::directory::graph::{Condition, GraphTokens};
use crate::directory::{Directory, Fault, Tenant};
use crate::egress::client::Client;

/// People at risk, at most.
const MOST: usize = 200_000;

/// Pages of one reading, at most. One has up to 500 people.
const MOST_PAGES: usize = 2000;

/// People whose risk a rule has acted on, and who are asked about one by one, in one reading.
const MOST_WATCHED: usize = 200;

/// How soon a reading that failed is tried again; twice as long each time, until it is the usual time.
const FIRST_RETRY: SignedDuration = SignedDuration::from_secs(15);

const FIELDS: &str = "id,riskLevel,riskState,riskDetail,riskLastUpdatedDateTime";

const WANTED: Wanted = Wanted { phrase: "to show who is at risk", permission: "IdentityRiskyUser.Read.All" };

/// Keeps the risk of one tenant's accounts as Entra ID Protection has it.
#[derive(Debug)]
pub struct RiskSync {
    directory: Arc<Directory>,
    config: Config,
    base: String,
    clock: Clock,
    tokens: GraphTokens,
    state: Mutex<State>,
    wanted: Notify,
}

/// What an operator is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RiskReport {
    /// The state, in an administrator's words.
    pub status: &'static str,
    /// Why it is not `Granted`.
    pub reason: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// How many people are at risk.
    pub at_risk: usize,
    /// Whether the risk of everybody is known.
    pub known: bool,
    /// When it was read the last time.
    pub last_good: Option<Timestamp>,
    /// When it is read next.
    pub next: Timestamp,
}

#[derive(Debug, Default)]
struct State {
    /// The last reading's fault: in which state it leaves the directory, and what to say.
    fault: Option<(Condition, String, String, bool)>,
    failures: u32,
    tried: Option<Timestamp>,
}

impl RiskSync {
    /// Reads the risk of the accounts of `tenant`. `None` if it has no `[directory.risk]`.
    pub fn new(tenant: &Tenant, clock: Clock) -> Option<Self> {
        let (config, graph) = (tenant.config.risk.clone()?, tenant.config.graph.clone()?);
        let (directory, base) = (Arc::clone(&tenant.directory), graph.graph());
        let tokens = GraphTokens::new(graph, clock.clone());
        directory.risks().judge(clock.now(), config.stale_after.signed());
        Some(Self { directory, config, base, clock, tokens, state: Mutex::default(), wanted: Notify::new() })
    }

    /// The directory.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Waits until the next reading is due, or somebody wants one.
    pub async fn due(&self) {
        let now = self.clock.now();
        let pause = Duration::try_from(self.next(now).duration_since(now)).unwrap_or_default();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.wanted.notified() => {}
        }
    }

    /// Has what was read count for as long as it is fresh. Each node does so all the time, whichever one reads.
    pub fn judge(&self) {
        self.directory.risks().judge(self.clock.now(), self.config.stale_after.signed());
    }

    /// Has a reading begin soon: something was done to an account.
    pub fn begin(&self) {
        self.wanted.notify_one();
    }

    /// How it stands, in an administrator's words.
    pub fn report(&self) -> RiskReport {
        let now = self.clock.now();
        let (risks, state) = (self.directory.risks(), self.state());
        let stale = || {
            let read = risks.read().filter(|_| !risks.is_known())?;
            let help = "until it is read again, nobody's risk counts as known: see the events of the program for why";
            Some((Condition::Stale, Some(format!("it was last read at {read}")), Some(help.to_owned())))
        };
        let (condition, reason, help) = match &state.fault {
            Some((condition, reason, help, _)) => (*condition, Some(reason.clone()), Some(help.clone())),
            None if risks.read().is_none() => (Condition::NotYet, None, None),
            None => stale().unwrap_or((Condition::Granted, None, None)),
        };
        drop(state);
        RiskReport {
            status: condition.as_str(),
            reason,
            help,
            at_risk: risks.count(),
            known: risks.is_known(),
            last_good: risks.read(),
            next: self.next(now),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, now: Timestamp) -> Timestamp {
        let (state, usual) = (self.state(), self.config.every.signed());
        match (state.tried, &state.fault) {
            (None, _) => match self.directory.risks().read().filter(|_| !self.directory.leads()) {
                Some(read) => after(read, usual),
                None => now,
            },
            (Some(tried), Some((_, _, _, true))) => {
                let soon = FIRST_RETRY.saturating_mul(2_i32.saturating_pow(state.failures.saturating_sub(1).min(16)));
                after(tried, soon.min(usual))
            }
            (Some(tried), _) => after(tried, usual),
        }
    }

    /// Reads who is at risk, and what has become of the risk of `watched` people (by object ID). Whether that went well.
    pub async fn read(&self, client: Client, watched: &[String]) -> bool {
        let outcome = self.read_all(client, watched).await;
        let now = self.clock.now();
        self.judge();
        let mut state = self.state();
        state.tried = Some(now);
        match outcome {
            Ok(()) => {
                if state.fault.take().is_some() {
                    tracing::info!(directory = self.directory.name(), "the risk of accounts can be read again");
                }
                state.failures = 0;
                true
            }
            Err(fault) => {
                // One event for each kind of failure, however often it is tried.
                if state.fault.as_ref().is_none_or(|(condition, ..)| *condition != fault.condition()) {
                    tracing::warn!(
                        directory = self.directory.name(),
                        reason = %fault,
                        help = fault.help(),
                        "the risk of accounts could not be read: what was known counts for a while, and it is tried again"
                    );
                }
                state.fault = Some((fault.condition(), fault.to_string(), fault.help(), fault.may_pass()));
                state.failures += 1;
                false
            }
        }
    }

    async fn read_all(&self, client: Client, watched: &[String]) -> Result<(), Fault> {
        let base = Url::parse(&self.base).map_err(|error| Fault::Answer(error.to_string()))?;
        let asking = Asking::new(&base, client, &self.tokens, &self.clock)?;
        let mut found = BTreeMap::new();
        // Whoever goes from one state to the other meanwhile is in both lists, and not in neither.
        for state in RiskState::AT_RISK {
            self.list(&asking, state, &mut found).await?;
        }
        for id in watched.iter().filter(|id| !found.contains_key(*id)).take(MOST_WATCHED).cloned().collect::<Vec<_>>() {
            if let Some(user) = self.one(&asking, &base, &id).await? {
                found.insert(id, user);
            }
        }
        Ok(self.directory.put_risks(found.into_iter().collect(), self.clock.now()).await?)
    }

    async fn list(
        &self,
        asking: &Asking<'_>,
        state: RiskState,
        found: &mut BTreeMap<String, RiskyUser>,
    ) -> Result<(), Fault> {
        let query = format!("$filter=riskState%20eq%20%27{}%27&$select={FIELDS}&$top=500", state.as_graph());
        let mut next = Some(format!("{}/v1.0/identityProtection/riskyUsers?{query}", self.base));
        let mut pages = 0;
        while let Some(link) = next.take() {
            pages += 1;
            if pages > MOST_PAGES || found.len() > MOST {
                return Err(Fault::Answer(format!("more than {MOST} people are at risk, or its pages have no end")));
            }
            let page: Map<String, Value> = read(&asking.get(&link, WANTED).await?)?;
            let Some(Value::Array(values)) = page.get("value") else {
                return Err(Fault::Answer("a page of people at risk has no `value`".to_owned()));
            };
            for object in values.iter().filter_map(Value::as_object) {
                let (id, user) = RiskyUser::read(object, self.clock.now())
                    .ok_or_else(|| Fault::Answer("somebody at risk has no `id`".to_owned()))?;
                found.insert(id, user);
            }
            next =
                page.get("@odata.nextLink").and_then(Value::as_str).filter(|other| *other != link).map(str::to_owned);
        }
        Ok(())
    }

    /// What is said of one person; `None` if nothing is.
    async fn one(&self, asking: &Asking<'_>, base: &Url, id: &str) -> Result<Option<RiskyUser>, Fault> {
        let mut link = base.clone();
        if let Ok(mut path) = link.path_segments_mut() {
            path.clear().extend(["v1.0", "identityProtection", "riskyUsers", id]);
        }
        link.set_query(Some(&format!("$select={FIELDS}")));
        match asking.get(link.as_str(), WANTED).await {
            Ok(body) => {
                let object: Map<String, Value> = read(&body)?;
                Ok(RiskyUser::read(&object, self.clock.now())
                    .filter(|(own, _)| own.eq_ignore_ascii_case(id))
                    .map(|(_, user)| user))
            }
            Err(Fault::Absent) => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}

fn read(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    serde_json::from_slice(body).map_err(|error| match error.is_eof() {
        true => Fault::Unavailable("an answer broke off in the middle".to_owned()),
        false => Fault::Answer(format!("an answer is no JSON: {error}")),
    })
}

impl Tenant {
    /// Whether the risk of its accounts is read.
    pub fn reads_risk(&self) -> bool {
        self.config.risk.is_some() && self.config.graph.is_some()
    }
}
