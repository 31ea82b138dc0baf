//! Every page in every language.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::clock::Timestamp;
use crate::identity::logon_name;

/// One of each page, with everything on it that it can have.
fn every_page(brand: &Brand, locale: &Locale) -> Vec<(&'static str, Html)> {
    let now: Timestamp = "2026-03-05T08:09:10Z".parse().unwrap();
    let text = |text: &str| text.to_owned();
    let logon = Logon {
        account: text("bsimon"),
        example: text("b.simon@contoso.com"),
        netbios: Some(text("CONTOSO")),
        csrf: text("token"),
        guest: true,
        place: Some(text("news.test")),
        returning: Some(text("sealed")),
        identity_providers: vec![text("https://login.example")],
        ..Logon::default()
    };
    let mut pages = vec![("logon", logon.render(brand, locale))];
    for mistake in [
        Mistake::Name(logon_name::Error::Empty),
        Mistake::Name(logon_name::Error::TooLong),
        Mistake::Name(logon_name::Error::NoDomain),
        Mistake::Name(logon_name::Error::NoAccount),
        Mistake::Name(logon_name::Error::BadDomain),
        Mistake::Name(logon_name::Error::BadCharacter),
        Mistake::UnknownDomain,
        Mistake::NotEnabled,
    ] {
        pages.push(("logon-mistake", Logon { mistake: Some(mistake), ..logon.clone() }.render(brand, locale)));
    }
    for note in [
        Note::Expired,
        Note::Broken,
        Note::FormExpired,
        Note::FormForeign,
        Note::NoCookie,
        Note::Unsent,
        Note::Used,
        Note::Tile,
    ] {
        pages.push(("logon-note", Logon { note: Some(note), ..logon.clone() }.render(brand, locale)));
    }
    let device = |user_agent: &str, here| Device {
        user_agent: text(user_agent),
        client: text("192.0.2.7"),
        since: now,
        here,
        end: text("e"),
    };
    let signed_in = SignedIn {
        name: text("Britta Simon"),
        account: text("B.Simon@contoso.com"),
        since: now,
        until: now,
        left: Some((3, 20)),
        time_zone: jiff::tz::TimeZone::UTC,
        guest: false,
        devices: vec![
            device("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36", true),
            device("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", false),
        ],
        more: 3,
        tools: Some(2),
        note: None,
        onward: Some(Onward { href: text("/go?r=sealed"), place: text("news.test") }),
        has_names: true,
        csrf: text("token"),
        identity_providers: vec![text("https://login.example")],
    };
    pages.push(("signed-in", signed_in.render(brand, locale)));
    pages.push(("signed-in-guest", SignedIn { guest: true, ..signed_in.clone() }.render(brand, locale)));
    let guest = Guest {
        terms: Guest::paragraphs("Be <b>kind</b>.\r\n\r\nBe quick."),
        is_missing: true,
        place: Some(text("news.test")),
        account: text("/?account=1&r=sealed"),
        returning: Some(text("sealed")),
        csrf: text("token"),
    };
    assert_eq!(guest.terms, ["Be <b>kind</b>.", "Be quick."]);
    pages.push(("guest", guest.render(brand, locale)));
    let bare = Guest { terms: vec![], is_missing: false, place: None, ..guest };
    pages.push(("guest-without-terms", bare.render(brand, locale)));
    for note in [
        LandingNote::WelcomeBack,
        LandingNote::Unsolicited,
        LandingNote::Expired,
        LandingNote::OtherClient,
        LandingNote::OtherPerson { typed: text("alexw@contoso.com"), asserted: text("B.Simon@contoso.com") },
    ] {
        pages.push(("signed-in-note", SignedIn { note: Some(note), ..signed_in.clone() }.render(brand, locale)));
    }
    for (everywhere, elsewhere, reach) in [
        (false, Elsewhere::NotAsked, Reach::Everywhere),
        (true, Elsewhere::Confirmed, Reach::Here),
        (true, Elsewhere::Unconfirmed, Reach::Fleeting),
    ] {
        pages.push(("signed-out", SignedOut { everywhere, elsewhere, reach }.render(brand, locale)));
    }
    for trouble in TROUBLES {
        let failure = SignInFailure {
            trouble,
            said: Some(text("AADSTS50105: <b>not</b> assigned")),
            again: text("/?r=sealed"),
            request_id: text("q1"),
        };
        pages.push(("sign-in-failure", failure.render(brand, locale)));
    }
    pages.extend(test_sso(brand, locale));
    pages.extend(devices(brand, locale));
    pages.extend(tokens(brand, locale));
    let certificate =
        Certificate { name: text("Vestibule at proxy.contoso.com"), until: now, fingerprint: vec!["AB"; 32].join(":") };
    pages.push(("certificate", certificate.render(brand, locale)));
    for cause in causes() {
        let failure = Failure { cause, place: text("news.test"), request_id: text("q1") };
        pages.push(("failure", failure.render(brand, locale)));
    }
    let denied = Denied {
        place: text("casino.test"),
        rule: text("No gambling at work"),
        user: Some(text("B.Simon@contoso.com")),
        request_id: text("q1"),
    };
    pages.push(("denied", denied.render(brand, locale)));
    let unsent = Unsent {
        method: text("POST"),
        place: text("news.test"),
        destination: text("http://news.test/comment?article=1"),
        onward: text("/go?r=sealed"),
    };
    pages.push(("unsent", unsent.render(brand, locale)));
    for purpose in [Purpose::SignIn, Purpose::SignOut] {
        let handover = Handover {
            action: text("https://login.example/saml2?a=1&b=2"),
            fields: vec![(text("SAMLRequest"), text("PHg+\"<b>"))],
            origins: vec![text("https://login.example")],
            purpose,
        };
        pages.push(("handover", handover.render(brand, locale)));
    }
    let blocked = CookiesBlocked { place: text("news.test"), retry: text("http://news.test/"), request_id: text("q1") };
    pages.push(("cookies-blocked", blocked.render(brand, locale)));
    let home = ProxyHome { pac: text("http://proxy.test:8080/proxy.pac"), portal: text("https://portal.test/") };
    pages.push(("proxy-home", home.render(brand, locale)));
    pages
}

