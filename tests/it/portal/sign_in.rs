//! From a typed name to a session, and everything that must not lead to one.

use std::sync::Arc;

use http::StatusCode;
use url::form_urlencoded;
use vestibule::clock::SignedDuration;
use vestibule::saml::guard;
use vestibule::saml::{Key, Mismatch};
use vestibule::secret::Secret;
use vestibule::session::SessionId;

use super::world::{ALIAS, Options, Posting, World};

const SESSION: &str = "__Host-vestibule";

/// The secret of the ticket in an address.
fn ticket(address: &str) -> &str {
    address.split_once("?ticket=").unwrap_or_else(|| panic!("no ticket in {address}")).1
}

#[tokio::test]
async fn an_unknown_browser_signs_in_and_arrives_where_it_was_going() {
    let world = World::new();
    let mut browser = world.browser();
    let token = world.challenge("http://news.test/a?q=1&b=%20", None);
    let page = browser.get(&format!("/?r={token}")).await;
    assert_eq!(page.heading(), "Sign in");
    assert!(page.text.contains("to go on to <strong>news.test</strong>"), "{}", page.text);
    let answer = browser.sign_in(Some(&token)).await;
    assert_eq!(answer.location(), format!("/?r={token}"));
    let session = answer.cookie(SESSION).unwrap();
    assert!(session.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=2592000"), "{session}");
    assert!(!browser.jar.keys().any(|name| name.contains("-p-")), "the pending sign-in's cookie is gone");
    let onward = browser.get(answer.location()).await;
    assert_eq!(onward.status, StatusCode::FOUND);
    assert!(onward.location().starts_with("http://news.test:60443/.well-known/vestibule/arrive?ticket="));
    let ticket = world.tickets.redeem(ticket(onward.location())).await.unwrap();
    assert_eq!(ticket.answers.destination, "http://news.test/a?q=1&b=%20");
    let session = world.sessions.find(ticket.session).unwrap();
    assert_eq!(session.user.name, "B.Simon@contoso.com");
    let page = browser.get("/me").await;
    assert_eq!(page.heading(), "You are signed in");
    for part in ["B. Simon", "B.Simon@contoso.com", "21 November 2026, 10:00 (UTC)", "Chrome on Linux", "192.0.2.7"] {
        assert!(page.text.contains(part), "{part} in {}", page.text);
    }
}

#[tokio::test]
async fn every_form_of_a_name_leads_to_the_identity_provider_with_its_hint() {
    let world = World::new();
    for (typed, hint) in [
        ("CONTOSO\\bsimon", "bsimon@contoso.com"),
        ("bsimon@contoso", "bsimon@contoso.com"),
        ("B.Simon@Contoso.com ", "B.Simon@contoso.com"),
    ] {
        let answer = world.browser().type_name(None, typed).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{typed}");
        let (_, query) = answer.location().split_once('?').unwrap();
        let sent = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "login_hint").unwrap().1;
        assert_eq!(sent, hint, "{typed}");
        assert!(answer.location().starts_with("https://login.test/"), "{}", answer.location());
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_used_stays_in_its_field_with_a_sentence_beside_it() {
    let world = World::new();
    for (typed, sentence) in [
        ("bsimon", "The domain is missing. Type the whole name, for example b.simon@contoso.com."),
        ("", "Type your account name, for example b.simon@contoso.com."),
        ("@contoso.com", "The name in front of the domain is missing."),
        ("b simon@contoso.com", "The name has a character in it that no account name has."),
        ("bsimon@contoso..com", "is not a valid domain"),
        ("eve@example.org", "This portal does not serve that domain."),
    ] {
        let token = world.challenge("http://news.test/", None);
        let answer = world.browser().type_name(Some(&token), typed).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{typed}");
        assert!(answer.text.contains(sentence), "{typed}: {}", answer.text);
        assert!(answer.text.contains(&format!("id=\"account\" name=\"account\" value=\"{typed}\"")), "{typed}");
        assert!(answer.text.contains("<title>Error: Sign in"), "{typed}");
        assert_eq!(answer.hidden("r"), token, "the way is kept");
    }
}

#[tokio::test]
async fn a_known_and_an_unknown_account_get_the_same_answer() {
    let world = World::new();
    let strip = |location: &str| location.split("SAMLRequest=").next().unwrap().to_owned();
    let known = world.browser().type_name(None, "B.Simon@contoso.com").await;
    let unknown = world.browser().type_name(None, "nobody@contoso.com").await;
    assert_eq!((known.status, strip(known.location())), (unknown.status, strip(unknown.location())));
    assert_eq!(known.text, unknown.text);
}

#[tokio::test]
async fn a_form_without_a_good_token_begins_nothing() {
    let world = World::new();
    let mut browser = world.browser();
    let csrf = browser.get("/").await.hidden("csrf");
    let account = ("account", "B.Simon@contoso.com");
    let theirs = world.browser().get("/").await.hidden("csrf");
    for fields in [vec![account], vec![account, ("csrf", "x")], vec![account, ("csrf", theirs.as_str())]] {
        let answer = browser.post("/logon", &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.text.contains("Please press Log on once more."), "{}", answer.text);
        assert!(answer.text.contains("value=\"B.Simon@contoso.com\""), "what was typed is kept");
    }
    let fields = [account, ("csrf", csrf.as_str())];
    let across = browser.clone().post_across("/logon", &fields).await;
    assert_eq!(across.status, StatusCode::FORBIDDEN);
    let mut forgetful = browser.clone();
    forgetful.jar.clear();
    assert!(forgetful.post("/logon", &fields).await.text.contains("did not keep this site&#39;s cookie"));
    assert_eq!(browser.post("/logon", &fields).await.status, StatusCode::SEE_OTHER);
    world.clock.advance(SignedDuration::from_hours(12));
    assert!(browser.post("/logon", &fields).await.text.contains("open for a long time"));
}

#[tokio::test]
async fn a_response_is_taken_once_and_after_that_people_are_told_where_they_stand() {
    let world = World::new();
    let mut browser = world.browser();
    let token = world.challenge("http://news.test/a", None);
    let sent = browser.type_name(Some(&token), "B.Simon@contoso.com").await;
    let posting = browser.at_idp(&sent, "B.Simon@contoso.com", "simon").await;
    let before = browser.clone();
    assert_eq!(browser.deliver(&posting).await.location(), format!("/?r={token}"));
    let again = browser.deliver(&posting).await;
    assert_eq!((again.status, again.location()), (StatusCode::SEE_OTHER, "/again"));
    let told = browser.get("/again").await;
    let page = browser.get(told.location()).await;
    assert!(page.text.contains("You are already signed in. Nothing more is needed."), "{}", page.text);
    assert!(page.text.contains("Go on to news.test"), "{}", page.text);
    let mut stranger = before.clone();
    assert_eq!(stranger.deliver(&posting).await.location(), "/again");
    let page = stranger.get("/again").await;
    assert!(page.text.contains("already used, or it took too long"), "{}", page.text);
    assert_eq!(page.heading(), "Sign in");
    assert_eq!(world.sessions.count(), 1);
}

#[tokio::test]
async fn eight_equal_responses_at_once_sign_in_once() {
    let world = World::new();
    let mut browser = world.browser();
    let sent = browser.type_name(None, "B.Simon@contoso.com").await;
    let posting = browser.at_idp(&sent, "B.Simon@contoso.com", "simon").await;
    let mut browsers: Vec<_> = (0..8).map(|_| browser.clone()).collect();
    let answers = futures_join(browsers.iter_mut().map(|browser| browser.deliver(&posting))).await;
    assert_eq!(answers.iter().filter(|answer| answer.location() == "/me").count(), 1);
    assert_eq!(world.sessions.count(), 1);
}

/// Polls all of them until each is done.
async fn futures_join<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, done) in &mut futures {
            if done.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *done = Some(output);
            }
        }
        if futures.iter().all(|(_, done)| done.is_some()) {
            return std::task::Poll::Ready(());
        }
        std::task::Poll::Pending
    })
    .await;
    futures.into_iter().filter_map(|(_, done)| done).collect()
}

