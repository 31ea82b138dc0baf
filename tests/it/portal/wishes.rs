//! What a realm asks its identity provider for is held against what it answers: whoever sits at the browser can take the
//! wish out of the address on its way.

use http::StatusCode;
use url::Url;
use vestibule::clock::SignedDuration;
use vestibule::saml::Binding;
use vestibule::saml::binding::{self, Kind, Message, Outgoing};
use vestibule::saml::{redirect, request};
use vestibule::session::returning::Return;

use super::world::{Answer, Browser, Options, World};

const BSIMON: &str = "B.Simon@contoso.com";
const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password";
const KEY: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509";

fn world(ways: &[&str], force_authn: bool) -> World {
    let authn_context = ways.iter().map(|&way| way.to_owned()).collect();
    let requests = request::Options { authn_context, force_authn, ..request::Options::default() };
    World::with(&Options { requests, idp_initiated: true, ..Options::default() })
}

/// The part of a request that asks for a way of signing in.
fn asked_for() -> String {
    format!(
        "<samlp:RequestedAuthnContext Comparison=\"exact\"><saml:AuthnContextClassRef>{KEY}\
         </saml:AuthnContextClassRef></samlp:RequestedAuthnContext>"
    )
}

/// The same request without a part of it.
fn without(sent: &mut Answer, part: &str) {
    let url: Url = sent.location().parse().unwrap();
    let read = redirect::read(url.query().unwrap()).unwrap();
    let xml = read.xml.replacen(part, "", 1);
    assert_ne!(xml, read.xml, "{part}");
    let id = xml.split_once(" ID=\"").unwrap().1.split_once('"').unwrap().0;
    let message = Message { kind: Kind::Request, xml: &xml, id, relay_state: read.relay_state.as_deref() };
    let mut to = url.clone();
    to.set_query(None);
    let Ok(Outgoing::Go(address)) = binding::send(Binding::Redirect, &to, message, None) else { panic!("{xml}") };
    sent.fields.insert("location", address.as_str().parse().unwrap());
}

/// Signs in at the identity provider, and nowhere else: from now on it knows the person.
async fn known_there<'a>(world: &'a World) -> Browser<'a> {
    let mut browser = world.browser();
    let sent = browser.begin_anywhere().await;
    browser.at_idp(&sent, BSIMON, "simon").await;
    world.clock.advance(SignedDuration::from_hours(3));
    browser
}

#[tokio::test]
async fn nobody_signs_in_on_an_old_proof_where_the_wish_for_a_new_one_was_taken_out_of_the_address() {
    let world = world(&[], true);
    let mut browser = known_there(&world).await;
    let mut sent = browser.type_name(None, BSIMON).await;
    without(&mut sent, " ForceAuthn=\"true\"");
    let posting = browser.at_idp(&sent, BSIMON, "simon").await;
    let answer = browser.deliver(&posting).await;
    assert_eq!((answer.status, answer.heading()), (StatusCode::FORBIDDEN, "The sign-in page did not ask you"));
    assert_eq!(world.sessions.count(), 0);
    // As it was asked, the same person signs in, in the same browser.
    let sent = browser.type_name(None, BSIMON).await;
    let posting = browser.at_idp(&sent, BSIMON, "simon").await;
    assert_eq!(browser.deliver(&posting).await.status, StatusCode::SEE_OTHER);
    assert_eq!(world.sessions.count(), 1);
}

#[tokio::test]
async fn nobody_signs_in_in_another_way_than_the_realm_asks_for() {
    let world = world(&[KEY], false);
    let mut browser = world.browser();
    let mut sent = browser.type_name(None, BSIMON).await;
    without(&mut sent, &asked_for());
    let posting = browser.at_idp(&sent, BSIMON, "simon").await;
    let answer = browser.deliver(&posting).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.heading(), "You signed in in another way than is wanted here");
    // Nor by a tile, where nobody asked for anything.
    let answer = browser.deliver(&browser.clone().press_tile().await).await;
    assert_eq!(answer.heading(), "You signed in in another way than is wanted here");
    assert_eq!(world.sessions.count(), 0);
    self::world(&[KEY, PASSWORD], false).browser().sign_in(None).await;
}

#[tokio::test]
async fn where_each_sign_in_is_a_new_proof_none_begins_at_the_identity_provider_and_none_is_renewed_silently() {
    let world = world(&[], true);
    let mut browser = world.browser();
    browser.sign_in(None).await;
    let posting = browser.press_tile().await;
    assert_eq!(world.browser().deliver(&posting).await.location(), "/?tile");
    // A day before its end a session is renewed without a page, elsewhere.
    world.clock.advance(SignedDuration::from_hours(30 * 24 - 1));
    assert_eq!(browser.get("/").await.location(), "/me");
    let elsewhere = self::world(&[], false);
    let mut browser = elsewhere.browser();
    browser.sign_in(None).await;
    elsewhere.clock.advance(SignedDuration::from_hours(30 * 24 - 1));
    assert!(browser.get("/").await.location().contains("SAMLRequest="));
}

#[tokio::test]
async fn a_fresh_proof_for_a_rule_is_one_of_the_wanted_kind() {
    let requests = request::Options { authn_context: vec![PASSWORD.into()], ..request::Options::default() };
    let world = World::with(&Options { requests, ..Options::default() });
    let mut browser = world.browser();
    browser.sign_in(None).await;
    let proven = browser.session().authenticated;
    world.clock.advance(SignedDuration::from_hours(2));
    let token = Return {
        within: Some(3600),
        ..Return::open(&world.sealer, &world.challenge("https://payroll.test/", None), world.clock.now()).unwrap()
    };
    let token = token.seal(&world.sealer, world.clock.now());
    let mut sent = browser.get(&format!("/?r={token}")).await;
    without(&mut sent, " ForceAuthn=\"true\"");
    let posting = browser.at_idp(&sent, BSIMON, "simon").await;
    let answer = browser.deliver(&posting).await;
    assert_eq!(answer.heading(), "The sign-in page did not ask you again");
    assert!(answer.text.contains("You are still signed in"), "{}", answer.text);
    assert_eq!(browser.session().authenticated, proven, "it has proven nothing");
    let sent = browser.get(&format!("/?r={token}")).await;
    let posting = browser.at_idp(&sent, BSIMON, "simon").await;
    assert_eq!(browser.deliver(&posting).await.status, StatusCode::SEE_OTHER);
    assert!(browser.session().authenticated > proven);
}

#[tokio::test]
async fn a_test_shows_what_was_asked_for_and_what_to_do() {
    let world = world(&[KEY], true);
    let mut browser = known_there(&world).await;
    let mut sent = browser.begin_anywhere().await;
    without(&mut sent, " ForceAuthn=\"true\"");
    without(&mut sent, &asked_for());
    let posting = browser.at_idp(&sent, BSIMON, "simon").await;
    let answer = browser.deliver(&posting).await;
    let page = browser.get(answer.location()).await;
    assert_eq!(page.heading(), "The test has failed");
    for part in [KEY, PASSWORD, "remove authn_context", "Have it honour ForceAuthn", "asked at"] {
        assert!(page.text.contains(part), "{part} in {}", page.text);
    }
    assert_eq!(page.text.matches(">failed<").count(), 2, "{}", page.text);
}