/// The device page without and with devices, and the page of a new one.
fn devices(brand: &Brand, locale: &Locale) -> Vec<(&'static str, Html)> {
    let now: Timestamp = "2026-03-05T08:09:10Z".parse().unwrap();
    let device = |title: &str, last_used, signed_out, places: &str| NamedDevice {
        title: title.into(),
        last_used,
        expires: now,
        places: places.into(),
        signed_out,
        id: "sealed".into(),
    };
    let devices =
        vec![device("<b>Laptop</b>", Some(now), false, "office, 192.0.2.0/24"), device("Phone", None, true, "")];
    let page = Devices { devices, note: None, bound_to_networks: true, csrf: "token".into() };
    let mut pages = vec![("devices", page.render(brand, locale))];
    for note in [DeviceNote::Full, DeviceNote::Removed] {
        pages.push((
            "devices-note",
            Devices { note: Some(note), devices: vec![], ..page.clone() }.render(brand, locale),
        ));
    }
    let files = crate::setup::System::ALL.into_iter().map(|system| SetUpFile {
        system,
        href: "/devices/set-up/x?d=sealed".into(),
        with_certificate: system.takes_certificate().then(|| "/devices/set-up/x?d=sealed&certificate=yes".into()),
    });
    let pac = "https://pac.proxy.contoso.com/pac/0123456789abcdefABCDEF.pac";
    let page = DeviceSetUp { title: "<b>Laptop</b>".into(), pac: pac.into(), files: files.collect() };
    pages.push(("device-set-up", page.render(brand, locale)));
    pages
}

