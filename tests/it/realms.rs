//! Several realms beside each other: each identity provider speaks for its own people alone.

use serde_json::{Value, json};
use vestibule::app::demo::idp::TENANT;

use super::browser::{Browser, Page};
use super::world::{Builder, World};

/// A realm of others, whose identity provider vouches for the people of `contoso.com`: it is the same one.
fn beside(lines: &str) -> Builder {
    let world = World::build();
    let certificate = world.folder().join("login.cer");
    let realm = format!(
        "[[realm]]\nname = \"fabrikam\"\ndomains = [\"fabrikam.com\"]\nentity_id = \"https://auth.vestibule.test/0123456789abcdef\"\n\
         issuer = \"https://sts.windows.net/{TENANT}/\"\nlogin_url = \"https://login.vestibule.test/{TENANT}/saml2\"\n\
         certificate = {certificate:?}\n{lines}"
    );
    world.config(&realm)
}

/// Somebody of the other realm signs in, and their identity provider calls them B.Simon of Contoso.
fn sign_in_as_another(browser: &Browser<'_>) -> Page {
    let logon = browser.go("http://news.test/");
    assert_eq!(logon.heading(), "Sign in");
    let there = browser.submit(&logon, logon.form(), &[("account", "eve@fabrikam.com")]);
    assert!(there.has_form("password"), "{there:#?}");
    let answer = browser.submit(&there, there.form(), &[("login", "B.Simon@contoso.com"), ("password", "simon")]);
    assert!(answer.has_form("SAMLResponse"), "{answer:#?}");
    browser.submit(&answer, answer.form(), &[])
}

fn audited(world: &World) -> Vec<Value> {
    let text = std::fs::read_to_string(world.folder().join("audit.log")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn an_identity_provider_cannot_pass_its_people_off_as_another_realms() {
    let world = beside("").start();
    let browser = world.browser();
    let page = sign_in_as_another(&browser);
    assert_eq!((page.status, page.heading()), (403, "Your account belongs to another domain"), "{page:#?}");
    assert!(page.body.contains("foreign_names"), "it says what an administrator can do: {page:#?}");
    assert_eq!(browser.go("http://news.test/").heading(), "Sign in", "nobody is signed in");
    let refused: Vec<_> = audited(&world).into_iter().filter(|entry| entry["audit"] == "sign-in-refused").collect();
    assert_eq!((refused.len(), &refused[0]["realm"]), (1, &json!("fabrikam")), "{refused:?}");
    assert!(refused[0]["reason"].as_str().unwrap().contains("does not speak for the domain of `B.Simon@contoso.com`"));
    // Contoso's own sign in as ever.
    world.browser().arrive("http://news.test/");
    let own = |record: &Value| record["user"] == "B.Simon@contoso.com";
    let records = world.wait_for(|all| all.iter().any(own));
    assert!(records.iter().filter(|record| own(record)).all(|record| record["realm"] == "contoso"), "{records:#?}");
}

#[test]
fn where_a_realm_may_name_guests_they_are_nobody_else_in_rules_and_records() {
    let rules = "[[policy.rule]]\nname = \"simon\"\nusers = [\"contoso/B.SIMON@contoso.com\"]\ndestinations = [\"shop.test\"]\n\
                 effect = \"allow\"\n[[policy.rule]]\nname = \"staff\"\ngroups = [\"contoso/STAFF\"]\n\
                 destinations = [\"mail.test\"]\neffect = \"allow\"\n[[policy.rule]]\nname = \"nobody else\"\n\
                 destinations = [\"shop.test\", \"mail.test\"]\neffect = \"block\"";
    let world = beside("foreign_names = [\"contoso.com\"]").network("shared", "127.0.7.0/24", "shared = true");
    let world = world.config(rules).start();
    let (guest, own) = (world.browser().at([127, 0, 7, 1]), world.browser().at([127, 0, 7, 2]));
    assert_eq!(sign_in_as_another(&guest).heading(), "This is news.test");
    own.arrive("http://news.test/");
    for host in ["shop.test", "mail.test"] {
        assert_eq!(guest.go(&format!("http://{host}/")).status, 403, "{host}");
        assert_eq!(own.go(&format!("http://{host}/")).heading(), format!("This is {host}"));
        for (realm, rule) in
            [("fabrikam", "nobody else"), ("contoso", if host == "shop.test" { "simon" } else { "staff" })]
        {
            world.record(|record| {
                record["host"] == host
                    && record["realm"] == realm
                    && record["user"] == "B.Simon@contoso.com"
                    && record["rule"] == rule
            });
        }
    }
    let signed_in = audited(&world).into_iter().filter(|entry| entry["audit"] == "sign-in");
    assert_eq!(signed_in.map(|entry| entry["realm"].clone()).collect::<Vec<_>>(), ["fabrikam", "contoso"]);
}