#[tokio::test]
async fn a_response_in_another_browser_signs_nobody_in_and_uses_nothing_up() {
    let world = World::new();
    let mut attacker = world.browser();
    let sent = attacker.type_name(None, "AlexW@contoso.com").await;
    let posting = attacker.at_idp(&sent, "AlexW@contoso.com", "alex").await;
    let mut victim = world.browser();
    let answer = victim.deliver(&posting).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.heading(), "This sign-in was not started in this browser");
    assert!(!victim.holds(SESSION));
    // A cookie of the right name with another value is not enough either.
    let name = attacker.jar.keys().find(|name| name.contains("-p-")).unwrap().clone();
    victim.jar.insert(name, ("guess".into(), true));
    assert_eq!(victim.deliver(&posting).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.sessions.count(), 0);
    assert_eq!(attacker.deliver(&posting).await.location(), "/me");
}

#[tokio::test]
async fn a_response_to_another_sign_in_of_the_same_browser_is_refused_without_a_reason() {
    let world = World::new();
    let mut browser = world.browser();
    let first = browser.type_name(None, "B.Simon@contoso.com").await;
    let one = browser.at_idp(&first, "B.Simon@contoso.com", "simon").await;
    let second = browser.type_name(None, "B.Simon@contoso.com").await;
    let two = browser.at_idp(&second, "B.Simon@contoso.com", "simon").await;
    let mixed = Posting { response: one.response.clone(), relay_state: two.relay_state.clone() };
    let answer = browser.deliver(&mixed).await;
    assert_eq!((answer.status, answer.heading()), (StatusCode::FORBIDDEN, "The sign-in was not accepted"));
    let broken = Posting { response: "AAAA".into(), relay_state: two.relay_state.clone() };
    let other = browser.deliver(&broken).await;
    let without_id = |text: &str| text.split("Request ID: ").next().unwrap().to_owned();
    assert_eq!(without_id(&answer.text), without_id(&other.text), "all refusals look the same");
    assert!(!browser.holds(SESSION));
    assert_eq!(browser.deliver(&two).await.location(), "/me", "the sign-in itself still works");
}