/// The pages about tools and terminals.
fn tokens(brand: &Brand, locale: &Locale) -> Vec<(&'static str, Html)> {
    let text = |text: &str| text.to_owned();
    let made: Timestamp = "2026-03-05T08:09:10Z".parse().unwrap();
    let item = |name: &str, is_terminal, last_use| TokenItem {
        name: text(name),
        is_terminal,
        made,
        expires: made,
        last_use,
        networks: if is_terminal { String::new() } else { text("office, 192.0.2.0/24") },
        destinations: if is_terminal { String::new() } else { text("pypi.org, =deb.debian.org") },
        end: text("sealed"),
    };
    let list = Tokens {
        account: text("B.Simon@contoso.com"),
        items: vec![
            item("<b>not</b> a build server", false, None),
            item("curl/8.14.1", true, Some((made, text("192.0.2.9")))),
        ],
        note: None,
        draft: TokenDraft { days: 90, ..TokenDraft::default() },
        mistake: None,
        lifetimes: vec![7, 30, 90, 365],
        client: text("192.0.2.7"),
        network: text("office"),
        curl: Curl {
            portal: text("https://portal.contoso.com"),
            proxy: text("http://proxy.contoso.com:8080"),
            own_portal: true,
            own_proxy: false,
        },
        most: 20,
        csrf: text("token"),
    };
    let mut pages = vec![
        ("tokens", list.render(brand, locale)),
        ("tokens-none", Tokens { items: Vec::new(), ..list.clone() }.render(brand, locale)),
    ];
    for note in
        [TokensNote::Revoked, TokensNote::Approved, TokensNote::Refused, TokensNote::NoTerminal, TokensNote::Shown]
    {
        pages.push(("tokens-note", Tokens { note: Some(note), ..list.clone() }.render(brand, locale)));
    }
    for mistake in [
        TokenMistake::NoName,
        TokenMistake::Network(text("<b>not</b>")),
        TokenMistake::Destination(text("<b>not</b>")),
        TokenMistake::TooMany,
        TokenMistake::Full,
    ] {
        pages.push(("tokens-mistake", Tokens { mistake: Some(mistake), ..list.clone() }.render(brand, locale)));
    }
    let new = NewToken {
        name: text("build server"),
        token: crate::secret::Secret::new(text("vst_0123456789abcdefghijABCDEFGHIJ012345")),
        expires: made,
        proxy: text("http://proxy.contoso.com:8080"),
    };
    assert!(!format!("{new:?}").contains("0123456789"));
    pages.push(("token-new", new.render(brand, locale)));
    for is_elsewhere in [false, true] {
        let asks = TerminalAsks {
            code: text("BCDF-GHJK"),
            client: text("192.0.2.9"),
            is_elsewhere,
            user_agent: text("curl/8.14.1 <b>not</b>"),
            asked: made,
            until: made,
            account: text("B.Simon@contoso.com"),
            csrf: text("token"),
        };
        pages.push(("terminal-asks", asks.render(brand, locale)));
    }
    pages
}

