//! Single Logout, from either side.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use url::Url;
use vestibule::clock::SignedDuration;
use vestibule::identity::network::Spans;
use vestibule::identity::{Groups, User};
use vestibule::saml::binding::{Kind, Message, send};
use vestibule::saml::logout::{self, Draft, Outcome};
use vestibule::saml::{Binding, Key, NameId, SignOut, redirect};
use vestibule::secret::Secret;
use vestibule::session::{AssertionFacts, Begun, Session, SessionId};

use super::world::{Browser, Options, PORTAL, World};

const IDP: &str = "https://sts.windows.net/0b5f2d6e-4c1a-4f0e-9d3c-7a1e5b8c2f46/";
const SLO: &str = "https://portal.test/saml/slo";
const BSIMON: &str = "B.Simon@contoso.com";

/// A world in which the identity provider takes part in Single Logout.
fn world() -> World {
    World::with(&Options { sign_out: None, ..Options::default() })
}

/// A world whose identity provider has this key.
fn world_of(key: &Key) -> World {
    World::with(&Options { sign_out: None, certificate: Some(key.certificate().to_vec()), ..Options::default() })
}

fn key() -> Arc<Key> {
    let pair = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&pair).unwrap();
    Arc::new(Key::read(certificate.pem().as_bytes(), &Secret::new(pair.serialize_pem())).unwrap())
}

/// Somebody who has signed in already.
async fn signed_in<'a>(world: &'a World, realm: &str, name: &str, index: Option<&str>) -> (Browser<'a>, Arc<Session>) {
    let user = User {
        realm: realm.into(),
        id: name.to_lowercase(),
        name: name.into(),
        display_name: None,
        sam_account_name: None,
        upn: None,
        email: None,
        groups: Groups::Unknown,
        risk: vestibule::identity::Risk::Unknown,
    };
    let facts = AssertionFacts {
        name_id: Some(NameId::from(name)),
        session_index: index.map(str::to_owned),
        ..AssertionFacts::default()
    };
    let mut browser = world.browser();
    let begun = world.sessions.begin(user, browser.client, "Firefox", facts, Spans::default()).await;
    let Begun { session, secret } = begun.unwrap();
    browser.jar.insert("__Host-vestibule".into(), (secret, false));
    let until = session.expires;
    let previous = world.sealer.seal("previous session", &session.id, until);
    browser.jar.insert("__Host-vestibule-was".into(), (previous, true));
    (browser, session)
}

fn request(world: &World, name: &str, index: Option<&str>) -> Draft {
    logout::request(IDP, SLO, &NameId::from(name), index, world.clock.now())
}

/// The way of a LogoutRequest to us, in an address.
fn address(draft: &Draft, key: Option<&Key>) -> String {
    let message = Message { kind: Kind::Request, xml: &draft.xml, id: &draft.id, relay_state: Some("back") };
    let url = send(Binding::Redirect, &Url::parse(SLO).unwrap(), message, key).unwrap().url().clone();
    path(url.as_str()).to_owned()
}

fn path(address: &str) -> &str {
    address.strip_prefix(PORTAL).unwrap_or_else(|| panic!("{address} is not the portal's"))
}

fn message(address: &str) -> String {
    redirect::read(address.split_once('?').unwrap().1).unwrap().xml
}

async fn sign_out(browser: &mut Browser<'_>) -> super::world::Answer {
    let page = browser.get("/me").await;
    let policy = page.fields["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self' https://login.test;"), "{policy}");
    browser.post("/sign-out", &[("csrf", &page.hidden("csrf")), ("where", "here")]).await
}

