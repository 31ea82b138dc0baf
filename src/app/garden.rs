//! The hosts that sign-in itself needs: they are reached by people whom nobody knows yet.

use std::sync::{Arc, OnceLock};

use crate::policy::{Garden, Pattern};
use crate::portal::RealmParts;

/// Hosts that Entra's sign-in pages load from, besides the one that people are sent to.
const ENTRA_HOST: &str = "login.microsoftonline.com";
const ENTRA_ASSETS: [&str; 5] =
    ["aadcdn.msauth.net", "aadcdn.msftauth.net", "login.live.com", "login.microsoft.com", "login.windows.net"];

/// The hosts, by realm, and the garden that opens them.
pub(super) struct SignInHosts {
    realms: Vec<RealmParts>,
    /// Where metadata come from.
    others: Vec<String>,
    garden: Arc<Garden>,
    told: OnceLock<Box<Told>>,
}

type Told = dyn Fn(Vec<String>) + Send + Sync;

impl SignInHosts {
    /// The hosts of these realms, and others.
    pub(super) fn new(realms: Vec<RealmParts>, others: Vec<String>) -> Self {
        let hosts = Self { realms, others, garden: Arc::default(), told: OnceLock::new() };
        hosts.refresh();
        hosts
    }

    /// The garden, for the policy.
    pub(super) fn garden(&self) -> Arc<Garden> {
        Arc::clone(&self.garden)
    }

    /// The hosts' names.
    pub(super) fn names(&self) -> Vec<String> {
        let mut hosts = self.others.clone();
        for idp in self.realms.iter().filter_map(|realm| realm.identity_provider.current()) {
            hosts.extend(idp.urls().filter_map(|url| url.host_str().map(str::to_owned)));
        }
        if hosts.iter().any(|host| host == ENTRA_HOST) {
            hosts.extend(ENTRA_ASSETS.map(str::to_owned));
        }
        hosts.sort();
        hosts.dedup();
        hosts
    }

    /// Tells `told` the names whenever they may have changed.
    pub(super) fn tell(&self, told: impl Fn(Vec<String>) + Send + Sync + 'static) {
        // Whoever comes second is not told.
        let _ = self.told.set(Box::new(told));
    }

    /// Opens the garden for the hosts as they are now, and tells their names.
    pub(super) fn refresh(&self) {
        let names = self.names();
        self.garden.plant(names.iter().filter_map(|host| Pattern::try_from(format!("={host}")).ok()));
        if let Some(told) = self.told.get() {
            told(names);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::policy::Policy;
    use crate::portal::{Switch, Trust};
    use crate::saml::{self, IdentityProvider};
    use crate::wire::{Destination, Scheme};

    #[test]
    fn the_garden_opens_for_an_identity_provider_as_soon_as_it_is_known() {
        let text = "name = 'a'\ndomains = ['a.test']\nentity_id = 'urn:us'\nmetadata_url = 'https://meta.test/'";
        let realm: saml::Config = toml::from_str(text).unwrap();
        let trust = Arc::new(Trust::renewable(None, Clock::system()));
        let parts = RealmParts {
            realm: realm.realm(),
            service_provider: Arc::default(),
            identity_provider: Arc::clone(&trust),
            claims: Arc::new(realm.claim_map(&[])),
            mismatch: realm.mismatch,
            idp_initiated: false,
            switch: Arc::new(Switch::on()),
        };
        let hosts = SignInHosts::new(vec![parts], vec!["meta.test".into()]);
        let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
        let ear = Arc::clone(&heard);
        hosts.tell(move |names| *ear.lock().unwrap() = names);
        let policy = Policy::new(&toml::from_str("").unwrap(), &[], hosts.garden());
        let open = |host| policy.is_walled_garden(&Destination::of_authority(Scheme::Https, host).unwrap());
        assert!(open("meta.test") && !open("login.microsoftonline.com") && !open("aadcdn.msauth.net"));
        trust.renew(Some(IdentityProvider::from_metadata(include_str!("../../config/contoso.xml")).unwrap()));
        hosts.refresh();
        assert!(open("meta.test") && open("login.microsoftonline.com") && open("aadcdn.msauth.net"));
        assert!(heard.lock().unwrap().contains(&"login.microsoftonline.com".to_owned()), "PAC files are told");
        assert!(!open("x.login.microsoftonline.com") && !open("microsoftonline.com"));
    }
}