/// A row of answers to changed ciphertexts would give the text away.
#[tokio::test]
async fn where_answers_can_be_encrypted_a_refused_one_uses_the_sign_in_up() {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap().pem();
    let key = Key::read(certificate.as_bytes(), &Secret::new(key.serialize_pem())).unwrap();
    let world = World::with(&Options { keys: vec![Arc::new(key)], ..Options::default() });
    let mut browser = world.browser();
    let sent = browser.type_name(None, "B.Simon@contoso.com").await;
    let good = browser.at_idp(&sent, "B.Simon@contoso.com", "simon").await;
    let broken = Posting { response: "AAAA".into(), relay_state: good.relay_state.clone() };
    assert_eq!(browser.deliver(&broken).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.deliver(&good).await.location(), "/again");
    assert_eq!(world.sessions.count(), 0);
}

#[tokio::test]
async fn two_tabs_both_arrive() {
    let world = World::new();
    let mut browser = world.browser();
    let (news, mail) = (world.challenge("http://news.test/1", None), world.challenge("https://mail.test/2", None));
    let first = browser.type_name(Some(&news), "B.Simon@contoso.com").await;
    let second = browser.type_name(Some(&mail), "B.Simon@contoso.com").await;
    let one = browser.at_idp(&first, "B.Simon@contoso.com", "simon").await;
    let two = browser.at_idp(&second, "B.Simon@contoso.com", "simon").await;
    for (posting, destination) in [(two, "https://mail.test/2"), (one, "http://news.test/1")] {
        let answer = browser.deliver(&posting).await;
        let onward = browser.get(answer.location()).await;
        let ticket = world.tickets.redeem(ticket(onward.location())).await.unwrap();
        assert_eq!(ticket.answers.destination, destination);
    }
    assert_eq!(world.sessions.count(), 1, "the second sign-in replaced the first session");
}