#[tokio::test]
async fn whoever_signs_out_here_is_signed_out_at_the_identity_provider_and_told_so() {
    let world = world();
    let mut browser = world.browser();
    browser.sign_in(None).await;
    let session = world.sessions.find(SessionId::of_secret(&browser.jar["__Host-vestibule"].0)).unwrap();
    let answer = sign_out(&mut browser).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.location().starts_with("https://login.test/"), "{}", answer.location());
    assert!(session.ended().is_cancelled(), "here it is over, whatever comes");
    assert!(!browser.holds("__Host-vestibule") && !browser.holds("__Host-vestibule-was"));
    let asked = message(answer.location());
    let index = session.assertion.session_index.clone().unwrap();
    for part in
        [">B.Simon@contoso.com</saml:NameID>", &format!("<samlp:SessionIndex>{index}<"), "nameid-format:emailAddress"]
    {
        assert!(asked.contains(part), "{part} in {asked}");
    }
    let (location, _) = browser.at_provider(Method::GET, answer.location(), String::new()).await;
    assert!(message(&location).contains("https://login.microsoftonline.com/"), "Entra answers under its other name");
    let answer = browser.get(path(&location)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    assert!(!browser.holds("__Host-vestibule-out"));
    let page = browser.get(answer.location()).await;
    assert_eq!(page.heading(), "You are signed out");
    assert!(page.text.contains("You are signed out at your organisation&#39;s sign-in page as well."), "{}", page.text);
    let sent = browser.type_name(None, BSIMON).await;
    let (_, page) = browser.at_provider(Method::GET, sent.location(), String::new()).await;
    assert!(page.contains("name=\"password\""), "the identity provider knows nobody any more");
}

#[tokio::test]
async fn the_session_here_is_over_whatever_the_identity_provider_answers() {
    let world = world();
    for (edit, sentence) in [
        (("status:Success", "status:Responder"), "did not confirm"),
        (("InResponseTo=\"", "InResponseTo=\"x"), "You may still be signed in"),
        (("https://sts.windows.net/", "https://sts.windows.nat/"), "The sign-out was not accepted"),
        (("LogoutResponse", "LogoutSentence"), "The sign-out was not accepted"),
    ] {
        let mut browser = world.browser();
        browser.sign_in(None).await;
        let answer = sign_out(&mut browser).await;
        let asked = message(answer.location());
        let id = asked.split_once(" ID=\"").unwrap().1.split_once('"').unwrap().0;
        let mut draft = logout::response(IDP, SLO, id, Outcome::Success, world.clock.now());
        draft.xml = draft.xml.replace(edit.0, edit.1);
        let mut answer = browser.post_across("/saml/slo", &[("SAMLResponse", &STANDARD.encode(&draft.xml))]).await;
        if answer.status == StatusCode::SEE_OTHER {
            answer = browser.get(answer.location()).await;
        }
        assert!(answer.text.contains(sentence), "{sentence} in {}", answer.text);
        assert_eq!(browser.get("/me").await.location(), "/");
    }
    assert_eq!(world.sessions.count(), 0);
}

