//! Single Logout as Entra does it: by HTTP-Redirect, and with another entity ID in its answers.

use samael::schema::LogoutRequest;
use url::Url;

use super::{Practice, Session, TENANT};
use crate::saml::NameId;
use crate::saml::binding::{Binding, Kind, Message, send};
use crate::saml::logout::{self, Draft, Outcome};
use crate::saml::redirect::Redirected;

/// The address that tells an application that a person has been signed out, as it asked. Like Entra, this checks no
/// signature.
pub(super) fn answer(idp: &Practice, asked: &Redirected) -> Option<String> {
    let request: LogoutRequest = asked.xml.parse().ok()?;
    let issuer = request.issuer.and_then(|issuer| issuer.value)?;
    let to = url_of(idp, &issuer)?;
    let name = format!("https://login.microsoftonline.com/{TENANT}/");
    let draft = logout::response(&name, to.as_str(), &request.id?, Outcome::Success, idp.clock.now());
    go(idp, &to, Kind::Response, &draft, asked.relay_state.as_deref())
}

/// The address that tells the first application that knows the person that they have signed out here.
pub(super) fn tell(idp: &Practice, session: &Session) -> Option<String> {
    let (identifier, index) = session.vouched.first()?;
    let to = url_of(idp, identifier)?;
    let name_id = NameId::from(session.person.upn);
    let draft = logout::request(&idp.entity_id(), to.as_str(), &name_id, Some(index), idp.clock.now());
    go(idp, &to, Kind::Request, &draft, None)
}

fn url_of(idp: &Practice, identifier: &str) -> Option<Url> {
    let app = idp.apps.iter().find(|app| app.identifier == identifier)?;
    Url::parse(app.logout_url.as_deref()?).ok()
}

fn go(idp: &Practice, to: &Url, kind: Kind, draft: &Draft, relay_state: Option<&str>) -> Option<String> {
    let message = Message { kind, xml: &draft.xml, id: &draft.id, relay_state };
    let key = idp.key.for_logout()?;
    Some(send(Binding::Redirect, to, message, Some(&key)).ok()?.url().to_string())
}
