//! The hosts that sign-in itself needs: they are reached by people whom nobody knows yet.
//!
//! Those that the operator wrote down are open, and those of an identity provider's first metadata. What later metadata
//! name waits for the operator's word: whoever can change a document must not open the proxy to everybody.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::accepted::Accepted;
use crate::policy::{Garden, Pattern};
use crate::portal::RealmParts;
use crate::saml::IdentityProvider;

/// Hosts that Entra's sign-in pages load from, besides the one that people are sent to.
const ENTRA_HOST: &str = "login.microsoftonline.com";
const ENTRA_ASSETS: [&str; 5] =
    ["aadcdn.msauth.net", "aadcdn.msftauth.net", "login.live.com", "login.microsoft.com", "login.windows.net"];

/// The hosts, by realm, and the garden that opens them.
pub(super) struct SignInHosts {
    realms: Vec<RealmHosts>,
    garden: Arc<Garden>,
    told: OnceLock<Box<Told>>,
}

type Told = dyn Fn(Vec<String>) + Send + Sync;

/// The hosts of one realm.
pub(super) struct RealmHosts {
    pub(super) parts: RealmParts,
    /// Those that the operator wrote down.
    pub(super) configured: BTreeSet<String>,
    /// Those that metadata named; none where these are the operator's own file.
    pub(super) accepted: Option<Accepted>,
    /// Those that wait, as far as it was said.
    pub(super) said: Mutex<BTreeSet<String>>,
}

/// The hosts that browsers are sent to by an identity provider's own account.
pub(super) fn hosts_of(idp: &IdentityProvider) -> BTreeSet<String> {
    idp.urls().filter_map(|url| url.host_str().map(str::to_owned)).collect()
}

impl RealmHosts {
    /// Those that the identity provider names at the moment.
    fn named(&self) -> BTreeSet<String> {
        self.parts.identity_provider.current().map(|idp| hosts_of(&idp)).unwrap_or_default()
    }

    /// Those that are open.
    pub(super) fn open(&self) -> BTreeSet<String> {
        let named = self.named().into_iter().filter(|host| self.accepted.as_ref().is_none_or(|own| own.holds(host)));
        self.configured.iter().cloned().chain(named).collect()
    }

    /// Those that wait for the operator.
    pub(super) fn waiting(&self) -> BTreeSet<String> {
        let open = self.open();
        self.named().into_iter().filter(|host| !open.contains(host)).collect()
    }

    /// Takes the first metadata's, and says once which ones wait.
    fn look(&self) {
        let named = self.named();
        if let Some(accepted) = self.accepted.as_ref().filter(|_| !named.is_empty()) {
            accepted.begin(&named);
        }
        let waiting = self.waiting();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting != *said && !waiting.is_empty() {
            let (realm, hosts) = (&self.parts.realm.name, list(&waiting));
            tracing::warn!(
                realm,
                hosts,
                "the identity provider's metadata name hosts that nobody can reach before signing in: see `vestibule realms`"
            );
        }
        *said = waiting;
    }
}