#[tokio::test]
async fn whoever_signs_out_at_the_identity_provider_is_signed_out_here_on_that_browser() {
    let world = world();
    let (mut laptop, mut phone) = (world.browser(), world.browser());
    laptop.sign_in(None).await;
    phone.sign_in(None).await;
    let leave = format!("{}/logout", world.sign_in_url());
    let (location, _) = laptop.at_provider(Method::GET, &leave, String::new()).await;
    // In a frame, the identity provider's page brings no cookie of ours.
    let answer = world.browser().get(path(&location)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    let said = message(answer.location());
    assert!(said.contains("status:Success") && answer.location().starts_with("https://login.test/"), "{said}");
    let (onward, page) = laptop.at_provider(Method::GET, answer.location(), String::new()).await;
    assert!(onward.is_empty() && page.contains("signed out"), "{page}");
    assert_eq!(laptop.get("/me").await.location(), "/");
    assert_eq!(phone.get("/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_signed_request_ends_the_sessions_that_it_names_and_no_others() {
    let key = key();
    let world = world_of(&key);
    let (_, one) = signed_in(&world, "contoso", BSIMON, Some("_1")).await;
    let (_, two) = signed_in(&world, "contoso", BSIMON, Some("_2")).await;
    let (_, nameless) = signed_in(&world, "contoso", BSIMON, None).await;
    let (_, alex) = signed_in(&world, "contoso", "AlexW@contoso.com", Some("_1")).await;
    let (_, elsewhere) = signed_in(&world, "fabrikam", BSIMON, Some("_1")).await;
    let over = || [&one, &two, &nameless, &alex, &elsewhere].map(|session| session.ended().is_cancelled());
    let answer = world.browser().get(&address(&request(&world, BSIMON, Some("_9")), Some(&key))).await;
    assert!(message(answer.location()).contains("status:Success"), "nobody is there to be signed out");
    assert_eq!(over(), [false; 5]);
    world.browser().get(&address(&request(&world, BSIMON, Some("_1")), Some(&key))).await;
    assert_eq!(over(), [true, false, false, false, false]);
    let answer = world.browser().get(&address(&request(&world, BSIMON, None), Some(&key))).await;
    assert!(answer.location().contains("RelayState=back"), "{}", answer.location());
    assert_eq!(over(), [true, true, true, false, false]);
}

#[tokio::test]
async fn a_signed_request_that_comes_again_does_not_end_a_later_session() {
    let key = key();
    let world = world_of(&key);
    let again = address(&request(&world, BSIMON, None), Some(&key));
    world.clock.advance(SignedDuration::from_secs(61));
    let (_, later) = signed_in(&world, "contoso", BSIMON, Some("_2")).await;
    assert_eq!(world.browser().get(&again).await.status, StatusCode::SEE_OTHER);
    assert!(!later.ended().is_cancelled());
    world.clock.advance(SignedDuration::from_mins(10));
    let answer = world.browser().get(&again).await;
    assert_eq!((answer.status, answer.heading()), (StatusCode::FORBIDDEN, "The sign-out was not accepted"));
}

#[tokio::test]
async fn a_signature_holds_over_the_octets_of_the_query_whatever_their_case() {
    let key = key();
    let world = world_of(&key);
    let lowered = |text: &str| {
        let mut parts = text.split('%');
        let first = parts.next().unwrap().to_owned();
        first + &parts.map(|part| format!("%{}{}", part[..2].to_lowercase(), &part[2..])).collect::<String>()
    };
    let whole = address(&request(&world, BSIMON, None), Some(&key));
    let unsigned = lowered(whole.split_once('?').unwrap().1.split_once("&Signature=").unwrap().0);
    assert!(unsigned.contains("%2f"), "{unsigned}");
    let signature = STANDARD.encode(key.sign(unsigned.as_bytes()).unwrap()).replace('+', "%2b").replace('/', "%2f");
    let (_, session) = signed_in(&world, "contoso", BSIMON, Some("_1")).await;
    let other = format!("/saml/slo?{}&Signature={signature}", unsigned.replace("%2f", "%2F"));
    assert_eq!(world.browser().get(&other).await.status, StatusCode::FORBIDDEN, "other octets");
    assert!(!session.ended().is_cancelled());
    let answer = world.browser().get(&format!("/saml/slo?{unsigned}&Signature={signature}")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    assert!(session.ended().is_cancelled());
}

#[tokio::test]
async fn an_unsigned_request_ends_the_session_of_the_browser_that_brings_it_and_nobody_elses() {
    let key = key();
    let world = world_of(&key);
    for (name, index, cookies, ends) in [
        (BSIMON, Some("_1"), true, true),
        (BSIMON, None, true, true),
        (BSIMON, Some("_1"), false, false),
        (BSIMON, Some("_2"), true, false),
        ("AlexW@contoso.com", None, true, false),
    ] {
        let (browser, session) = signed_in(&world, "contoso", BSIMON, Some("_1")).await;
        let (_, twin) = signed_in(&world, "contoso", BSIMON, Some("_1")).await;
        let draft = request(&world, name, index);
        for post in [false, true] {
            let mut browser = browser.clone();
            if !cookies {
                browser.jar.clear();
            }
            let answer = match post {
                false => browser.get(&address(&draft, None)).await,
                true => browser.post_across("/saml/slo", &[("SAMLRequest", &STANDARD.encode(&draft.xml))]).await,
            };
            // The second one comes when the session is over already.
            let success = ends && !post;
            let status = if success { "status:Success" } else { "status:RequestDenied" };
            assert!(message(answer.location()).contains(status), "{name} {index:?} {cookies} {post}");
            assert_eq!(browser.holds("__Host-vestibule"), cookies && !success);
        }
        assert_eq!(session.ended().is_cancelled(), ends, "{name} {index:?} {cookies}");
        assert!(!twin.ended().is_cancelled(), "the same person on another browser");
    }
    let (mut browser, session) = signed_in(&world, "contoso", BSIMON, Some("_1")).await;
    let field = STANDARD.encode(request(&world, BSIMON, None).xml);
    browser.post_across("/saml/slo", &[("SAMLRequest", &field)]).await;
    assert!(session.ended().is_cancelled(), "by POST, too");
}

#[tokio::test]
async fn a_request_with_a_bad_signature_ends_nothing_not_even_the_session_of_its_own_browser() {
    let (own, stranger) = (key(), key());
    let world = world_of(&own);
    let (mut browser, session) = signed_in(&world, "contoso", BSIMON, Some("_1")).await;
    let draft = request(&world, BSIMON, None);
    let posted = stranger.sign_document(&draft.xml, &draft.id, "</saml:Issuer>").unwrap();
    let answer = browser.post_across("/saml/slo", &[("SAMLRequest", &STANDARD.encode(posted))]).await;
    assert_eq!((answer.status, answer.heading()), (StatusCode::FORBIDDEN, "The sign-out was not accepted"));
    let redirected = address(&draft, Some(&stranger));
    assert_eq!(browser.get(&redirected).await.status, StatusCode::FORBIDDEN);
    for bad in ["/saml/slo", "/saml/slo?SAMLRequest=x", &redirected.replace("Signature=", "Signature=x&Signature=")] {
        assert_eq!(browser.get(bad).await.status, StatusCode::FORBIDDEN, "{bad}");
    }
    let both = [("SAMLRequest", "x"), ("SAMLResponse", "x")];
    assert_eq!(browser.post_across("/saml/slo", &both).await.status, StatusCode::FORBIDDEN);
    let mut foreign = request(&world, BSIMON, None);
    foreign.xml = foreign.xml.replace(IDP, "urn:nobody");
    assert_eq!(browser.get(&address(&foreign, Some(&own))).await.status, StatusCode::FORBIDDEN);
    assert!(!session.ended().is_cancelled());
    let posted = own.sign_document(&draft.xml, &draft.id, "</saml:Issuer>").unwrap();
    let answer = world.browser().post_across("/saml/slo", &[("SAMLRequest", &STANDARD.encode(posted))]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    assert!(session.ended().is_cancelled());
}

#[tokio::test]
async fn by_post_a_form_carries_the_messages_and_our_key_signs_them() {
    let own = key();
    let url = Url::parse("https://login.test/slo").unwrap();
    let sign_out_by = SignOut::Saml { binding: Binding::Post, request_url: url.clone(), response_url: url.clone() };
    let world =
        World::with(&Options { sign_out: Some(Some(sign_out_by)), keys: vec![Arc::clone(&own)], ..Options::default() });
    let (mut browser, _) = signed_in(&world, "contoso", BSIMON, Some("_1")).await;
    let page = sign_out(&mut browser).await;
    assert!(page.text.contains("action=\"https://login.test/slo\""), "{}", page.text);
    let sent = String::from_utf8(STANDARD.decode(page.hidden("SAMLRequest")).unwrap()).unwrap();
    assert!(sent.contains("<ds:SignatureValue>") && sent.contains("SessionIndex"), "{sent}");
}

#[tokio::test]
async fn where_there_is_only_a_plain_address_people_are_sent_there() {
    let plain = Url::parse("https://login.test/bye?a=1").unwrap();
    let world = World::with(&Options { sign_out: Some(Some(SignOut::Plain(plain))), ..Options::default() });
    let (mut browser, session) = signed_in(&world, "contoso", BSIMON, None).await;
    assert_eq!(sign_out(&mut browser).await.location(), "https://login.test/bye?a=1");
    assert!(session.ended().is_cancelled());
}
