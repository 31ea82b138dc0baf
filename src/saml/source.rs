//! Where a realm knows its identity provider from: a file, an address, or what was written by hand.

use std::io;
use std::path::Path;

use crate::config_path::ConfigPath;
use crate::saml::armour::{self, Found};
use crate::saml::config::{Config, Error, LogoutBinding};
use crate::saml::identity_provider::http_url;
use crate::saml::{Binding, IdentityProvider, SignOut, identity_provider, text};

impl Config {
    /// The identity provider; none if its metadata are fetched. `read` reads a file that the configuration names.
    pub fn identity_provider(
        &self,
        read: impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<Option<IdentityProvider>, Error> {
        let file = |path: &ConfigPath| read(path).map_err(|cause| Error::Unreadable { path: path.clone(), cause });
        self.check_alone()?;
        if let Some(url) = &self.metadata_url {
            self.metadata_certificate.as_ref().map(file).transpose()?;
            return if url.scheme() == "https" { Ok(None) } else { Err(Error::InsecureUrl) };
        }
        let idp = match &self.metadata {
            Some(path) => self.of_metadata(&file(path)?, self.issuer.as_deref(), &read)?,
            None => IdentityProvider::from_parts(
                self.issuer.as_deref().ok_or(Error::Missing("issuer"))?,
                self.login_url.as_deref().ok_or(Error::Missing("login_url"))?,
                self.logout_url.as_deref(),
                &file(self.certificate.as_ref().ok_or(Error::Missing("certificate"))?)?,
            )?
            .signing_out_by(self.sign_out()?),
        };
        self.vouched_for(idp, &read).map(Some)
    }

    /// The identity provider in metadata that were fetched. It must be the one that is configured, and the one that it
    /// was `before`: whoever can change the document must not become somebody else.
    pub fn fetched(
        &self,
        metadata: &[u8],
        before: Option<&IdentityProvider>,
        read: impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<IdentityProvider, Error> {
        let wanted = self.issuer.as_deref().or(before.map(IdentityProvider::entity_id));
        let idp = self.of_metadata(metadata, wanted, &read)?;
        self.vouched_for(idp, &read)
    }

    /// The identity provider in metadata; the one with the entity ID `wanted`, if one is.
    fn of_metadata(
        &self,
        metadata: &[u8],
        wanted: Option<&str>,
        read: &impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<IdentityProvider, Error> {
        let text = text::decode(metadata).map_err(|error| match armour::found(metadata) {
            Found::Other => identity_provider::Error::from(error),
            found => identity_provider::Error::NotMetadata(found),
        })?;
        let idp = match &self.metadata_certificate {
            None => IdentityProvider::from_some_metadata(&text, wanted)?,
            Some(path) => {
                let certificate = read(path).map_err(|cause| Error::Unreadable { path: path.clone(), cause })?;
                IdentityProvider::from_signed_metadata(&text, &certificate, wanted)?
            }
        };
        match wanted.filter(|wanted| *wanted != idp.entity_id()) {
            Some(wanted) => Err(Error::OtherEntity { found: idp.entity_id().to_owned(), wanted: wanted.to_owned() }),
            None => Ok(idp),
        }
    }

    /// The identity provider with those of its certificates alone that a required authority has issued, if one is required.
    fn vouched_for(
        &self,
        idp: IdentityProvider,
        read: &impl Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<IdentityProvider, Error> {
        let Some(path) = &self.require_ca_signed else { return Ok(idp) };
        let authorities = read(path).map_err(|cause| Error::Unreadable { path: path.clone(), cause })?;
        Ok(idp.issued_by(&authorities)?)
    }

    fn sign_out(&self) -> Result<Option<SignOut>, Error> {
        let Some(url) = &self.logout_url else { return Ok(None) };
        let url = http_url(url).ok_or(identity_provider::Error::BadSignOutUrl)?;
        let saml = |binding| SignOut::Saml { binding, request_url: url.clone(), response_url: url.clone() };
        Ok(Some(match self.logout_binding.unwrap_or_default() {
            LogoutBinding::Redirect => saml(Binding::Redirect),
            LogoutBinding::Post => saml(Binding::Post),
            LogoutBinding::Plain => SignOut::Plain(url),
        }))
    }

    /// The settings beside `metadata` or `metadata_url` that say the same once more, each with the one that says it.
    pub fn superfluous(&self) -> Vec<(&'static str, &'static str)> {
        let by_hand = [
            ("login_url", self.login_url.is_some()),
            ("logout_url", self.logout_url.is_some()),
            ("logout_binding", self.logout_binding.is_some()),
            ("certificate", self.certificate.is_some()),
        ];
        let given = |more: &[(&'static str, bool)], by: &'static str| {
            let all = more.iter().chain(&by_hand).filter(|(_, given)| *given);
            all.map(|(key, _)| (*key, by)).collect()
        };
        match (&self.metadata, &self.metadata_url) {
            (Some(_), url) => given(&[("metadata_url", url.is_some())], "metadata"),
            (None, Some(_)) => given(&[], "metadata_url"),
            (None, None) => Vec::new(),
        }
    }

    fn check_alone(&self) -> Result<(), Error> {
        let first = self.superfluous().into_iter().next();
        first.map_or(Ok(()), |(key, by)| Err(Error::Superfluous(key, by)))
    }
}

#[cfg(test)]
#[path = "tests/source_tests.rs"]
mod tests;
