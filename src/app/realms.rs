//! Builds what the configuration says about realms, and the portal's certificate.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;

use super::accepted::Accepted;
use super::error::Error;
use super::garden::{RealmHosts, SignInHosts};
use super::metadata::{self, Source};
use crate::authority::Authority;
use crate::clock::Clock;
use crate::config::Config;
use crate::listener::Pair;
use crate::portal::{RealmParts, Switch, Trust};
use crate::saml;

/// The origin of the portal's certificate.
#[derive(Clone)]
pub(super) enum PortalCertificate {
    /// Files that the operator names.
    Given(Arc<ServerConfig>),
    /// Our own authority, which issues a new one before the old one expires.
    Issued(Arc<Authority>),
}

/// One realm, and how its people sign in. If its metadata must be fetched, the source is added to `sources`. What was
/// fetched for the realm `before` goes on, if it still applies; if the configuration is the `same`, it always does, and
/// no source is added.
pub(super) fn realm_parts(
    realm: &saml::Config,
    config: &Config,
    clock: &Clock,
    before: Option<&RealmParts>,
    same: bool,
    sources: &mut Vec<Source>,
) -> Result<RealmParts, Error> {
    let read = |path: &Path| std::fs::read(path);
    let wrong = |error| Error::Realm(realm.name.clone(), error);
    let known = realm.identity_provider(read).map_err(wrong)?;
    let service_provider = realm.service_provider(&config.portal.url.to_string(), read).map_err(wrong)?;
    let trust = before.map(|before| &before.identity_provider);
    let identity_provider = match (known, trust) {
        (Some(idp), _) => {
            if !same {
                metadata::tell(realm, &idp, clock);
            }
            Arc::new(Trust::fixed(idp, clock.clone()))
        }
        // The task that fetches its metadata goes on, too.
        (None, Some(trust)) if same => Arc::clone(trust),
        (None, trust) => {
            let source = Source::open(realm, &config.state, clock, trust);
            let source = source.ok_or_else(|| wrong(saml::config::Error::Missing("metadata")))?;
            let trust = Arc::clone(source.trust());
            sources.push(source);
            trust
        }
    };
    let switch = Switch::read(realm, &config.state);
    // Takes over the switch of before: it knows of a passed test that could not be written to disk, too.
    let switch = before
        .map(|before| &before.switch)
        .filter(|before| before.is_of(&switch))
        .cloned()
        .unwrap_or_else(|| Arc::new(switch));
    if let Some(Err(error)) = identity_provider.current().map(|idp| switch.follow(&idp)) {
        tracing::warn!(realm = realm.name, %error, "the record of the passed test cannot be updated in the state folder: after a restart, the realm may have to be tested again");
    }
    Ok(RealmParts {
        realm: realm.realm(),
        service_provider: Arc::new(service_provider),
        identity_provider,
        claims: Arc::new(realm.claim_map(&config.realms)),
        mismatch: realm.mismatch,
        idp_initiated: realm.idp_initiated,
        switch,
    })
}

/// The hosts that signing in to each realm needs.
pub(super) fn sign_in_hosts(config: &Config, realms: &[RealmParts], before: Option<&SignInHosts>) -> SignInHosts {
    let hosts = config.realms.iter().zip(realms).map(|(realm, parts)| {
        let known = before.iter().flat_map(|before| before.realms()).find(|known| known.parts.realm.name == realm.name);
        let accepted = metadata::accepted_file(realm, &config.state).map(|file| {
            let same = known.and_then(|known| known.accepted.as_ref()).filter(|same| same.file() == file);
            same.map_or_else(|| Arc::new(Accepted::open(file.clone())), Arc::clone)
        });
        let said = known.map(|known| Arc::clone(&known.said)).unwrap_or_default();
        RealmHosts { parts: parts.clone(), configured: metadata::configured_hosts(realm), accepted, said }
    });
    SignInHosts::new(hosts.collect())
}

/// The certificate that the portal shows.
pub(super) fn portal_certificate(config: &Config, authority: &Arc<Authority>) -> Result<PortalCertificate, Error> {
    let (Some(certificate), Some(key)) = (&config.portal.certificate, &config.portal.key) else {
        return Ok(PortalCertificate::Issued(Arc::clone(authority)));
    };
    let Pair { chain, key } = Pair::read(certificate, key)?;
    let server = authority
        .server_with(chain, key)
        .map_err(|error| Error::PortalCertificate(certificate.to_path_buf(), error.to_string()))?;
    Ok(PortalCertificate::Given(Arc::new(server)))
}