/// Hosts in a line.
pub(super) fn list(hosts: &BTreeSet<String>) -> String {
    hosts.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

impl SignInHosts {
    /// The hosts of these realms.
    pub(super) fn new(realms: Vec<RealmHosts>) -> Self {
        let hosts = Self { realms, garden: Arc::default(), told: OnceLock::new() };
        hosts.refresh();
        hosts
    }

    /// The garden, for the policy.
    pub(super) fn garden(&self) -> Arc<Garden> {
        Arc::clone(&self.garden)
    }

    /// The realms.
    pub(super) fn realms(&self) -> &[RealmHosts] {
        &self.realms
    }

    /// The names of the hosts that are open.
    pub(super) fn names(&self) -> Vec<String> {
        let mut hosts: BTreeSet<String> = self.realms.iter().flat_map(RealmHosts::open).collect();
        if hosts.contains(ENTRA_HOST) {
            hosts.extend(ENTRA_ASSETS.map(str::to_owned));
        }
        hosts.into_iter().collect()
    }

    /// Tells `told` the names whenever they may have changed.
    pub(super) fn tell(&self, told: impl Fn(Vec<String>) + Send + Sync + 'static) {
        // Whoever comes second is not told.
        let _ = self.told.set(Box::new(told));
    }

    /// Opens the garden for the hosts as they are now, and tells their names.
    pub(super) fn refresh(&self) {
        self.realms.iter().for_each(RealmHosts::look);
        let names = self.names();
        self.garden.plant(names.iter().filter_map(|host| Pattern::try_from(format!("={host}")).ok()));
        if let Some(told) = self.told.get() {
            told(names);
        }
    }

    /// Opens hosts of a realm that wait, by an operator's word: these, or all. Gives those that it has opened.
    pub(super) fn accept(&self, realm: &str, hosts: &[String]) -> Result<BTreeSet<String>, String> {
        let Some(own) = self.realms.iter().find(|own| own.parts.realm.name == realm) else {
            let known: Vec<_> = self.realms.iter().map(|own| own.parts.realm.name.as_str()).collect();
            return Err(format!("there is no realm `{realm}`; there are: {}", known.join(", ")));
        };
        let waiting = own.waiting();
        let (Some(accepted), false) = (&own.accepted, waiting.is_empty()) else {
            return Err(format!("no host of `{realm}` waits: its identity provider names none that is not open"));
        };
        let wanted: BTreeSet<String> = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        if let Some(other) = wanted.iter().find(|host| !waiting.contains(*host)) {
            return Err(format!("`{other}` is no host of `{realm}` that waits; there are: {}", list(&waiting)));
        }
        let wanted = if wanted.is_empty() { waiting } else { wanted };
        accepted
            .add(&wanted)
            .map_err(|error| format!("that can't be kept in the state folder, so nothing is opened: {error}"))?;
        self.refresh();
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::policy::Policy;
    use crate::portal::{Switch, Trust};
    use crate::saml;
    use crate::wire::{Destination, Scheme};

    const CONTOSO: &str = include_str!("../../config/contoso.xml");

    fn hosts(trust: &Arc<Trust>, state: &std::path::Path) -> SignInHosts {
        let text = "name = 'a'\ndomains = ['a.test']\nentity_id = 'urn:us'\nmetadata_url = 'https://meta.test/'";
        let realm: saml::Config = toml::from_str(text).unwrap();
        let parts = RealmParts {
            realm: realm.realm(),
            service_provider: Arc::default(),
            identity_provider: Arc::clone(trust),
            claims: Arc::new(realm.claim_map(&[])),
            mismatch: realm.mismatch,
            idp_initiated: false,
            switch: Arc::new(Switch::on()),
        };
        SignInHosts::new(vec![RealmHosts {
            parts,
            configured: ["meta.test".to_owned()].into(),
            accepted: Some(Accepted::open(state.join("a.hosts"))),
            said: Mutex::default(),
        }])
    }

    fn is_open(policy: &Policy, host: &str) -> bool {
        policy.is_walled_garden(&Destination::of_authority(Scheme::Https, host).unwrap())
    }

    #[test]
    fn the_garden_opens_for_an_identity_provider_as_soon_as_it_is_known() {
        let state = tempfile::tempdir().unwrap();
        let trust = Arc::new(Trust::renewable(None, Clock::system()));
        let hosts = hosts(&trust, state.path());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = Arc::clone(&heard);
        hosts.tell(move |names| *ear.lock().unwrap() = names);
        let policy = Policy::new(&toml::from_str("").unwrap(), &[], hosts.garden());
        let open = |host| is_open(&policy, host);
        assert!(open("meta.test") && !open("login.microsoftonline.com") && !open("aadcdn.msauth.net"));
        trust.renew(Some(IdentityProvider::from_metadata(CONTOSO).unwrap()));
        hosts.refresh();
        assert!(open("meta.test") && open("login.microsoftonline.com") && open("aadcdn.msauth.net"));
        assert!(heard.lock().unwrap().contains(&"login.microsoftonline.com".to_owned()), "PAC files are told");
        assert!(!open("x.login.microsoftonline.com") && !open("microsoftonline.com"));
    }

    #[test]
    fn later_metadata_open_nothing_until_the_operator_says_so() {
        let state = tempfile::tempdir().unwrap();
        let of = |text: &str| IdentityProvider::from_metadata(text).unwrap();
        let moved = CONTOSO.replace("login.microsoftonline.com", "news.test");
        assert_ne!(moved, CONTOSO);
        let trust = Arc::new(Trust::renewable(Some(of(CONTOSO)), Clock::system()));
        let first = hosts(&trust, state.path());
        let policy = Policy::new(&toml::from_str("blocked = ['bad.test']").unwrap(), &[], first.garden());
        trust.renew(Some(of(&moved)));
        first.refresh();
        assert!(!is_open(&policy, "news.test") && is_open(&policy, "meta.test"));
        assert!(!is_open(&policy, "login.microsoftonline.com"), "what nobody names any more is closed");
        assert!(!first.names().contains(&"news.test".to_owned()), "nor does a PAC file send it around the proxy");
        // A restart is no beginning.
        let again = hosts(&trust, state.path());
        assert_eq!(again.realms()[0].waiting(), ["news.test".to_owned()].into());
        for (realm, host, why) in [
            ("b", "news.test", "there is no realm `b`; there are: a"),
            ("a", "bad.test", "`bad.test` is no host of `a` that waits; there are: news.test"),
        ] {
            assert_eq!(again.accept(realm, &[host.to_owned()]), Err(why.to_owned()));
        }
        assert_eq!(again.accept("a", &["News.Test".to_owned()]), Ok(["news.test".to_owned()].into()));
        assert!(again.names().contains(&"news.test".to_owned()) && again.realms()[0].waiting().is_empty());
        assert!(again.accept("a", &[]).unwrap_err().starts_with("no host of `a` waits"));
        assert!(hosts(&trust, state.path()).names().contains(&"news.test".to_owned()), "it is kept");
        trust.renew(Some(of(CONTOSO)));
        again.refresh();
        assert!(again.names().contains(&"login.microsoftonline.com".to_owned()), "what was accepted once stays so");
    }
}
