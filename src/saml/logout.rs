//! Single Logout (SAML Profiles §4.4): the messages that we send, and what those that come must be.

use crate::clock::{SignedDuration, Timestamp, after};
use crate::saml::assertion::parse_instant;
use crate::saml::guard::{self, Plain, Status};
use crate::saml::name_id::NameId;
use crate::saml::redirect::{self, MAX_MESSAGE, Redirected};
use crate::saml::response::CLOCK_SKEW;
use crate::saml::xml::{Element, escape};
use crate::saml::{Error, IdentityProvider, ns, verify};
use crate::seal;

/// How old a message may be. Browsers carry it from one side to the other at once.
const MAX_AGE: SignedDuration = SignedDuration::from_mins(10);

/// A message of ours, not signed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its identifier.
    pub id: String,
    /// Its text.
    pub xml: String,
}

/// What came of a sign-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The sessions are over.
    Success,
    /// There was none, or we were not allowed to end it.
    Denied,
    /// Not all of them are over, or not for good: some are (`PartialLogout`), or none.
    Failed {
        /// Whether some are.
        partly: bool,
    },
}

/// Asks an identity provider to end the session in which it named somebody so.
pub fn request(
    issuer: &str,
    destination: &str,
    name_id: &NameId,
    session_index: Option<&str>,
    now: Timestamp,
) -> Draft {
    let index = session_index.map(|index| format!("<samlp:SessionIndex>{}</samlp:SessionIndex>", escape(index)));
    let content = format!("{}{}", name_id.element(), index.unwrap_or_default());
    let until = after(now, MAX_AGE);
    draft("LogoutRequest", &format!(r#" NotOnOrAfter="{until:.3}""#), issuer, destination, &content, now)
}

/// Answers the LogoutRequest with this identifier.
pub fn response(issuer: &str, destination: &str, in_response_to: &str, outcome: Outcome, now: Timestamp) -> Draft {
    let status = "urn:oasis:names:tc:SAML:2.0:status:";
    let code = match outcome {
        Outcome::Success => format!(r#"<samlp:StatusCode Value="{status}Success"/>"#),
        Outcome::Denied => format!(
            r#"<samlp:StatusCode Value="{status}Requester"><samlp:StatusCode Value="{status}RequestDenied"/></samlp:StatusCode>"#
        ),
        // SAML Core §3.2.2.2: a fault of the responder, and what of it was done all the same.
        Outcome::Failed { partly: true } => format!(
            r#"<samlp:StatusCode Value="{status}Responder"><samlp:StatusCode Value="{status}PartialLogout"/></samlp:StatusCode>"#
        ),
        Outcome::Failed { partly: false } => format!(r#"<samlp:StatusCode Value="{status}Responder"/>"#),
    };
    let to = format!(r#" InResponseTo="{}""#, escape(in_response_to));
    draft("LogoutResponse", &to, issuer, destination, &format!("<samlp:Status>{code}</samlp:Status>"), now)
}

fn draft(name: &str, attributes: &str, issuer: &str, destination: &str, content: &str, now: Timestamp) -> Draft {
    // An XML ID must not begin with a digit, and Entra insists.
    let id = format!("_{}", seal::random_text());
    let xml = format!(
        concat!(
            r#"<samlp:{name} xmlns:samlp="{protocol}" xmlns:saml="{assertion}" ID="{id}" Version="2.0" "#,
            r#"IssueInstant="{now:.3}" Destination="{destination}"{attributes}>"#,
            r#"<saml:Issuer>{issuer}</saml:Issuer>{content}</samlp:{name}>"#,
        ),
        name = name,
        protocol = ns::PROTOCOL,
        assertion = ns::ASSERTION,
        id = id,
        now = now,
        destination = escape(destination),
        attributes = attributes,
        issuer = escape(issuer),
        content = content,
    );
    Draft { id, xml }
}

/// A message that arrived. Nothing in it has been verified.
#[derive(Clone, Debug)]
pub struct Arrived {
    message: Plain,
    query: Option<redirect::Signature>,
}

/// A message that holds here and now: it was signed by its issuer, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its identifier.
    pub id: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// Whether its issuer signed it. If not, anybody may have written it.
    pub signed: bool,
    /// What it says.
    pub content: Content,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Somebody is to be signed out.
    Request {
        /// Who.
        name_id: NameId,
        /// In which sessions; in all of them if it names none.
        session_indexes: Vec<String>,
    },
    /// What came of a sign-out that was asked for.
    Response {
        /// The request.
        in_response_to: Option<String>,
        /// Whether it succeeded, and if not, why.
        status: Status,
    },
}

impl Arrived {
    /// Takes a message out of the query of an address.
    pub fn redirected(from: Redirected) -> Result<Self, Error> {
        let message = admit(from.xml, from.is_request)?;
        // An XML signature on a message that came in an address is not looked at, so it must not be there
        // (SAML Bindings §3.4.4.1).
        if message.signed.is_some() {
            return Err(Error::StraySignature);
        }
        Ok(Self { message, query: from.signature })
    }

    /// Takes a message out of a form: the value of `SAMLRequest` or `SAMLResponse`.
    pub fn posted(field: &str, is_request: bool) -> Result<Self, Error> {
        let xml = String::from_utf8(guard::unpack(field)?).map_err(|_| Error::NotUtf8)?;
        Ok(Self { message: admit(xml, is_request)?, query: None })
    }

    /// Whether `idp` is who the message says that it is from.
    pub fn claims_to_be_from(&self, idp: &IdentityProvider) -> bool {
        let issuer = self.message.root.only(ns::ASSERTION, "Issuer").map(|issuer| issuer.text.trim());
        issuer.is_some_and(|issuer| is_name_of(idp.entity_id(), issuer))
    }

    /// Whether it carries a signature, good or bad.
    pub fn is_signed(&self) -> bool {
        self.query.is_some() || self.message.signed.is_some()
    }

    /// Verifies the signature, if there is one, and holds the message against what was expected: this address, this
    /// identity provider, this moment.
    pub fn open(&self, idp: &IdentityProvider, endpoint: &str, now: Timestamp) -> Result<Opened, Error> {
        let root = match (&self.message.signed, &self.query) {
            (Some(_), _) => verify::verify_plain(&self.message, idp)?,
            (None, Some(signature)) => {
                signature.verify(idp.certificates())?;
                self.message.root.clone()
            }
            (None, None) => self.message.root.clone(),
        };
        if !self.claims_to_be_from(idp) {
            return Err(Error::WrongIssuer);
        }
        let issued = self.check(&root, endpoint, now)?;
        Ok(Opened {
            id: root.attribute("ID").ok_or(Error::BadId)?.to_owned(),
            issued,
            signed: self.is_signed(),
            content: content(&root)?,
        })
    }

    fn check(&self, root: &Element, endpoint: &str, now: Timestamp) -> Result<Timestamp, Error> {
        if root.attribute("Version") != Some("2.0") {
            return Err(Error::WrongVersion);
        }
        // SAML Bindings §3.4.5.2 and §3.5.5.2: a signed message says where it is going. Entra's answers do not.
        let lenient = !self.is_signed() || root.name == "LogoutResponse";
        match root.attribute("Destination") {
            Some(destination) if destination == endpoint => {}
            None if lenient => {}
            _ => return Err(Error::WrongDestination),
        }
        let issued = parse_instant(root.attribute("IssueInstant").ok_or(Error::BadTime)?)?;
        if issued > after(now, CLOCK_SKEW) {
            return Err(Error::IssuedInFuture);
        }
        let end = root.attribute("NotOnOrAfter").map(parse_instant).transpose()?;
        let end = end.into_iter().chain([after(issued, MAX_AGE)]).min().unwrap_or(issued);
        if after(end, CLOCK_SKEW) <= now { Err(Error::Expired) } else { Ok(issued) }
    }
}

/// What may stand in each of the two, and how often at most.
const REQUEST: [(&str, &str, usize); 5] = [
    (ns::ASSERTION, "Issuer", 1),
    (ns::SIGNATURE, "Signature", 1),
    (ns::PROTOCOL, "Extensions", 1),
    (ns::ASSERTION, "NameID", 1),
    // A person has one session with us in one browser; a message with thousands is nobody's sign-out.
    (ns::PROTOCOL, "SessionIndex", 64),
];
const RESPONSE: [(&str, &str, usize); 4] = [
    (ns::ASSERTION, "Issuer", 1),
    (ns::SIGNATURE, "Signature", 1),
    (ns::PROTOCOL, "Extensions", 1),
    (ns::PROTOCOL, "Status", 1),
];

/// Lets a LogoutRequest or a LogoutResponse through that has the shape of an honest one.
fn admit(xml: String, is_request: bool) -> Result<Plain, Error> {
    if xml.len() > MAX_MESSAGE {
        return Err(Error::TooLong);
    }
    let (name, known): (_, &[_]) = if is_request { ("LogoutRequest", &REQUEST) } else { ("LogoutResponse", &RESPONSE) };
    let message = guard::admit_plain(xml, &[name])?;
    let is_known = |child: &Element| known.iter().any(|(namespace, name, _)| child.is(namespace, name));
    let too_often = known.iter().any(|(namespace, name, most)| message.root.all(namespace, name).count() > *most);
    if too_often || !message.root.children.iter().all(is_known) {
        return Err(Error::MisplacedElement);
    }
    Ok(message)
}

fn content(root: &Element) -> Result<Content, Error> {
    if root.name == "LogoutResponse" {
        let in_response_to = root.attribute("InResponseTo").map(str::to_owned);
        return Ok(Content::Response { in_response_to, status: guard::status(root)? });
    }
    let name_id = NameId::read(root.only(ns::ASSERTION, "NameID").ok_or(Error::NobodyNamed)?);
    let indexes = root.all(ns::PROTOCOL, "SessionIndex").map(|index| index.text.trim().to_owned());
    Ok(Content::Request { name_id, session_indexes: indexes.collect() })
}

/// Whether `issuer` is a name of the identity provider that is called `entity_id`. Entra calls itself
/// `https://sts.windows.net/TENANT/` in assertions, and `https://login.microsoftonline.com/TENANT/` in answers to
/// LogoutRequests.
fn is_name_of(entity_id: &str, issuer: &str) -> bool {
    const HOSTS: [&str; 4] = [
        "sts.windows.net",
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
    ];
    let tenant = |name: &str| {
        let (host, tenant) = name.strip_prefix("https://")?.split_once('/')?;
        let tenant = tenant.strip_suffix('/').unwrap_or(tenant);
        let plain = !tenant.is_empty() && tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (HOSTS.contains(&host) && plain).then(|| tenant.to_ascii_lowercase())
    };
    entity_id == issuer || tenant(entity_id).is_some_and(|own| tenant(issuer) == Some(own))
}

#[cfg(test)]
#[path = "tests/logout_tests.rs"]
mod tests;
