//! Tasks that run in the background for as long as the program does, under any configuration.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::authority;
use super::live::Live;
use super::metadata::Source;
use super::validity::Notice;
use crate::directory::graph::config::Credential;
use crate::proxy::Proxy;
use crate::session;

/// How often a portion of the sessions is looked after.
const UPKEEP: Duration = Duration::from_secs(1);

/// How often what has expired is removed.
const SWEEP: Duration = Duration::from_secs(15);

/// How often it is checked how long metadata are valid.
const LOOK: Duration = Duration::from_hours(6);

/// How long after a failure fetching is tried again: the first time this, and twice as long each further time, up to
/// [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(10);
const LONGEST_RETRY: Duration = Duration::from_mins(15);

/// How often it is looked whether the hours of a rule have begun or ended.
const HOURS: Duration = Duration::from_secs(1);

/// Starts the tasks. `hours` are those that were on before anything was open.
pub(super) fn begin(live: &Arc<Live>, hours: Hours) -> Vec<JoinHandle<()>> {
    let memory = &live.memory;
    let (store, sessions) = (Arc::clone(&memory.store), Arc::clone(&memory.sessions));
    let bindings = Arc::clone(&memory.bindings);
    vec![
        tokio::spawn(session::follow(store, sessions, bindings)),
        tokio::spawn(look_after(Arc::clone(live))),
        tokio::spawn(sweep(Arc::clone(live))),
        tokio::spawn(follow_hours(Arc::clone(live), hours)),
        tokio::spawn(watch_validity(Arc::downgrade(live))),
    ]
}

async fn look_after(live: Arc<Live>) {
    let mut ticks = interval(UPKEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        live.memory.log.settle();
        live.memory.proxy.ring(live.memory.clock.now());
        live.edges().scanners.tend();
        live.memory.sessions.upkeep().await;
    }
}

/// A policy, and which of its hours are on.
pub(super) type Hours = (Arc<Proxy>, Vec<bool>);

/// The policy in force, and which of its hours are on now.
pub(super) fn hours(live: &Live) -> Hours {
    let proxy = Arc::clone(&live.edges().proxy);
    let hours = proxy.hours();
    (proxy, hours)
}

/// Has whatever is open asked anew when the hours of a rule begin or end. `before`: what they were before anything was open;
/// else an end before the first look would be missed.
async fn follow_hours(live: Arc<Live>, mut before: Hours) {
    let mut ticks = interval(HOURS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (proxy, hours) = hours(&live);
        // What another configuration has asked about anew may have been asked just before they changed.
        let have_changed = before.1 != hours || !Arc::ptr_eq(&before.0, &proxy);
        if have_changed && !hours.is_empty() {
            tracing::info!(
                "the hours of a rule may have begun or ended: the policy decides anew about each open tunnel"
            );
            if !live.renew() {
                // Once more at the next look, or what is open would go on past its hours.
                before = (proxy, Vec::new());
                continue;
            }
        }
        before = (Arc::clone(&live.edges().proxy), hours);
    }
}

async fn sweep(live: Arc<Live>) {
    let mut ticks = interval(SWEEP);
    let memory = &live.memory;
    loop {
        ticks.tick().await;
        memory.sessions.upkeep_clients().await;
        memory.sessions.sweep();
        memory.bindings.upkeep().await;
        memory.store.sweep();
        memory.keys.turn(memory.clock.now());
        memory.proxy.sweep();
        // Before the listeners, whose certificates it issues.
        if memory.authority.refresh() {
            live.with_config(|config| authority::tell_soon(&memory.authority, config, memory.clock.now()));
        }
        live.edges().secure.iter().flatten().for_each(|secure| secure.refresh());
    }
}

/// Says of each realm, when the time comes, that its metadata will be over, and of each credential, for as long as the
/// program is there.
async fn watch_validity(program: Weak<Live>) {
    let Some(live) = program.upgrade() else { return };
    let mut before = live.memory.clock.now();
    live.with_config(|config| authority::tell_soon(&live.memory.authority, config, before));
    drop(live);
    loop {
        sleep(LOOK).await;
        let Some(live) = program.upgrade() else { return };
        let now = live.memory.clock.now();
        for realm in &live.edges().realms {
            let trust = &realm.identity_provider;
            let until = trust.last().and_then(|idp| idp.valid_until());
            let said = until.and_then(|until| Some((until, Notice::since(before, until, now)?)));
            // What is fetched may be valid for a week alone, and is another one each day.
            if let Some((until, notice)) = said.filter(|(_, notice)| *notice == Notice::Over || !trust.is_renewed()) {
                notice.tell(&realm.realm.name, until);
            }
        }
        live.with_config(|config| authority::tell_since(&live.memory.authority, config, before, now));
        for tenant in live.edges().directories.all() {
            for until in tenant.config.credentials().filter_map(Credential::until) {
                if let Some(notice) = Notice::since(before, until, now) {
                    notice.tell_of_credential(&tenant.config.name, until);
                }
            }
        }
        before = now;
    }
}

impl Live {
    /// Fetches the metadata at once, then on schedule, and when `Trust` asks for them, for as long as the program
    /// runs.
    pub(super) async fn keep_known(program: Weak<Self>, source: Source) {
        let usual = Duration::try_from(source.realm().metadata_refresh).unwrap_or(Duration::from_secs(86_400));
        let mut retry = FIRST_RETRY;
        loop {
            let Some(live) = program.upgrade() else { return };
            let (client, clock) = (live.edges().client(), live.memory.clock.clone());
            drop(live);
            let pause = match source.fetch(&client, &clock).await {
                Ok(idp) => {
                    let is_new = source.take(idp, &clock);
                    // They may name other hosts, which edges and PAC files contain.
                    if is_new && let Some(live) = program.upgrade() {
                        live.renew();
                    }
                    retry = FIRST_RETRY;
                    usual
                }
                Err(error) => {
                    let known = source.trust().current().is_some();
                    tracing::warn!(
                        realm = source.realm().name,
                        url = %source.url(),
                        reason = %error,
                        known,
                        "the identity provider's metadata could not be fetched or used: what was known of it stays in force, and fetching is tried again"
                    );
                    source.trust().failed(error.to_string());
                    let pause = retry.min(usual);
                    retry = retry.saturating_mul(2).min(LONGEST_RETRY);
                    pause
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = source.trust().wanted() => {}
            }
        }
    }
}
