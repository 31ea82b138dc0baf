//! Writes Responses in Entra's shape, and signs the Assertion in them.

use askama::Template;

use super::TENANT;
use super::key::Key;
use super::people::Person;
use super::request::SignIn;
use crate::clock::{SignedDuration, Timestamp, after};
use crate::seal;

/// Entra's Assertions are valid from five minutes before they are issued, for 70 minutes.
const BEFORE: SignedDuration = SignedDuration::from_mins(-5);
const LIFETIME: SignedDuration = SignedDuration::from_mins(70);

const CLAIMS: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/";
const MICROSOFT: &str = "http://schemas.microsoft.com/identity/claims/";

/// A claim's name and values.
type Claim = (String, Vec<String>);

// As Entra writes it: AttributeStatement comes before AuthnStatement, and the Assertion's elements have no prefix.
#[derive(Template)]
#[template(
    ext = "xml",
    source = r##"
<samlp:Response ID="{{ response_id }}" Version="2.0" IssueInstant="{{ now }}"
 Destination="{{ request.reply_url }}"{% if !request.id.is_empty() %} InResponseTo="{{ request.id }}"{% endif %}
 xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">
<Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">{{ issuer }}</Issuer>
<samlp:Status>
<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>
</samlp:Status>
<Assertion ID="{{ assertion_id }}" IssueInstant="{{ now }}" Version="2.0" xmlns="urn:oasis:names:tc:SAML:2.0:assertion">
<Issuer>{{ issuer }}</Issuer>
<Signature xmlns="http://www.w3.org/2000/09/xmldsig#">
<SignedInfo>
<CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
<Reference URI="#{{ assertion_id }}">
<Transforms>
<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
</Transforms>
<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>
<DigestValue></DigestValue>
</Reference>
</SignedInfo>
<SignatureValue></SignatureValue>
<KeyInfo>
<X509Data>
<X509Certificate>{{ certificate }}</X509Certificate>
</X509Data>
</KeyInfo>
</Signature>
<Subject>
<NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">{{ upn }}</NameID>
<SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
<SubjectConfirmationData{% if !request.id.is_empty() %} InResponseTo="{{ request.id }}"{% endif %} NotOnOrAfter="{{ not_on_or_after }}"
 Recipient="{{ request.reply_url }}"/>
</SubjectConfirmation>
</Subject>
<Conditions NotBefore="{{ not_before }}" NotOnOrAfter="{{ not_on_or_after }}">
<AudienceRestriction>
<Audience>{{ request.audience }}</Audience>
</AudienceRestriction>
</Conditions>
<AttributeStatement>
{% for (name, values) in claims %}
<Attribute Name="{{ name }}">
{% for value in values %}
<AttributeValue>{{ value }}</AttributeValue>
{% endfor %}
</Attribute>
{% endfor %}
</AttributeStatement>
<AuthnStatement AuthnInstant="{{ since }}" SessionIndex="{{ assertion_id }}">
<AuthnContext>
<AuthnContextClassRef>{{ request.way }}</AuthnContextClassRef>
</AuthnContext>
</AuthnStatement>
</Assertion>
</samlp:Response>"##
)]
struct Success<'a> {
    response_id: String,
    assertion_id: String,
    issuer: &'a str,
    request: &'a SignIn,
    upn: &'a str,
    claims: Vec<Claim>,
    now: String,
    not_before: String,
    not_on_or_after: String,
    since: String,
    certificate: String,
}

#[derive(Template)]
#[template(
    ext = "xml",
    source = r##"
<samlp:Response ID="{{ response_id }}" Version="2.0" IssueInstant="{{ now }}"
 Destination="{{ request.reply_url }}"{% if !request.id.is_empty() %} InResponseTo="{{ request.id }}"{% endif %}
 xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">
<Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">{{ issuer }}</Issuer>
<samlp:Status>
<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{{ code }}">
<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{{ subcode }}"/>
</samlp:StatusCode>
<samlp:StatusMessage>{{ message }}</samlp:StatusMessage>
</samlp:Status>
</samlp:Response>"##
)]
struct Failure<'a> {
    response_id: String,
    issuer: &'a str,
    request: &'a SignIn,
    code: &'a str,
    subcode: &'a str,
    message: &'a str,
    now: String,
}

#[derive(Template)]
#[template(
    ext = "xml",
    source = r##"
<?xml version="1.0" encoding="utf-8"?>
<EntityDescriptor ID="{{ id }}" entityID="{{ issuer }}" xmlns="urn:oasis:names:tc:SAML:2.0:metadata">
{% for role in ["SecurityTokenServiceType", "ApplicationServiceType"] %}
<RoleDescriptor xsi:type="fed:{{ role }}"
 protocolSupportEnumeration="http://docs.oasis-open.org/wsfed/federation/200706"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706">
