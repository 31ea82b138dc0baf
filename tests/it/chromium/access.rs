//! People who use the keyboard, a screen reader or a telephone, or have no script.

use serde_json::{Value, json};
use vestibule::app::demo::world::{LOGIN, PORTAL};

use super::driver::{ENTER, TAB};
use super::stage::{Browser, Stage, Trust};

/// What is wrong with a page for somebody who cannot see it well, or not at all, or on a small screen.
const FAULTS: &str = r##"
const faults = [];
const root = document.documentElement;
if (!root.lang) faults.push("the page has no language");
if (!document.title.trim()) faults.push("the page has no title");
if (document.querySelectorAll("h1").length !== 1) faults.push("the page has not one h1");
if (!document.querySelector("main")) faults.push("the page has no main");
if (root.scrollWidth > root.clientWidth) faults.push(`the page is ${root.scrollWidth} wide in ${root.clientWidth}`);
for (const field of document.querySelectorAll("input:not([type=hidden])")) {
  if (!field.labels.length) faults.push(`no label for ${field.name}`);
  for (const id of (field.getAttribute("aria-describedby") || "").split(" ").filter(Boolean))
    if (!document.getElementById(id)) faults.push(`aria-describedby of ${field.name} names ${id}, which is not there`);
}
for (const image of document.images) if (!image.hasAttribute("alt")) faults.push(`no alt for ${image.src}`);
const channel = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const parse = colour => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  return canvas.getImageData(0, 0, 1, 1).data;
};
const luminance = c => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
const ground = element => {
  for (let e = element; e; e = e.parentElement) {
    const colour = parse(getComputedStyle(e).backgroundColor);
    if (colour[3] === 255) return colour;
  }
  return parse("Canvas");
};
const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
for (const element of document.body.querySelectorAll("*")) {
  const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  if (!own || !element.checkVisibility() || element.closest("script, style, noscript")) continue;
  const style = getComputedStyle(element), size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
  const found = contrast(parse(style.color), ground(element));
  if (found < (large ? 3 : 4.5)) faults.push(`contrast ${found.toFixed(2)}: ${element.textContent.trim().slice(0, 40)}`);
  if (size < 12) faults.push(`${size}px: ${element.textContent.trim().slice(0, 40)}`);
}
return faults;
"##;

/// Looks at the page in light and dark, on a telephone and on a screen.
pub(super) fn check(browser: &Browser, what: &str) {
    for scheme in ["light", "dark"] {
        for width in [320, 390, 1280] {
            browser.look(scheme, width);
            let faults = browser.run(FAULTS);
            assert_eq!(faults, json!([]), "{what}, {scheme}, {width} px wide");
        }
    }
}

