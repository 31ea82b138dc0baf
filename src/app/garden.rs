//! The hosts that sign-in itself needs: people must reach them before they are signed in.
//!
//! Open are the hosts that the operator has configured, and those in an identity provider's first metadata. A host that
//! only later metadata name waits until an operator accepts it: somebody who can change a document must not be able to
//! open the proxy to everybody.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::accepted::Accepted;
use crate::policy::Pattern;
use crate::portal::RealmParts;
use crate::saml::IdentityProvider;

/// The host to which Entra sends people, and the hosts from which its sign-in pages load the rest.
const ENTRA_HOST: &str = "login.microsoftonline.com";
const ENTRA_ASSETS: [&str; 5] =
    ["aadcdn.msauth.net", "aadcdn.msftauth.net", "login.live.com", "login.microsoft.com", "login.windows.net"];

/// The hosts, by realm.
pub(super) struct SignInHosts {
    realms: Vec<RealmHosts>,
}

/// The hosts of one realm.
pub(super) struct RealmHosts {
    pub(super) parts: RealmParts,
    /// Those that the operator has configured.
    pub(super) configured: BTreeSet<String>,
    /// Those of the metadata that are accepted; `None` if the metadata are the operator's own file, in which all are.
    pub(super) accepted: Option<Arc<Accepted>>,
    /// Those of which an event has said that they wait.
    pub(super) said: Arc<Mutex<BTreeSet<String>>>,
}

/// The hosts to which an identity provider sends browsers, as its metadata say.
pub(super) fn hosts_of(idp: &IdentityProvider) -> BTreeSet<String> {
    idp.urls().filter_map(|url| url.host_str().map(str::to_owned)).collect()
}

impl RealmHosts {
    /// The hosts that the present metadata name.
    fn named(&self) -> BTreeSet<String> {
        self.parts.identity_provider.current().map(|idp| hosts_of(&idp)).unwrap_or_default()
    }

    /// The hosts that are open.
    pub(super) fn open(&self) -> BTreeSet<String> {
        let named = self.named().into_iter().filter(|host| self.accepted.as_ref().is_none_or(|own| own.holds(host)));
        self.configured.iter().cloned().chain(named).collect()
    }

    /// The hosts that wait for an operator.
    pub(super) fn waiting(&self) -> BTreeSet<String> {
        let open = self.open();
        self.named().into_iter().filter(|host| !open.contains(host)).collect()
    }

    /// Accepts the hosts of the first metadata, and says once which hosts wait.
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
                "the identity provider's metadata name hosts that nobody can reach before signing in, until you accept them: see `vestibule realms`"
            );
        }
        *said = waiting;
    }
}

/// Hosts, and those that the sign-in pages of one of them load from.
pub(super) fn with_assets(mut hosts: BTreeSet<String>) -> BTreeSet<String> {
    if hosts.contains(ENTRA_HOST) {
        hosts.extend(ENTRA_ASSETS.map(str::to_owned));
    }
    hosts
}

