//! The page on which people give their devices names of their own.

use http::StatusCode;

use super::world::{Answer, Browser, World};

/// Makes a device, and gives the address of the page that shows it.
async fn make(browser: &mut Browser<'_>, title: &str) -> String {
    let page = browser.get("/devices").await;
    assert_eq!(page.heading(), "Your devices");
    let fields = [("csrf", page.hidden("csrf")), ("title", title.to_owned()), ("do", "make".to_owned())];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = browser.post("/devices", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    answer.location().to_owned()
}

/// The address of the PAC file on a page, and the secret in it.
fn address(page: &Answer) -> (String, String) {
    let (_, rest) = page
        .text
        .split_once("<code class=\"code\" tabindex=\"0\">")
        .unwrap_or_else(|| panic!("no address in {}", page.text));
    let address = rest.split_once('<').unwrap().0.to_owned();
    let secret = address.strip_prefix("https://pac.proxy.test:8443/pac/").unwrap().strip_suffix(".pac").unwrap();
    (address.clone(), secret.to_owned())
}

/// Presses a button of the first device that is listed.
async fn press(browser: &mut Browser<'_>, what: &str) -> Answer {
    let page = browser.get("/devices").await;
    let (csrf, device) = (page.hidden("csrf"), page.hidden("device"));
    browser.post("/devices", &[("csrf", &csrf), ("device", &device), ("do", what)]).await
}

#[tokio::test]
async fn a_person_makes_a_device_and_gets_its_address_once_and_a_file_for_each_system() {
    let world = World::new();
    let mut browser = world.browser();
    assert_eq!(browser.get("/devices").await.location(), "/", "nobody is signed in");
    browser.sign_in(None).await;
    assert!(browser.get("/me").await.text.contains("href=\"/devices\""));
    let place = make(&mut browser, "Britta's <laptop>").await;
    let page = browser.get(&place).await;
    assert!(page.heading().starts_with("Set up Britta&#39;s &#60;laptop&#62;"), "{}", page.heading());
    let (address, secret) = address(&page);
    assert!(!place.contains(&secret), "it would stand in logs and histories");
    let links: Vec<_> = page.text.split("href=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect();
    let files: Vec<_> = links.iter().filter(|link| link.starts_with("/devices/set-up/")).collect();
    assert_eq!(files.len(), 9, "six, and three with the certificate");
    for (system, with, kind, name, holds) in [
        ("windows", false, "text/x-ms-regedit; charset=us-ascii", "vestibule-proxy.reg", "AutoConfigURL"),
        ("apple", false, "application/x-apple-aspen-config", "vestibule-proxy.mobileconfig", "ProxyPACURL"),
        ("apple", true, "application/x-apple-aspen-config", "vestibule-proxy.mobileconfig", "com.apple.security.root"),
        ("linux", false, "text/x-shellscript; charset=utf-8", "vestibule-proxy.sh", "gsettings"),
        ("terminal", false, "text/plain; charset=utf-8", "vestibule-proxy.env", "https_proxy='https://d-"),
        ("firefox", true, "application/json", "policies.json", "ImportEnterpriseRoots"),
        ("chromium", true, "application/json", "vestibule-proxy.json", "CACertificates"),
    ] {
        let start = format!("/devices/set-up/{system}?");
        let mut wanted =
            files.iter().filter(|link| link.starts_with(&start) && link.contains("certificate=yes") == with);
        let file = browser.get(&wanted.next().unwrap().replace("&#38;", "&")).await;
        assert_eq!(file.status, StatusCode::OK, "{system}");
        assert_eq!(file.fields["content-type"], kind);
        assert_eq!(file.fields["content-disposition"], format!("attachment; filename=\"{name}\""));
        assert!(file.text.contains(holds), "{holds} in {}", file.text);
        assert!(file.text.contains(&address) || system == "terminal", "{}", file.text);
    }
    let list = browser.get("/devices").await;
    assert!(list.text.contains("Britta&#39;s &#60;laptop&#62;") && list.text.contains("not used yet"), "{}", list.text);
    let label = world.bindings.label_of(&secret).await.unwrap();
    assert!(label.starts_with("d-") && !label.contains(&secret));
    assert!(!list.text.contains(&secret) && !list.text.contains(&label), "it is shown once");
}

#[tokio::test]
async fn the_page_of_a_new_device_is_for_the_browser_that_made_it_and_for_an_hour() {
    let world = World::new();
    let (mut here, mut there) = (world.browser(), world.browser());
    here.sign_in(None).await;
    there.sign_in(None).await;
    let place = make(&mut here, "").await;
    let page = here.get(&place).await;
    assert_eq!(page.heading(), "Set up Chrome on Linux", "called by what made it");
    let file = place.replace("/devices/new", "/devices/set-up/firefox");
    assert_eq!(here.get(&file).await.status, StatusCode::OK);
    for place in [&place, &file] {
        assert_eq!(there.get(place).await.location(), "/devices", "the same person's other browser");
        assert_eq!(world.browser().get(place).await.location(), "/devices", "nobody's browser");
    }
    assert_eq!(here.get(&place.replace("new?d=", "new?d=x")).await.location(), "/devices");
    assert_eq!(here.get(&file.replace("firefox", "amiga")).await.status, StatusCode::NOT_FOUND);
    world.clock.advance(vestibule::clock::SignedDuration::from_mins(61));
    assert_eq!(here.get(&place).await.location(), "/devices");
}

#[tokio::test]
async fn a_device_is_removed_or_gets_another_address() {
    let world = World::new();
    let mut browser = world.browser();
    browser.sign_in(None).await;
    let place = make(&mut browser, "laptop").await;
    let (_, first) = address(&browser.get(&place).await);
    let answer = press(&mut browser, "again").await;
    let (_, second) = address(&browser.get(answer.location()).await);
    assert_eq!(world.bindings.label_of(&first).await, None);
    assert!(world.bindings.label_of(&second).await.is_some());
    assert_eq!(browser.get("/devices").await.text.matches("<li><strong>laptop").count(), 1);
    let answer = press(&mut browser, "remove").await;
    assert_eq!(answer.location(), "/devices?n=removed");
    let page = browser.get(answer.location()).await;
    assert!(page.text.contains("The device is removed") && page.text.contains("You have no such device yet"));
    assert_eq!(world.bindings.label_of(&second).await, None);
}

#[tokio::test]
async fn one_person_has_so_many_devices_and_is_told() {
    let world = World::new();
    let mut browser = world.browser();
    browser.sign_in(None).await;
    for number in 0..3 {
        assert!(make(&mut browser, &format!("device {number}")).await.starts_with("/devices/new?d="));
    }
    let place = make(&mut browser, "one more").await;
    assert_eq!(place, "/devices?n=full");
    assert!(browser.get(&place).await.text.contains("as many devices as one person may have"));
}

#[tokio::test]
async fn nobody_changes_the_devices_of_another_person_or_from_another_site() {
    let world = World::new();
    let (mut britta, mut alex) = (world.browser(), world.browser());
    britta.sign_in(None).await;
    let sent = alex.type_name(None, "AlexW@contoso.com").await;
    let posting = alex.at_idp(&sent, "AlexW@contoso.com", "alex").await;
    alex.deliver(&posting).await;
    let place = make(&mut britta, "laptop").await;
    let (_, secret) = address(&britta.get(&place).await);
    let device = britta.get("/devices").await.hidden("device");
    let csrf = alex.get("/devices").await.hidden("csrf");
    for what in ["remove", "again"] {
        let answer = alex.post("/devices", &[("csrf", &csrf), ("device", &device), ("do", what)]).await;
        assert_eq!(answer.location(), "/devices");
    }
    let csrf = britta.get("/devices").await.hidden("csrf");
    let remove = [("csrf", csrf.as_str()), ("device", &device), ("do", "remove")];
    assert_eq!(britta.post_across("/devices", &remove).await.status, StatusCode::FORBIDDEN);
    assert_eq!(britta.post("/devices", &remove[1..]).await.status, StatusCode::FORBIDDEN);
    assert!(world.bindings.label_of(&secret).await.is_some());
    assert_eq!(britta.post("/devices", &remove).await.location(), "/devices?n=removed");
}

#[tokio::test]
async fn the_pages_speak_german() {
    let world = World::new();
    let mut browser = world.browser();
    browser.sign_in(None).await;
    let place = make(&mut browser, "Laptop").await;
    browser.language = "de".into();
    assert_eq!(browser.get("/devices").await.heading(), "Ihre Geräte");
    assert_eq!(browser.get(&place).await.heading(), "Laptop einrichten");
}
