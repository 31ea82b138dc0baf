//! The way out.

use http::StatusCode;
use vestibule::session::SessionId;

use super::world::World;

#[tokio::test]
async fn sign_out_here_ends_this_session_at_once_and_no_other() {
    let world = World::new();
    let (mut laptop, mut phone) = (world.browser(), world.browser());
    laptop.sign_in(None).await;
    phone.sign_in(None).await;
    let page = laptop.get("/me").await;
    assert_eq!(page.text.matches("Chrome on Linux").count(), 2);
    assert_eq!(page.text.matches("This device").count(), 1);
    let session = world.sessions.find(SessionId::of_secret(&laptop.jar["__Host-vestibule"].0)).unwrap();
    let secret = laptop.jar["__Host-vestibule"].0.clone();
    let answer = laptop.post("/sign-out", &[("csrf", &page.hidden("csrf")), ("where", "here")]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/signed-out"));
    assert!(session.ended().is_cancelled());
    assert!(!laptop.holds("__Host-vestibule") && !laptop.holds("__Host-vestibule-was"));
    assert_eq!(laptop.get("/signed-out").await.heading(), "You are signed out");
    laptop.jar.insert("__Host-vestibule".into(), (secret, false));
    assert_eq!(laptop.get("/me").await.location(), "/", "the cookie opens nothing any more");
    assert_eq!(phone.get("/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn sign_out_there_ends_one_other_session_of_the_same_person_and_no_strangers() {
    let world = World::new();
    let (mut laptop, mut phone, mut alex) = (world.browser(), world.browser(), world.browser());
    laptop.sign_in(None).await;
    phone.sign_in(None).await;
    let sent = alex.type_name(None, "AlexW@contoso.com").await;
    let posting = alex.at_idp(&sent, "AlexW@contoso.com", "alex").await;
    alex.deliver(&posting).await;
    let page = laptop.get("/me").await;
    let button = page.text.split("name=\"where\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    // The button is good in the hands of the same person alone.
    let theirs = alex.get("/me").await;
    alex.post("/sign-out", &[("csrf", &theirs.hidden("csrf")), ("where", &button)]).await;
    assert_eq!(phone.get("/me").await.status, StatusCode::OK);
    let answer = laptop.post("/sign-out", &[("csrf", &page.hidden("csrf")), ("where", &button)]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/me"));
    assert_eq!(phone.get("/me").await.location(), "/", "signed out there");
    assert_eq!(laptop.get("/me").await.status, StatusCode::OK, "and not here");
    assert_eq!(alex.get("/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn sign_out_everywhere_ends_all_sessions_of_that_person_and_nobody_elses() {
    let world = World::new();
    let (mut laptop, mut phone, mut alex) = (world.browser(), world.browser(), world.browser());
    laptop.sign_in(None).await;
    phone.sign_in(None).await;
    let sent = alex.type_name(None, "AlexW@contoso.com").await;
    let posting = alex.at_idp(&sent, "AlexW@contoso.com", "alex").await;
    alex.deliver(&posting).await;
    let page = laptop.get("/me").await;
    let answer = laptop.post("/sign-out", &[("csrf", &page.hidden("csrf")), ("where", "everywhere")]).await;
    let page = laptop.get(answer.location()).await;
    assert!(page.text.contains("None of your devices is signed in"), "{}", page.text);
    assert_eq!(phone.get("/me").await.location(), "/");
    assert_eq!(alex.get("/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_can_sign_somebody_out_from_another_site() {
    let world = World::new();
    let mut browser = world.browser();
    browser.sign_in(None).await;
    let csrf = browser.get("/me").await.hidden("csrf");
    for fields in [vec![("where", "here")], vec![("csrf", "x"), ("where", "here")]] {
        let answer = browser.post("/sign-out", &fields).await;
        assert_eq!((answer.status, answer.heading()), (StatusCode::FORBIDDEN, "The form was not accepted"));
    }
    assert_eq!(browser.post_across("/sign-out", &[("csrf", &csrf)]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.get("/sign-out").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/me").await.status, StatusCode::OK);
}
