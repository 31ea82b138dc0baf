//! Guests at the portal, where they are let in and where they are not.

use http::StatusCode;
use vestibule::session::SessionId;

use super::world::{Answer, Browser, Options, World};

fn world(terms: Option<&str>) -> World {
    let network = "guest = true\naddress = true\ntime_zone = \"Asia/Tokyo\"";
    World::with(&Options { guest_terms: terms.map(str::to_owned), network, ..Options::default() })
}

/// Presses the button on the logon page.
async fn press(browser: &mut Browser<'_>, returning: Option<&str>) -> Answer {
    let page = browser.get(&returning.map_or("/".to_owned(), |token| format!("/?r={token}"))).await;
    assert!(page.text.contains("action=\"/guest\""), "{}", page.text);
    let csrf = page.hidden("csrf");
    let mut fields = vec![("csrf", csrf.as_str())];
    fields.extend(returning.map(|token| ("r", token)));
    browser.post("/guest", &fields).await
}

#[tokio::test]
async fn a_guest_goes_on_with_one_button_where_there_are_no_terms() {
    let world = world(None);
    let mut browser = world.browser();
    let token = world.challenge("http://news.test/a?b=c", None);
    let answer = press(&mut browser, Some(&token)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    assert!(answer.location().starts_with("/me?r="), "a form's redirects lead nowhere else: {answer:?}");
    let page = browser.get(answer.location()).await;
    assert_eq!(page.heading(), "You are browsing as a guest");
    let refresh = page.fields["refresh"].to_str().unwrap();
    let onward = browser.get(refresh.strip_prefix("0; url=").unwrap()).await;
    assert!(onward.location().starts_with("http://news.test:60443/.well-known/vestibule/arrive?ticket="), "{onward:?}");
    // Who reloads the page later stays there.
    assert!(browser.get("/me").await.fields.get("refresh").is_none());
    let session = world.sessions.find(SessionId::of_secret(&browser.jar["__Host-vestibule"].0)).unwrap();
    assert_eq!((session.user.name.as_str(), session.user.is_guest()), ("guest", true));
    assert_eq!(session.expires.duration_since(world.clock.now()).as_hours(), 8);
    assert!(browser.get("/me").await.text.contains("(JST)"), "the network's own time");
}

#[tokio::test]
async fn terms_are_shown_and_must_be_accepted() {
    let world = world(Some("Be <kind>.\n\nUse is recorded."));
    let mut browser = world.browser();
    let token = world.challenge("http://news.test/", None);
    let answer = press(&mut browser, Some(&token)).await;
    assert!(answer.location().starts_with("/guest?r=") && !answer.location().contains("m=1"), "{answer:?}");
    let page = browser.get(answer.location()).await;
    assert_eq!(page.heading(), "Continue as a guest");
    assert!(page.text.contains("<p>Be &#60;kind&#62;.</p>\n<p>Use is recorded.</p>"), "{}", page.text);
    assert!(page.text.contains("news.test") && !page.text.contains("id=\"mistake\""));
    assert!(!browser.jar.contains_key("__Host-vestibule"));
    let (csrf, token) = (page.hidden("csrf"), page.hidden("r"));
    let fields = [("csrf", csrf.as_str()), ("r", &token), ("seen", "1")];
    for accepted in [None, Some(("accepted", "no"))] {
        let fields: Vec<_> = fields.into_iter().chain(accepted).collect();
        let answer = browser.post("/guest", &fields).await;
        let page = browser.get(answer.location()).await;
        assert!(page.text.contains("accept the terms") && page.text.contains("id=\"mistake\""), "{}", page.text);
        assert!(!browser.jar.contains_key("__Host-vestibule"));
    }
    let fields: Vec<_> = fields.into_iter().chain([("accepted", "yes")]).collect();
    let answer = browser.post("/guest", &fields).await;
    assert!(answer.location().starts_with("/me?r="), "{answer:?}");
    assert!(browser.jar.contains_key("__Host-vestibule"));
    browser.language = "de".into();
    assert_eq!(browser.get("/guest").await.heading(), "Als Gast fortfahren");
    assert_eq!(browser.get("/me").await.heading(), "Sie sind als Gast unterwegs");
}

#[tokio::test]
async fn nobody_is_a_guest_elsewhere() {
    let world = world(None);
    let mut browser = world.browser();
    press(&mut browser, None).await;
    assert_eq!(browser.get("/me").await.heading(), "You are browsing as a guest");
    // With the same cookies somewhere else.
    browser.client = "198.51.100.7".parse().unwrap();
    let page = browser.get("/").await;
    assert_eq!(page.heading(), "Sign in");
    assert!(!page.text.contains("/guest"), "{}", page.text);
    assert_eq!(browser.get("/me").await.location(), "/");
    let csrf = page.hidden("csrf");
    assert_eq!(browser.post("/guest", &[("csrf", &csrf)]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/guest").await.status, StatusCode::NOT_FOUND);
    // And where the network says nothing of it.
    let plain = World::with(&Options { network: "address = true", ..Options::default() });
    let mut browser = plain.browser();
    let page = browser.get("/").await;
    assert!(!page.text.contains("/guest"), "{}", page.text);
    assert_eq!(browser.post("/guest", &[("csrf", &page.hidden("csrf"))]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn guests_are_strangers_to_one_another_and_can_sign_in_later() {
    let world = world(None);
    let (mut one, mut other) = (world.browser(), world.browser());
    press(&mut one, None).await;
    press(&mut other, None).await;
    let page = other.get("/me").await;
    assert_eq!(page.text.matches("action=\"/sign-out\"").count(), 1, "no other guest's browser: {}", page.text);
    other.post("/sign-out", &[("csrf", &page.hidden("csrf")), ("where", "everywhere")]).await;
    assert_eq!(one.get("/me").await.status, StatusCode::OK, "no other guest is signed out");
    // A guest who has an account signs in, and is a guest no more.
    let guest = world.sessions.find(SessionId::of_secret(&one.jar["__Host-vestibule"].0)).unwrap();
    let page = one.get("/?account=1").await;
    assert_eq!(page.heading(), "Sign in");
    let csrf = page.hidden("csrf");
    let answer = one.post("/logon", &[("csrf", &csrf), ("account", "bsimon@contoso.com")]).await;
    let posting = one.at_idp(&answer, "bsimon@contoso.com", "simon").await;
    one.post_across("/saml/acs", &[("SAMLResponse", &posting.response), ("RelayState", &posting.relay_state)]).await;
    assert_eq!(one.get("/me").await.heading(), "You are signed in");
    assert!(world.sessions.find(guest.id).is_none(), "the guest's session has ended");
    // A person who presses the button stays who they are.
    let page = one.get("/me").await;
    let answer = one.post("/guest", &[("csrf", &page.hidden("csrf"))]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/me"));
    assert_eq!(one.get("/me").await.heading(), "You are signed in");
}

#[tokio::test]
async fn another_site_makes_nobody_a_guest() {
    let world = world(None);
    let mut browser = world.browser();
    let page = browser.get("/").await;
    let csrf = page.hidden("csrf");
    assert_eq!(browser.post_across("/guest", &[("csrf", &csrf)]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post("/guest", &[("csrf", "forged")]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post("/guest", &[]).await.status, StatusCode::FORBIDDEN);
    assert!(!browser.jar.contains_key("__Host-vestibule"));
}

#[tokio::test]
async fn guests_leave_room_for_people() {
    let options = Options { max_sessions: 4, network: "guest = true", ..Options::default() };
    let world = World::with(&options);
    for number in 0..4 {
        let mut browser = world.browser();
        let status = press(&mut browser, None).await.status;
        assert_eq!(status == StatusCode::SEE_OTHER, number < 2, "{number}: {status}");
    }
    let mut person = world.browser();
    person.sign_in(None).await;
    assert_eq!(person.get("/me").await.heading(), "You are signed in");
}

#[tokio::test]
async fn a_session_that_ends_soon_says_so_and_is_renewed_by_a_button() {
    let world = World::new();
    let mut browser = world.browser();
    browser.sign_in(None).await;
    assert!(!browser.get("/me").await.text.contains("id=\"renew\""));
    let first = world.sessions.find(SessionId::of_secret(&browser.jar["__Host-vestibule"].0)).unwrap();
    world.clock.advance(vestibule::clock::SignedDuration::from_hours(30 * 24 - 3));
    let page = browser.get("/me").await;
    assert!(page.text.contains("Your session ends in 3 h 0 min."), "{}", page.text);
    let answer = browser.post("/renew", &[("csrf", "forged")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = browser.post("/renew", &[("csrf", &page.hidden("csrf"))]).await;
    let posting = browser.at_idp(&answer, "bsimon@contoso.com", "simon").await;
    browser
        .post_across("/saml/acs", &[("SAMLResponse", &posting.response), ("RelayState", &posting.relay_state)])
        .await;
    let page = browser.get("/me").await;
    assert!(page.heading() == "You are signed in" && !page.text.contains("id=\"renew\""), "{}", page.text);
    assert!(world.sessions.find(first.id).is_none(), "the old one is replaced");
    assert_eq!(world.browser().post("/renew", &[]).await.status, StatusCode::FORBIDDEN);
}