#[tokio::test]
async fn another_person_in_the_same_browser_ends_the_first_ones_session() {
    let world = World::new();
    let mut browser = world.browser();
    browser.sign_in(None).await;
    let simon = world.sessions.find(SessionId::of_secret(&browser.jar[SESSION].0)).unwrap();
    // Back to the logon page of another browser window that was still open.
    let mut tab = browser.clone();
    tab.jar.remove(SESSION);
    let page = tab.get("/").await;
    let fields = [("csrf", page.hidden("csrf")), ("account", "AlexW@contoso.com".to_owned())];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let sent = browser.post("/logon", &fields).await;
    let posting = browser.at_idp(&sent, "AlexW@contoso.com", "alex").await;
    browser.deliver(&posting).await;
    assert!(simon.ended().is_cancelled(), "cookies on other origins stop naming the first person");
    assert!(browser.get("/me").await.text.contains("AlexW@contoso.com"));
    assert_eq!(world.sessions.count(), 1);
}

#[tokio::test]
async fn back_to_the_logon_page_after_sign_in_goes_on_to_the_wanted_page() {
    let world = World::new();
    let mut browser = world.browser();
    let token = world.challenge("http://news.test/a", None);
    browser.sign_in(Some(&token)).await;
    let answer = browser.get(&format!("/?r={token}")).await;
    assert!(answer.location().starts_with("http://news.test:60443/.well-known/vestibule/arrive?ticket="));
    // The challenge has been answered: its cookie is gone, and a second ticket for it would be refused.
    assert_eq!(browser.get(&format!("/?r={token}")).await.location(), "http://news.test/a");
    assert_eq!(browser.get("/").await.location(), "/me");
    let own = world.challenge("https://portal.test/certificate", None);
    assert_eq!(
        browser.get(&format!("/?r={own}")).await.location(),
        "https://portal.test/certificate",
        "without a ticket"
    );
}

#[tokio::test]
async fn a_return_token_that_is_no_good_is_a_friendly_line() {
    let world = World::new();
    let mut browser = world.browser();
    let token = world.challenge("http://news.test/a", None);
    assert!(browser.get("/?r=forged").await.text.contains("could not be read"));
    world.clock.advance(SignedDuration::from_hours(1));
    let page = browser.get(&format!("/?r={token}")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("older than an hour"), "{}", page.text);
    browser.sign_in(None).await;
    let answer = browser.get(&format!("/?r={token}")).await;
    let page = browser.get(answer.location()).await;
    assert!(page.text.contains("older than an hour"), "{}", page.text);
}

#[tokio::test]
async fn a_form_that_was_not_sent_on_is_explained_before_going_on() {
    let world = World::new();
    let mut browser = world.browser();
    let token = world.challenge("http://news.test/comment?a=1", Some("POST"));
    let page = browser.get(&format!("/?r={token}")).await;
    assert!(page.text.contains("The form that you filled in was not sent"), "{}", page.text);
    let answer = browser.sign_in(Some(&token)).await;
    let page = browser.get(answer.location()).await;
    assert_eq!((page.status, page.heading()), (StatusCode::OK, "Your form was not sent"));
    for part in ["a form (POST)", "http://news.test/comment?a=1", &format!("href=\"/go?r={token}\"")] {
        assert!(page.text.contains(part), "{part} in {}", page.text);
    }
    let onward = browser.get(&format!("/go?r={token}")).await;
    assert!(onward.location().starts_with("http://news.test:60443/.well-known/vestibule/arrive?ticket="));
}

#[tokio::test]
async fn somebody_may_take_a_long_time_to_type_a_password_but_not_for_ever() {
    let world = World::new();
    let mut browser = world.browser();
    for (wait, location) in [(SignedDuration::from_mins(29), "/me"), (SignedDuration::from_mins(30), "/again")] {
        let sent = browser.type_name(None, "AdeleV@contoso.com").await;
        world.clock.advance(wait);
        let mut idp = browser.clone();
        let posting = idp.at_idp(&sent, "AdeleV@contoso.com", "adele").await;
        assert_eq!(browser.deliver(&posting).await.location(), location);
        browser = world.browser();
    }
}

