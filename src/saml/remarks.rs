//! What an operator should know of a realm and its identity provider that keeps nobody out by itself.

use crate::saml::{Binding, Config, IdentityProvider, claims};

impl Config {
    /// Sentences about what is left out of the identity provider's metadata, and about wishes of one side that the other does
    /// not fulfil.
    pub fn remarks(&self, idp: &IdentityProvider) -> Vec<String> {
        let left_out =
            idp.left_out().iter().map(|left_out| format!("{left_out}; it is left out, and the rest is used"));
        let others = [self.unsigned(idp), self.other_binding(idp), plain(idp), self.nameless()];
        left_out.chain(others.into_iter().flatten()).collect()
    }

    fn unsigned(&self, idp: &IdentityProvider) -> Option<String> {
        let wish = "the identity provider says that it takes signed requests only (`WantAuthnRequestsSigned`), and the realm \
                    has no key to sign with: add a `[[realm.key]]`, or it may refuse each sign-in";
        (idp.wants_signed_requests() && self.keys.is_empty()).then(|| wish.to_owned())
    }

    fn other_binding(&self, idp: &IdentityProvider) -> Option<String> {
        let wanted = self.binding.filter(|wanted| idp.sign_in_url(*wanted).is_none())?;
        let (offered, _) = idp.sign_in(None)?;
        let word = |binding| if binding == Binding::Redirect { "redirect" } else { "post" };
        let (wanted, offered) = (word(wanted), word(offered));
        Some(format!(
            "the identity provider does not offer `binding = \"{wanted}\"`: requests go by \"{offered}\", which it offers"
        ))
    }

    /// SAML Core §8.3.8.
    fn nameless(&self) -> Option<String> {
        let asks = self.name_id_format.as_deref().is_some_and(|format| format.ends_with(":transient"));
        let named = self.identity_claims.iter().any(|claim| claims::is_name_id(claim));
        let remark = "`name_id_format` asks for a transient NameID, which is another one at each sign-in, so `NameID` in \
                      `identity_claims` names nobody";
        (asks && named).then(|| remark.to_owned())
    }
}

/// A password that is typed there could be read on the way.
fn plain(idp: &IdentityProvider) -> Option<String> {
    let plain = idp.urls().find(|url| url.scheme() == "http")?;
    Some(format!(
        "people are sent to `{plain}` to sign in or out, which is not encrypted: whoever is on the way can read and change \
         what they send"
    ))
}

#[cfg(test)]
#[path = "tests/remarks_tests.rs"]
mod tests;
