//! The receivers of signals: built from the configuration, kept, and served by the portal.

use std::sync::{Arc, Weak};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::directory::Cabinet;
use super::memory::Memory;
use crate::config::Config;
use crate::egress::client::Client;
use crate::portal::{Delivered, Notified, Ring, TakeSignal};
use crate::signals::{self, Receiver, Surroundings, Untaken};

/// All receivers of a configuration.
#[derive(Debug, Default)]
pub(super) struct Receivers(Vec<Arc<Receiver>>);

impl Receivers {
    /// The receivers of a configuration. Those that are as they were `before` stay, with what they know.
    pub(super) fn new(config: &Config, memory: &Memory, before: Option<&Self>) -> Self {
        let own = Arc::downgrade(&memory.directories);
        let around = Surroundings {
            sessions: Arc::clone(&memory.sessions),
            store: Arc::clone(&memory.store),
            directories: Arc::new(move || own.upgrade().map(|cabinet| cabinet.in_force()).unwrap_or_default()),
            audit: Arc::clone(&memory.audit),
            clock: memory.clock.clone(),
            ring: ring_of(memory),
        };
        let known = |own: &signals::Config| {
            before.and_then(|before| before.0.iter().find(|known| known.config == *own).cloned())
        };
        let all = config.signals.iter();
        Self(
            all.map(|own| known(own).unwrap_or_else(|| Arc::new(Receiver::new(own.clone(), around.clone())))).collect(),
        )
    }

    /// What the portal calls; `None` if there is no receiver.
    pub(super) fn take(&self, client: Client) -> Option<TakeSignal> {
        let all = self.0.clone();
        (!all.is_empty()).then(|| -> TakeSignal {
            Arc::new(move |name, head, body| {
                let found = all.iter().find(|receiver| receiver.config.name == name).cloned();
                let client = client.clone();
                Box::pin(async move {
                    let Some(receiver) = found else { return Delivered::Nobody };
                    if !receiver.admits(&head) {
                        return Delivered::Stranger;
                    }
                    let Some(body) = body else { return Delivered::Taken };
                    let Ok(token) = std::str::from_utf8(&body) else {
                        return Delivered::Refused("invalid_request", "the body is no text".to_owned());
                    };
                    match receiver.take(token.trim(), Some(&client)).await {
                        Ok(()) => Delivered::Taken,
                        Err(Untaken::Later) => Delivered::Later,
                        Err(Untaken::Refused(refusal)) => Delivered::Refused(refusal.code(), refusal.to_string()),
                    }
                })
            })
        })
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Arc<Receiver>] {
        &self.0
    }

    /// Keeps all of them. `client` gives the way out; `None` ends it.
    pub(super) fn begin<C>(&self, client: &C, runtime: &Handle, tasks: &mut Vec<JoinHandle<()>>)
    where
        C: Fn() -> Option<Client> + Clone + Send + Sync + 'static,
    {
        for receiver in &self.0 {
            tasks.push(runtime.spawn(Arc::clone(receiver).keep(client.clone())));
        }
    }

    /// The one that is called so; the only one, if the name is empty.
    pub(super) fn one(&self, name: &str) -> Result<Arc<Receiver>, String> {
        let found = match (name, &*self.0) {
            ("", [only]) => Some(only),
            _ => self.0.iter().find(|receiver| receiver.config.name == name),
        };
        if self.0.is_empty() {
            return Err("no transmitter is heard: the configuration has no `[[signals]]`".to_owned());
        }
        let known: Vec<&str> = self.0.iter().map(|receiver| receiver.config.name.as_str()).collect();
        found
            .cloned()
            .ok_or_else(|| format!("there is no `[[signals]]` called `{name}`; there are: {}", known.join(", ")))
    }
}

/// Has directories asked what has changed.
pub(super) fn ring_of(memory: &Memory) -> Ring {
    let cabinet = Arc::downgrade(&memory.directories);
    Arc::new(move |name| ring(&cabinet, name))
}

/// Takes notifications of Microsoft Graph.
pub(super) fn notified_by(memory: &Memory) -> Notified {
    let cabinet = Arc::downgrade(&memory.directories);
    Arc::new(move |name, body| {
        let Some(cabinet) = cabinet.upgrade() else { return false };
        match body {
            Some(body) => cabinet.take_notification(name, body),
            None => cabinet.has_doorbell(name),
        }
    })
}

/// Has a directory asked what has changed, whichever node leads it.
fn ring(cabinet: &Weak<Cabinet>, name: &str) {
    if let (Some(cabinet), Ok(runtime)) = (cabinet.upgrade(), Handle::try_current()) {
        let name = name.to_owned();
        runtime.spawn(async move { cabinet.ring(&name).await });
    }
}