<KeyDescriptor use="signing">
<KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#">
<X509Data>
<X509Certificate>{{ certificate }}</X509Certificate>
</X509Data>
</KeyInfo>
</KeyDescriptor>
</RoleDescriptor>
{% endfor %}
<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<KeyDescriptor use="signing">
<KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#">
<X509Data>
<X509Certificate>{{ certificate }}</X509Certificate>
</X509Data>
</KeyInfo>
</KeyDescriptor>
<SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{{ sign_out_url }}"/>
<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{{ sign_in_url }}"/>
</IDPSSODescriptor>
</EntityDescriptor>"##
)]
struct Metadata<'a> {
    id: String,
    issuer: &'a str,
    sign_in_url: &'a str,
    sign_out_url: &'a str,
    certificate: String,
}

/// A Response whose Assertion vouches for `person`, signed, and its SessionIndex.
pub(super) fn success(
    issuer: &str,
    request: &SignIn,
    person: &Person,
    since: Timestamp,
    now: Timestamp,
    key: &Key,
) -> Option<(String, String)> {
    let not_before = after(now, BEFORE);
    let index = id();
    let xml = Success {
        response_id: id(),
        assertion_id: index.clone(),
        issuer,
        request,
        upn: person.upn,
        claims: claims(person),
        now: instant(now),
        not_before: instant(not_before),
        not_on_or_after: instant(after(not_before, LIFETIME)),
        since: instant(since),
        certificate: key.certificate_base64(),
    };
    Some((key.sign(&in_one_line(&xml.render().ok()?)).ok()?, index))
}

/// A Response that says why there is no Assertion: a status code, a second-level code, such as `Responder` and
/// `AuthnFailed`, and a message.
pub(super) fn failure(issuer: &str, request: &SignIn, why: [&str; 3], now: Timestamp) -> Option<String> {
    let [code, subcode, message] = why;
    Failure { response_id: id(), issuer, request, code, subcode, message, now: instant(now) }
        .render()
        .ok()
        .map(|xml| in_one_line(&xml))
}

/// The identity provider's metadata. Entra signs its own; these have no signature.
pub(super) fn metadata(issuer: &str, sign_in_url: &str, sign_out_url: &str, key: &Key) -> Option<String> {
    Metadata { id: id(), issuer, sign_in_url, sign_out_url, certificate: key.certificate_base64() }
        .render()
        .ok()
        .map(|xml| in_one_line(&xml))
}

fn claims(person: &Person) -> Vec<Claim> {
    let [given_name, surname] = person.names;
    let mut claims = vec![
        (format!("{MICROSOFT}tenantid"), vec![TENANT.to_owned()]),
        (format!("{MICROSOFT}objectidentifier"), vec![person.object_id.to_owned()]),
        (format!("{MICROSOFT}displayname"), vec![person.display_name()]),
    ];
    match person.groups {
        // Entra leaves the claim out for a person without groups.
        Some([]) => {}
        Some(groups) => {
            let groups = groups.iter().map(|&group| group.to_owned()).collect();
            claims.push(("http://schemas.microsoft.com/ws/2008/06/identity/claims/groups".to_owned(), groups));
        }
        None => {
            let link = format!("https://graph.windows.net/{TENANT}/users/{}/getMemberObjects", person.object_id);
            claims.push(("http://schemas.microsoft.com/claims/groups.link".to_owned(), vec![link]));
        }
    }
    claims.extend([
        (format!("{MICROSOFT}identityprovider"), vec![format!("https://sts.windows.net/{TENANT}/")]),
        (
            "http://schemas.microsoft.com/claims/authnmethodsreferences".to_owned(),
            vec!["http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password".to_owned()],
        ),
        (format!("{CLAIMS}givenname"), vec![given_name.to_owned()]),
        (format!("{CLAIMS}surname"), vec![surname.to_owned()]),
        (format!("{CLAIMS}emailaddress"), vec![person.mail.to_owned()]),
        (format!("{CLAIMS}name"), vec![person.upn.to_owned()]),
        ("uPN".to_owned(), vec![person.upn.to_owned()]),
    ]);
    claims.extend(person.sam_account_name.map(|name| ("sAMAccountName".to_owned(), vec![name.to_owned()])));
    claims
}

/// Entra writes no white space between elements.
fn in_one_line(xml: &str) -> String {
    xml.replace('\n', "")
}

fn id() -> String {
    format!("_{}", seal::random_text())
}

/// A time with fractions of a second, as Entra writes it.
fn instant(time: Timestamp) -> String {
    format!("{time:.6}")
}
