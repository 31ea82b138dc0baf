//! Who vouches for people, and by what certificate the portal is known, as configured.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::accepted::Accepted;
use super::build::Error;
use super::dispatch::PortalCertificate;
use super::garden::{RealmHosts, SignInHosts};
use super::metadata::{self, Source};
use crate::authority::Authority;
use crate::clock::Clock;
use crate::config::Config;
use crate::portal::{RealmParts, Switch, Trust};
use crate::saml;

/// One realm, and how people of it sign in. Metadata that is fetched is added to `sources`.
pub(super) fn realm_parts(
    realm: &saml::Config,
    config: &Config,
    clock: &Clock,
    sources: &mut Vec<Source>,
) -> Result<RealmParts, Error> {
    let read = |path: &Path| std::fs::read(path);
    let wrong = |error| Error::Realm(realm.name.clone(), error);
    let known = realm.identity_provider(read).map_err(wrong)?;
    let service_provider = realm.service_provider(&config.portal.url.to_string(), read).map_err(wrong)?;
    let identity_provider = match (known, Source::open(realm, &config.state, clock)) {
        (None, Some(source)) => {
            let trust = Arc::clone(source.trust());
            sources.push(source);
            trust
        }
        (Some(idp), _) => {
            metadata::warn_of_expired(&realm.name, &idp, clock);
            Arc::new(Trust::fixed(idp, clock.clone()))
        }
        (None, None) => return Err(wrong(saml::config::Error::Missing("metadata"))),
    };
    let switch = Switch::read(realm, &config.state);
    if let Some(Err(error)) = identity_provider.current().map(|idp| switch.follow(&idp)) {
        tracing::warn!(realm = realm.name, %error, "what the passed test counts for can't be kept");
    }
    Ok(RealmParts {
        realm: realm.realm(),
        service_provider: Arc::new(service_provider),
        identity_provider,
        claims: Arc::new(realm.claim_map(&config.realms)),
        mismatch: realm.mismatch,
        idp_initiated: realm.idp_initiated,
        switch: Arc::new(switch),
    })
}

/// The hosts that sign-in to each realm needs.
pub(super) fn sign_in_hosts(config: &Config, realms: &[RealmParts]) -> SignInHosts {
    let hosts = config.realms.iter().zip(realms).map(|(realm, parts)| RealmHosts {
        parts: parts.clone(),
        configured: metadata::configured_hosts(realm),
        accepted: metadata::accepted_file(realm, &config.state).map(Accepted::open),
        said: Mutex::default(),
    });
    SignInHosts::new(hosts.collect())
}

/// The certificate that the portal shows.
pub(super) fn portal_certificate(config: &Config, authority: &Arc<Authority>) -> Result<PortalCertificate, Error> {
    let (Some(certificate), Some(key)) = (&config.portal.certificate, &config.portal.key) else {
        return Ok(PortalCertificate::Issued(Arc::clone(authority)));
    };
    let wrong = |path: &Path, why: String| Error::PortalCertificate(path.to_owned(), why);
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(certificate, error.to_string()))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error.to_string()))?;
    let server = authority.server_with(chain, private).map_err(|error| wrong(certificate, error.to_string()))?;
    Ok(PortalCertificate::Given(Arc::new(server)))
}