fn focus(browser: &Browser) -> String {
    let name = "const e = document.activeElement; return e.id || e.localName";
    browser.run(name).as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_keyboard_is_enough() {
    let stage = Stage::open();
    let browser = stage.browser(Trust::WebAndAuthority);
    browser.open("http://news.test/wanted?q=1");
    assert_eq!(focus(&browser), "account");
    browser.press(TAB);
    assert_eq!(focus(&browser), "button");
    browser.press(TAB);
    assert_eq!(focus(&browser), "summary");
    browser.press(ENTER);
    browser.wait_text("CONTOSO\\");
    browser.press(TAB);
    browser.open("http://news.test/wanted?q=1");
    browser.press(ENTER);
    assert_eq!(focus(&browser), "account", "an empty form is not sent, and the focus is where it is to be filled in");
    browser.press("bsimon\u{E007}");
    browser.wait_text("The domain is missing");
    assert_eq!(focus(&browser), "account");
    assert_eq!(browser.property("#account", "value"), "bsimon");
    browser.press("\u{E010}@contoso.com\u{E007}");
    browser.wait_at(LOGIN);
    assert_eq!(focus(&browser), "password");
    browser.press("simon\u{E007}");
    browser.wait_text("This is news.test");
}

#[test]
fn script_is_not_needed() {
    let stage = Stage::open();
    let preferences = json!({ "profile.default_content_setting_values.javascript": 2 });
    let browser = stage.browser_with(Trust::WebAndAuthority, &[], preferences);
    browser.open("https://mail.test/wanted?q=1");
    browser.sign_in("bsimon@contoso.com", "simon");
    // The identity provider's page cannot go on by itself.
    browser.wait_text("Script is off in this browser");
    browser.click("button.first");
    browser.wait_text("This is mail.test");
    assert_eq!(browser.url(), "https://mail.test/wanted?q=1");
    browser.open(PORTAL);
    browser.click("button[value=here]");
    browser.wait_text("You are signed out");
}

#[test]
fn the_certificate_page_knows_whether_this_browser_trusts_us_without_a_script() {
    let stage = Stage::open();
    for (trust, said, other) in [
        (Trust::Web, "does not trust the authority yet", "trusts the authority."),
        (Trust::WebAndAuthority, "This browser trusts the authority.", "does not trust"),
    ] {
        let preferences = json!({ "profile.default_content_setting_values.javascript": 2 });
        let browser = stage.browser_with(trust, &[], preferences);
        browser.open(&format!("{PORTAL}/certificate"));
        browser.wait_text(said);
        assert!(!browser.text().contains(other), "{}", browser.text());
        // Steps for this system are unfolded, and no others.
        assert!(browser.has("details[open]") && !browser.has("details[open] ~ details[open]"));
        assert!(browser.text().contains("update-ca-certificates"), "{}", browser.text());
        assert!(!browser.text().contains("Keychain Access"), "{}", browser.text());
    }
}

#[test]
fn a_line_is_copied_by_a_button_that_is_there_only_with_script() {
    let stage = Stage::open();
    let browser = stage.browser(Trust::WebAndAuthority);
    browser.open(&format!("{PORTAL}/tokens"));
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("Sign a terminal in");
    let origin = json!({ "origin": PORTAL, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
    browser.devtools("Browser.grantPermissions", &origin).unwrap();
    browser.click("button.copy");
    browser.wait_text("Copied");
    browser.run("window.read = ''; navigator.clipboard.readText().then(text => { window.read = text })");
    browser.wait_until("what was copied", |browser| browser.run("return window.read") != "");
    assert_eq!(browser.run("return window.read"), browser.run("return document.querySelector('code').textContent"));
    drop(browser);
    let preferences = json!({ "profile.default_content_setting_values.javascript": 2 });
    let browser = stage.browser_with(Trust::WebAndAuthority, &[], preferences);
    browser.open(&format!("{PORTAL}/tokens"));
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.click("button.first");
    browser.wait_text("Sign a terminal in");
    assert!(!browser.text().contains("Copy"), "{}", browser.text());
}

#[test]
fn each_page_has_what_people_need() {
    let stage = Stage::open();
    let browser = stage.browser(Trust::WebAndAuthority);
    browser.open("http://news.test/wanted?q=1");
    check(&browser, "the logon page");
    browser.run("document.querySelector('details').open = true");
    check(&browser, "the logon page, unfolded");
    browser.fill("#account", "bsimon@elsewhere.test");
    browser.press(ENTER);
    browser.wait_text("does not serve that domain");
    check(&browser, "the logon page with a mistake");
    browser.run("document.querySelector('#account').value = ''");
    browser.name_account("bsimon@contoso.com");
    check(&browser, "the identity provider's page");
    browser.fill("#password", "simon");
    browser.press(ENTER);
    browser.wait_text("This is news.test");
    for (path, says) in [
        ("/me", "You are signed in"),
        ("/certificate", "Set up this device"),
        ("/no-such-page", "There is no such page"),
        ("/signed-out", "You are signed out"),
    ] {
        browser.open(&format!("{PORTAL}{path}"));
        browser.wait_text(says);
        browser.run("for (const fold of document.querySelectorAll('details')) fold.open = true");
        check(&browser, path);
    }
    browser.open("http://nowhere.test/");
    check(&browser, "an error page of the proxy");
    browser.open(&format!("http://{}/", stage.proxy));
    browser.wait_text("This is a proxy");
    check(&browser, "the proxy's own page");
}

#[test]
fn pages_speak_the_language_of_the_browser() {
    let stage = Stage::open();
    let preferences: Value = json!({ "intl.accept_languages": "de-DE,de" });
    let browser = stage.browser_with(Trust::WebAndAuthority, &[], preferences);
    browser.open("http://news.test/");
    assert_eq!(browser.property("html", "lang"), "de");
    browser.wait_text("Anmelden");
    check(&browser, "the logon page in German");
}