#[test]
fn a_tool_that_has_no_token_is_told_where_to_get_one() {
    let (brand, locales) = (Brand::default(), Locales::built_in());
    let terminal = TerminalHint {
        address: "https://portal.test/t/BCDF-GHJK".into(),
        code: "BCDF-GHJK".into(),
        device_code: crate::secret::Secret::new("x".into()),
    };
    let text = TokenText {
        wrong: None,
        terminal: Some(terminal),
        place: Some("pypi.org".into()),
        portal: "https://portal.test".into(),
        curl: Curl {
            portal: "https://portal.test".into(),
            proxy: "http://proxy.test:8080".into(),
            own_portal: false,
            own_proxy: false,
        },
        request_id: "q1".into(),
    };
    assert_eq!(
        text.render(&brand, locales.negotiate(None)),
        "Vestibule: Sign-in required\n\n\
         The proxy has to know who is asking, and this tool has no token.\n\n\
         To sign this terminal in, open this address in a browser:\n\n    https://portal.test/t/BCDF-GHJK\n\n\
         Compare the code BCDF-GHJK there and approve it. Then run here:\n\n    \
         eval \"$(curl -fsS -x http://proxy.test:8080 https://portal.test/terminal/x)\"\n\n\
         For scripts, make a token and use it as the password of the proxy:\n\n    https://portal.test/tokens\n    \
         https_proxy=http://token:vst_...@proxy.test:8080\n\nDestination: pypi.org\nRequest ID: q1\n"
    );
    for wrong in [
        WrongToken::Unknown,
        WrongToken::Expired,
        WrongToken::Revoked,
        WrongToken::Person,
        WrongToken::Network,
        WrongToken::Destination,
        WrongToken::TooMany,
        WrongToken::Away,
    ] {
        let said = TokenText { wrong: Some(wrong), terminal: None, ..text.clone() };
        for locale in locales.iter() {
            let said = said.render(&brand, locale);
            assert!(!said.contains("tool-token") && said.contains("https://portal.test/tokens"), "{said}");
        }
    }
}

/// A test that has not begun, one that has failed in every way, and one that has passed.
fn test_sso(brand: &Brand, locale: &Locale) -> Vec<(&'static str, Html)> {
    use TestCheck::*;
    let text = |text: &str| text.to_owned();
    let start = TestStart {
        realm: text("contoso"),
        entity_id: text("https://auth.test/0123"),
        acs_url: text("https://portal.test/saml/acs"),
        issuer: text("https://sts.windows.net/x/"),
        waits_for_test: true,
        link: Some(text("sealed")),
        csrf: text("token"),
        identity_providers: vec![text("https://login.example")],
    };
    const CHECKS: [TestCheck; 17] = [
        Age,
        Shape,
        Version,
        Destination,
        Issuer,
        Request,
        Issued,
        Status,
        Signature,
        Assertion,
        AssertionIssuer,
        AssertionIssued,
        Validity,
        Audience,
        Authentication,
        Confirmation,
        Identity,
    ];
    let steps = |outcome: &dyn Fn(usize) -> TestOutcome| {
        let compared = Some((text("<wanted>"), text("<b>not</b> found")));
        let steps = CHECKS.iter().enumerate();
        steps.map(|(at, check)| TestStep { check: *check, outcome: outcome(at), compared: compared.clone() }).collect()
    };
    let certificate = TestCertificate { thumbprint: text("AB12"), name: text("<b>not</b> ours"), until: text("2027") };
    let failed = TestReport {
        passed: false,
        steps: steps(&|at| if at == 16 { TestOutcome::NotReached } else { TestOutcome::Failed(text("<b>not</b> so")) }),
        refused: Some(text("Responder: AADSTS50105: <b>not</b>")),
        response: Some(text("<Response/>")),
        assertion: Some(text("<Assertion/>")),
        strangers: vec![certificate.clone()],
        trusted: vec![certificate],
        claims: Vec::new(),
    };
    let fields = [
        TestField::Name,
        TestField::Id,
        TestField::DisplayName,
        TestField::SamAccountName,
        TestField::Upn,
        TestField::Email,
        TestField::Groups,
        TestField::TooManyGroups,
        TestField::Tenant,
    ];
    let claim = |fields: &[TestField]| TestClaim {
        name: text("uPN"),
        values: vec![text("<b>not</b>"), text("b")],
        fields: fields.to_vec(),
    };
    let passed = TestReport {
        passed: true,
        steps: steps(&|_| TestOutcome::Passed),
        claims: vec![claim(&fields), claim(&[])],
        ..TestReport::default()
    };
    let result = TestResult {
        realm: text("contoso"),
        entity_id: text("https://auth.test/0123"),
        acs_url: text("https://portal.test/saml/acs"),
        request: Some(text("<AuthnRequest/>")),
        report: failed.clone(),
        switched_on: false,
        csrf: text("token"),
        identity_providers: vec![text("https://login.example")],
    };
    let unsigned = TestReport { strangers: Vec::new(), ..failed };
    let good = TestResult { report: passed, switched_on: true, ..result.clone() };
    let bad = TestResult { report: unsigned, ..result.clone() };
    vec![
        ("test-start", start.render(brand, locale)),
        ("test-result", result.render(brand, locale)),
        ("test-result-unsigned", bad.render(brand, locale)),
        ("test-result-good", good.render(brand, locale)),
    ]
}