#[tokio::test]
async fn a_refusal_of_the_identity_provider_is_told_in_plain_words_with_a_way_back() {
    let world = World::new();
    let mut browser = world.browser();
    let token = world.challenge("http://news.test/a", None);
    let sent = browser.type_name(Some(&token), "MeganB@contoso.com").await;
    let posting = browser.at_idp(&sent, "MeganB@contoso.com", "megan").await;
    let answer = browser.deliver(&posting).await;
    assert_eq!((answer.status, answer.heading()), (StatusCode::FORBIDDEN, "Your account has no access yet"));
    for part in ["AADSTS50105", "Ask your administrator", &format!("href=\"/?r={token}\""), "Request ID: "] {
        assert!(answer.text.contains(part), "{part} in {}", answer.text);
    }
    assert!(!browser.holds(SESSION));
    assert_eq!(browser.deliver(&posting).await.location(), "/again", "the sign-in is over");
}

#[tokio::test]
async fn who_the_person_is_comes_from_the_assertion_and_a_realm_may_want_it_to_be_who_was_typed() {
    for mismatch in [Mismatch::Accept, Mismatch::Warn, Mismatch::Refuse] {
        let world = World::with(&Options { mismatch, ..Options::default() });
        let mut browser = world.browser();
        let token = world.challenge("http://news.test/a", None);
        let sent = browser.type_name(Some(&token), "CONTOSO\\bsimon").await;
        let posting = browser.at_idp(&sent, "AlexW@contoso.com", "alex").await;
        let answer = browser.deliver(&posting).await;
        match mismatch {
            Mismatch::Accept => assert_eq!(answer.location(), format!("/?r={token}")),
            Mismatch::Warn => {
                let page = browser.get(answer.location()).await;
                let line = "You signed in as AlexW@contoso.com, but typed CONTOSO\\bsimon.";
                assert!(page.text.contains(line) && page.text.contains("Go on to news.test"), "{}", page.text);
            }
            Mismatch::Refuse => {
                assert_eq!(answer.heading(), "You signed in with another account");
                assert_eq!(world.sessions.count(), 0);
            }
        }
        let mut same = world.browser();
        let sent = same.type_name(None, "CONTOSO\\bsimon").await;
        let posting = same.at_idp(&sent, "B.Simon@contoso.com", "simon").await;
        assert_eq!(same.deliver(&posting).await.location(), "/me", "the same person by another name");
    }
}