/// Hosts in a line.
pub(super) fn list(hosts: &BTreeSet<String>) -> String {
    hosts.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

impl SignInHosts {
    /// The hosts of these realms.
    pub(super) fn new(realms: Vec<RealmHosts>) -> Self {
        realms.iter().for_each(RealmHosts::look);
        Self { realms }
    }

    /// The hosts that are open, for the policy.
    pub(super) fn patterns(&self) -> Vec<Pattern> {
        self.names().iter().filter_map(|host| Pattern::try_from(format!("={host}")).ok()).collect()
    }

    /// The realms.
    pub(super) fn realms(&self) -> &[RealmHosts] {
        &self.realms
    }

    /// The names of the hosts that are open.
    pub(super) fn names(&self) -> Vec<String> {
        with_assets(self.realms.iter().flat_map(RealmHosts::open).collect()).into_iter().collect()
    }

    /// Accepts hosts of a realm that wait, on an operator's command: these, or all if none is named. Gives those that
    /// it has accepted. Edges that are built from now on open them.
    pub(super) fn accept(&self, realm: &str, hosts: &[String]) -> Result<BTreeSet<String>, String> {
        let Some(own) = self.realms.iter().find(|own| own.parts.realm.name == realm) else {
            let known: Vec<_> = self.realms.iter().map(|own| own.parts.realm.name.as_str()).collect();
            return Err(format!("there is no realm `{realm}`; there are: {}", known.join(", ")));
        };
        let waiting = own.waiting();
        let (Some(accepted), false) = (&own.accepted, waiting.is_empty()) else {
            return Err(format!(
                "no host of `{realm}` waits to be accepted: all hosts that its identity provider names are open"
            ));
        };
        let wanted: BTreeSet<String> = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        if let Some(other) = wanted.iter().find(|host| !waiting.contains(*host)) {
            return Err(format!(
                "`{other}` is not a host of `{realm}` that waits to be accepted; these wait: {}",
                list(&waiting)
            ));
        }
        let wanted = if wanted.is_empty() { waiting } else { wanted };
        accepted
            .add(&wanted)
            .map_err(|error| format!("the state folder cannot be written, so nothing has been accepted: {error}"))?;
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::identity::Networks;
    use crate::policy::{Access, Policy, Question, Store, Subject, Verdict};
    use crate::portal::{Switch, Trust};
    use crate::saml;
    use crate::wire::{Destination, RequestKind, Scheme};

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
            accepted: Some(Arc::new(Accepted::open(state.join("a.hosts")))),
            said: Arc::default(),
        }])
    }

    fn is_open(policy: &Policy, host: &str) -> bool {
        let destination = Arc::new(Destination::of_authority(Scheme::Https, host).unwrap());
        let network = Arc::clone(Networks::new(&[]).of("192.0.2.7".parse().unwrap()));
        let (subject, access, store) = (Subject::Nobody, Access::Connect(RequestKind::SubResource), Store::Known);
        let question = Question::plain(subject, &network, &destination, access, store);
        matches!(policy.decide(&question), Verdict::Permit(permit) if **permit.rule() == *"walled-garden")
    }

    #[test]
    fn the_garden_opens_for_an_identity_provider_as_soon_as_it_is_known() {
        let state = tempfile::tempdir().unwrap();
        let trust = Arc::new(Trust::renewable(&"https://meta.test/".parse().unwrap(), None, Clock::system()));
        let first = hosts(&trust, state.path());
        let policy = |hosts: &SignInHosts| Policy::new(&toml::from_str("").unwrap(), &[], hosts.patterns());
        let before = policy(&first);
        let open = |host| is_open(&before, host);
        assert!(open("meta.test") && !open("login.microsoftonline.com") && !open("aadcdn.msauth.net"));
        trust.renew(Some(IdentityProvider::from_metadata(CONTOSO).unwrap()));
        let second = hosts(&trust, state.path());
        let after = policy(&second);
        let open = |host| is_open(&after, host);
        assert!(open("meta.test") && open("login.microsoftonline.com") && open("aadcdn.msauth.net"));
        assert!(second.names().contains(&"login.microsoftonline.com".to_owned()), "PAC files are told");
        assert!(!open("x.login.microsoftonline.com") && !open("microsoftonline.com"));
    }

    #[test]
    fn later_metadata_open_nothing_until_the_operator_says_so() {
        let state = tempfile::tempdir().unwrap();
        let of = |text: &str| IdentityProvider::from_metadata(text).unwrap();
        let moved = CONTOSO.replace("login.microsoftonline.com", "news.test");
        assert_ne!(moved, CONTOSO);
        let trust =
            Arc::new(Trust::renewable(&"https://meta.test/".parse().unwrap(), Some(of(CONTOSO)), Clock::system()));
        let first = hosts(&trust, state.path());
        assert!(first.names().contains(&"login.microsoftonline.com".to_owned()));
        trust.renew(Some(of(&moved)));
        let first = hosts(&trust, state.path());
        let policy = Policy::new(&toml::from_str("blocked = ['bad.test']").unwrap(), &[], first.patterns());
        assert!(!is_open(&policy, "news.test") && is_open(&policy, "meta.test"));
        assert!(!is_open(&policy, "login.microsoftonline.com"), "what nobody names any more is closed");
        assert!(!first.names().contains(&"news.test".to_owned()), "nor does a PAC file send it around the proxy");
        // A restart is no beginning.
        let again = hosts(&trust, state.path());
        assert_eq!(again.realms()[0].waiting(), ["news.test".to_owned()].into());
        for (realm, host, why) in [
            ("b", "news.test", "there is no realm `b`; there are: a"),
            ("a", "bad.test", "`bad.test` is not a host of `a` that waits to be accepted; these wait: news.test"),
        ] {
            assert_eq!(again.accept(realm, &[host.to_owned()]), Err(why.to_owned()));
        }
        assert_eq!(again.accept("a", &["News.Test".to_owned()]), Ok(["news.test".to_owned()].into()));
        assert!(again.names().contains(&"news.test".to_owned()) && again.realms()[0].waiting().is_empty());
        assert!(again.accept("a", &[]).unwrap_err().starts_with("no host of `a` waits"));
        assert!(hosts(&trust, state.path()).names().contains(&"news.test".to_owned()), "it is kept");
        trust.renew(Some(of(CONTOSO)));
        assert!(again.names().contains(&"login.microsoftonline.com".to_owned()), "what was accepted once stays so");
    }
}