const TROUBLES: [Trouble; 28] = [
    Trouble::Clock,
    Trouble::TooLate,
    Trouble::TestLink,
    Trouble::Occupied,
    Trouble::SignOutRefused,
    Trouble::Refused,
    Trouble::OtherPerson,
    Trouble::OtherProof,
    Trouble::NotAnew,
    Trouble::NotAsked,
    Trouble::OtherWay,
    Trouble::ForeignName,
    Trouble::Foreign,
    Trouble::NotAssigned,
    Trouble::NoSession,
    Trouble::Cancelled,
    Trouble::Locked,
    Trouble::Policy,
    Trouble::Misconfigured,
    Trouble::ProviderFailed,
    Trouble::Busy,
    Trouble::Away,
    Trouble::EndedHere,
    Trouble::EndedFleetingly,
    Trouble::Form,
    Trouble::NotFound,
    Trouble::TooLarge,
    Trouble::Internal,
];

fn causes() -> Vec<Cause> {
    vec![
        Cause::NameNotFound,
        Cause::Refused,
        Cause::TimedOut,
        Cause::Certificate("it expired <yesterday>".into()),
        Cause::Unreachable,
        Cause::ConnectionLost,
        Cause::BadAnswer,
        Cause::NotAllowed,
        Cause::PortNotAllowed,
        Cause::Parent,
        Cause::ParentDenied,
        Cause::Loop,
        Cause::TooLarge,
        Cause::BadRequest("there are two Host fields".into()),
        Cause::Busy,
        Cause::Internal,
    ]
}

/// The messages of a language and the values that each names.
fn messages(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut messages = BTreeMap::<String, BTreeSet<String>>::new();
    let (mut message, mut key) = (String::new(), String::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(" =").next().unwrap();
        if line.contains(" =") && line.starts_with(|c: char| c.is_ascii_lowercase()) {
            message = name.to_owned();
            key = name.to_owned();
        } else if line.contains(" =") && line.trim_start().starts_with('.') {
            key = format!("{message}{}", name.trim());
        }
        let values = messages.entry(key.clone()).or_default();
        values.extend(line.split("{ $").skip(1).map(|rest| rest.split_whitespace().next().unwrap().to_owned()));
    }
    messages.remove("");
    messages
}

#[test]
fn every_language_has_every_message_with_the_same_values() {
    let (_, english) = locale::FILES[0];
    for (tag, text) in locale::FILES {
        assert!(fluent_bundle::FluentResource::try_new((*text).to_owned()).is_ok(), "{tag} is not a good Fluent file");
        assert_eq!(messages(text), messages(english), "{tag}");
    }
}

#[test]
fn every_message_is_used_and_every_message_that_is_used_exists() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/page");
    let sources: String = [folder.to_owned(), format!("{folder}/templates")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && !path.ends_with("tests.rs"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let known: BTreeSet<_> = messages(locale::FILES[0].1).into_keys().collect();
    for key in known.iter().filter(|key| !key.contains('.') && *key != "language") {
        assert!(sources.contains(&format!("\"{key}\"")), "{key} is not used");
    }
    for call in ["t.say(\"", "t.with(\"", "t.lines(\"", "t.with_all(\""] {
        for key in sources.split(call).skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(known.contains(key), "{key} is not in the locales");
        }
    }
}