#[tokio::test]
async fn an_alias_is_taken_only_for_responses_that_were_meant_for_it() {
    let world = World::new();
    let mut browser = world.browser();
    let sent = browser.type_name(None, "B.Simon@contoso.com").await;
    let posting = browser.at_idp(&sent, "B.Simon@contoso.com", "simon").await;
    let fields = [("SAMLResponse", posting.response.as_str()), ("RelayState", posting.relay_state.as_str())];
    let answer = browser.post_across(ALIAS, &fields).await;
    assert_eq!((answer.status, answer.heading()), (StatusCode::FORBIDDEN, "The sign-in was not accepted"));
    assert_eq!(browser.post_across("/saml/elsewhere", &fields).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_acs_takes_no_more_than_the_longest_form_that_is_looked_at_and_other_forms_no_more_than_16_kib() {
    let world = World::new();
    let mut browser = world.browser();
    let message = |len: usize| "A".repeat(len - "SAMLResponse=".len());
    let answer = browser.post_across("/saml/acs", &[("SAMLResponse", &message(guard::MAX_FORM))]).await;
    assert_eq!(answer.location(), "/again");
    let answer = browser.post_across("/saml/acs", &[("SAMLResponse", &message(guard::MAX_FORM + 1))]).await;
    assert_eq!((answer.status, answer.heading()), (StatusCode::PAYLOAD_TOO_LARGE, "The message is too large"));
    for path in ["/logon", "/sign-out", "/renew", "/devices", "/test-sso", "/tokens", "/tokens/revoke"] {
        let answer = browser.post(path, &[("account", &"a".repeat(16 * 1024 + 1))]).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
    }
}

/// Nobody asked the identity provider, so the page does not blame it.
#[tokio::test]
async fn where_nothing_is_known_of_the_identity_provider_the_page_says_so_and_does_not_blame_it() {
    let outdated = Options { valid_until: Some("2026-11-21T09:59:59Z"), ..Options::default() };
    for options in [outdated, Options { fetched: false, ..Options::default() }] {
        let world = World::with(&options);
        let answer = world.browser().type_name(None, "B.Simon@contoso.com").await;
        let heading = "This portal cannot send you to your sign-in page";
        assert_eq!((answer.status, answer.heading()), (StatusCode::SERVICE_UNAVAILABLE, heading));
        assert!(answer.text.contains("was not asked") && !answer.text.contains("answered with an error"));
    }
    // They end while somebody is at the identity provider.
    let world = World::with(&Options { valid_until: Some("2026-11-21T10:01:00Z"), ..Options::default() });
    let mut browser = world.browser();
    let sent = browser.type_name(None, "B.Simon@contoso.com").await;
    let posting = browser.at_idp(&sent, "B.Simon@contoso.com", "simon").await;
    world.clock.advance(SignedDuration::from_mins(2));
    assert_eq!(browser.deliver(&posting).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.sessions.count(), 0);
}

#[tokio::test]
async fn what_is_not_base64_is_a_bad_request_whoever_asked_for_it() {
    let world = World::new();
    let mut browser = world.browser();
    for nonsense in ["not base64!", "<Response/>", "abc", "a=b"] {
        let answer = browser.post_across("/saml/acs", &[("SAMLResponse", nonsense)]).await;
        assert_eq!(
            (answer.status, answer.heading()),
            (StatusCode::BAD_REQUEST, "The sign-in was not accepted"),
            "{nonsense}"
        );
    }
    let sent = browser.type_name(None, "B.Simon@contoso.com").await;
    let posting = browser.at_idp(&sent, "B.Simon@contoso.com", "simon").await;
    let fields = [("SAMLResponse", "not base64!"), ("RelayState", posting.relay_state.as_str())];
    assert_eq!(browser.post_across("/saml/acs", &fields).await.status, StatusCode::BAD_REQUEST);
    // It has used nothing up.
    assert_eq!(browser.deliver(&posting).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_response_that_comes_twice_in_one_form_or_without_a_relay_state_is_not_taken() {
    let world = World::new();
    let mut browser = world.browser();
    let sent = browser.type_name(None, "B.Simon@contoso.com").await;
    let posting = browser.at_idp(&sent, "B.Simon@contoso.com", "simon").await;
    let response = ("SAMLResponse", posting.response.as_str());
    let state = ("RelayState", posting.relay_state.as_str());
    assert_eq!(browser.post_across("/saml/acs", &[response, response, state]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.post_across("/saml/acs", &[response]).await.location(), "/again");
    assert_eq!(browser.post_across("/saml/acs", &[response, state, state]).await.location(), "/again");
    assert_eq!(world.sessions.count(), 0);
}

#[tokio::test]
async fn too_many_attempts_of_one_client_are_put_off_and_another_client_is_not() {
    let world = World::with(&Options { attempts_per_minute: 2, ..Options::default() });
    let mut browser = world.browser();
    for _ in 0..2 {
        assert_eq!(browser.type_name(None, "B.Simon@contoso.com").await.status, StatusCode::SEE_OTHER);
    }
    let answer = browser.type_name(None, "B.Simon@contoso.com").await;
    assert_eq!((answer.status, answer.heading()), (StatusCode::TOO_MANY_REQUESTS, "Too many sign-ins at the moment"));
    let mut other = world.browser();
    other.client = "192.0.2.8".parse().unwrap();
    assert_eq!(other.type_name(None, "B.Simon@contoso.com").await.status, StatusCode::SEE_OTHER);
    // Whoever has one address of an IPv6 network has all of them.
    for (client, status) in [
        ("2001:db8::1", StatusCode::SEE_OTHER),
        ("2001:db8::2:1", StatusCode::SEE_OTHER),
        ("2001:db8::3", StatusCode::TOO_MANY_REQUESTS),
        ("2001:db8:0:1::1", StatusCode::SEE_OTHER),
    ] {
        other.client = client.parse().unwrap();
        assert_eq!(other.type_name(None, "B.Simon@contoso.com").await.status, status, "{client}");
    }
}

#[tokio::test]
async fn a_challenge_of_another_client_gets_no_ticket() {
    let world = World::new();
    let mut browser = world.browser();
    browser.sign_in(None).await;
    let token = world.challenge("https://news.test/", None);
    for (client, place) in
        [("192.0.2.7", "https://news.test:60443/.well-known/vestibule/arrive?ticket="), ("192.0.2.8", "/me?n=")]
    {
        browser.client = client.parse().unwrap();
        let answer = browser.get(&format!("/?r={token}")).await;
        assert!(answer.location().starts_with(place), "{client}: {}", answer.location());
    }
}

#[tokio::test]
async fn when_there_is_no_room_for_a_session_people_are_told_to_wait() {
    let world = World::with(&Options { max_sessions: 0, ..Options::default() });
    let mut browser = world.browser();
    let sent = browser.type_name(None, "B.Simon@contoso.com").await;
    let posting = browser.at_idp(&sent, "B.Simon@contoso.com", "simon").await;
    let answer = browser.deliver(&posting).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!browser.holds(SESSION));
}

#[tokio::test]
async fn a_browser_that_begins_many_sign_ins_keeps_few_cookies() {
    let world = World::new();
    let mut browser = world.browser();
    for _ in 0..20 {
        browser.type_name(None, "B.Simon@contoso.com").await;
    }
    assert_eq!(browser.jar.keys().filter(|name| name.contains("-p-")).count(), 8);
    let newest = browser.type_name(None, "B.Simon@contoso.com").await;
    let posting = browser.at_idp(&newest, "B.Simon@contoso.com", "simon").await;
    assert_eq!(browser.deliver(&posting).await.location(), "/me");
}

#[tokio::test]
async fn an_identity_provider_that_does_not_ask_again_has_proven_nothing() {
    let world = World::new();
    let mut browser = world.browser();
    browser.sign_in(None).await;
    world.clock.advance(SignedDuration::from_hours(2));
    let sent = browser.get("/confirm").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{sent:?}");
    // Who sits at the browser takes the wish out of the request, which nobody signed.
    let (place, query) = sent.location().split_once('?').unwrap();
    let fields: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let changed = fields.iter().map(|(name, value)| match name.as_str() {
        "SAMLRequest" => (name.clone(), without_force(value)),
        _ => (name.clone(), value.clone()),
    });
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(changed).finish();
    let (_, page) = browser.at_provider(http::Method::GET, &format!("{place}?{query}"), String::new()).await;
    let posting = super::world::posting(&page).expect("it knows the person, and asks for nothing");
    let answer = browser.deliver(&posting).await;
    assert_eq!((answer.status, answer.heading()), (StatusCode::FORBIDDEN, "The sign-in page did not ask you again"));
    let (session, before) = (browser.session(), world.clock.now());
    assert!(session.authenticated < before, "{session:?}");
    // Asked honestly, it asks.
    let sent = browser.get("/confirm").await;
    let posting = browser.at_idp(&sent, "B.Simon@contoso.com", "simon").await;
    assert_eq!(browser.deliver(&posting).await.location(), "/me");
    assert_eq!((browser.session().authenticated, browser.session().id), (before, session.id));
}

/// The request without its `ForceAuthn`.
fn without_force(request: &str) -> String {
    use std::io::{Read as _, Write as _};

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let mut xml = String::new();
    flate2::read::DeflateDecoder::new(&*STANDARD.decode(request).unwrap()).read_to_string(&mut xml).unwrap();
    let changed = xml.replace(" ForceAuthn=\"true\"", "");
    assert_ne!(changed, xml);
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    deflated.write_all(changed.as_bytes()).unwrap();
    STANDARD.encode(deflated.finish().unwrap())
}