#[test]
fn every_problem_says_what_happened_why_and_what_to_do() {
    let locales = Locales::built_in();
    for locale in locales.iter() {
        let keys =
            TROUBLES.iter().map(|trouble| trouble.key()).chain(causes().iter().map(Cause::key).collect::<Vec<_>>());
        for key in keys {
            for part in ["what", "why", "next"] {
                assert_ne!(locale.part(key, part), key, "{key}.{part} in {}", locale.tag());
            }
        }
    }
}

#[test]
fn every_page_is_whole_and_escaped_in_every_language() {
    let locales = Locales::built_in();
    let mut brand = Brand::new("Contoso <&> Web", Brand::ACCENT);
    brand.help = Some(Help::new("help@contoso.com"));
    for locale in locales.iter() {
        for (name, html) in every_page(&brand, locale) {
            let text = html.as_str();
            let place = format!("{name} in {}", locale.tag());
            assert!(text.starts_with("<!doctype html>"), "{place}");
            assert!(text.contains(&format!("<html lang=\"{}\" dir=\"ltr\">", locale.tag())), "{place}");
            assert_eq!(text.matches("<h1>").count(), 1, "{place}");
            assert!(text.contains("– Contoso &#60;&#38;&#62; Web</title>"), "{place}: {text}");
            for bad in ["<script", "style=\"", "{ $", "{$", "onclick", "<b>not", "<yesterday>", "src=\"http"] {
                let own = usize::from(name == "handover" && bad == "<script");
                assert_eq!(text.matches(bad).count(), own, "{place} has {bad}");
            }
            let scripted = html.content_security_policy().contains("script-src 'sha256-");
            assert_eq!(scripted, text.contains("<script>document.forms[0].submit()</script>"), "{place}");
            assert!(html.content_security_policy().starts_with("default-src 'none'; style-src 'sha256-"), "{place}");
        }
    }
}

#[test]
fn a_mistake_stands_beside_its_field_and_first_in_the_title() {
    let (brand, locales) = (Brand::default(), Locales::built_in());
    let page = Logon {
        account: "b<simon".into(),
        mistake: Some(Mistake::Name(logon_name::Error::BadCharacter)),
        example: "b.simon@contoso.com".into(),
        ..Logon::default()
    };
    let text = page.render(&brand, locales.negotiate(None)).as_str().to_owned();
    for part in [
        "<title>Error: Sign in – Vestibule</title>",
        "value=\"b&#60;simon\"",
        "aria-describedby=\"mistake\" aria-invalid=\"true\"",
        "It looks like b.simon@contoso.com.",
        "autocomplete=\"username\"",
        " autofocus",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_tool_gets_plain_text() {
    let (brand, locales) = (Brand::default(), Locales::built_in());
    let text = ToolText {
        subject: Subject::SignIn,
        place: Some("pypi.org".into()),
        portal: "https://portal.test/".into(),
        request_id: "q1".into(),
    };
    assert_eq!(
        text.render(&brand, locales.negotiate(None)),
        "Vestibule: Sign-in required\n\n\
         Nobody is signed in on this device, and this request cannot be sent to a sign-in page.\n\
         Open the portal in a browser on this device and sign in, then try again.\n\n\
         Destination: pypi.org\nPortal: https://portal.test/\nRequest ID: q1\n"
    );
}

/// Writes every page to the folder that `PAGES` names, to be looked at; to one that is thrown away, when there is none.
#[test]
fn every_page_can_be_written_and_looked_at() {
    let thrown_away = tempfile::tempdir().unwrap();
    let folder = std::env::var("PAGES").map_or(thrown_away.path().to_owned(), std::path::PathBuf::from);
    let locales = Locales::built_in();
    for locale in locales.iter() {
        let mut brand = Brand::default();
        brand.help = Some(Help::new("help@contoso.com"));
        for (number, (name, html)) in every_page(&brand, locale).iter().enumerate() {
            assert!(html.as_str().trim_end().ends_with("</html>"), "{name} ends where it should");
            std::fs::write(folder.join(format!("{}-{number:02}-{name}.html", locale.tag())), html.as_str()).unwrap();
        }
    }
}
