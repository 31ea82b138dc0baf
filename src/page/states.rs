//! Every state of every page, for the tests here and those in a browser (`tests/it/pages`).

use super::*;

#[path = "states_of_tests.rs"]
mod of_tests;

#[path = "states_of_rules.rs"]
mod of_rules;

use of_rules::stopped;
use of_tests::test_sso;

const NAV: Nav = Nav { devices: true, tools: true };
const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36";

/// One of each page, with everything on it that it can have.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn every_page(brand: &Brand, locale: &Locale) -> Vec<(&'static str, Html)> {
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
        Mistake::Unclear,
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
        tools: 2,
        note: None,
        onward: Some(Onward { href: text("/go?r=sealed"), place: text("news.test") }),
        nav: NAV,
        csrf: text("token"),
        identity_providers: vec![text("https://login.example")],
    };
    pages.push(("signed-in", signed_in.render(brand, locale)));
    let as_guest = SignedIn { guest: true, nav: Nav::default(), onward: None, ..signed_in.clone() };
    pages.push(("signed-in-guest", as_guest.render(brand, locale)));
    let alone = SignedIn { left: None, onward: None, more: 0, tools: 0, ..signed_in.clone() };
    pages.push(("signed-in-plain", alone.render(brand, locale)));
    for name in [Some(text("Britta <b>not</b> Simon")), None] {
        pages.push(("connected", Connected { name }.render(brand, locale)));
    }
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
    for (guest, everywhere, elsewhere, reach) in [
        (false, false, Elsewhere::NotAsked, Reach::Everywhere),
        (false, true, Elsewhere::Confirmed, Reach::Here),
        (false, true, Elsewhere::Unconfirmed, Reach::Fleeting),
        (true, false, Elsewhere::NotAsked, Reach::Everywhere),
    ] {
        pages.push(("signed-out", SignedOut { guest, everywhere, elsewhere, reach }.render(brand, locale)));
    }
    for trouble in TROUBLES.iter().copied() {
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
    for user_agent in [WINDOWS, "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0", "curl/8.14.1"]
    {
        let root = |mark: &str| TrustedRoot {
            name: text("Vestibule at proxy.contoso.com"),
            until: now,
            fingerprint: vec![mark; 32].join(":"),
        };
        let mut certificate = Certificate { roots: vec![root("AB")], user_agent: text(user_agent) };
        pages.push(("certificate", certificate.render(brand, locale)));
        certificate.roots.push(root("CD"));
        pages.push(("certificate-rolled", certificate.render(brand, locale)));
    }
    for cause in causes() {
        let failure = Failure { cause, place: text("news.test"), request_id: text("q1") };
        pages.push(("failure", failure.render(brand, locale)));
    }
    let address = Failure { cause: Cause::NotAllowed, place: text("10.0.0.1"), request_id: text("q1") };
    pages.push(("failure-address", address.render(brand, locale)));
    let denied = Denied {
        place: text("casino.test"),
        rule: text("No gambling at work"),
        message: None,
        user: Some(text("B.Simon@contoso.com")),
        guest: false,
        pass: None,
        review: None,
        portal: text("https://portal.contoso.com"),
        request_id: text("q1"),
    };
    pages.push(("denied", denied.render(brand, locale)));
    let mut alone = brand.clone();
    alone.help = None;
    for rule in ["blocked-list", "default", "unidentified", "offline"] {
        let denied = Denied { rule: text(rule), user: None, ..denied.clone() };
        pages.push(("denied-built-in", denied.render(&alone, locale)));
    }
    pages.push(("denied-guest", Denied { guest: true, ..denied }.render(brand, locale)));
    pages.extend(stopped(brand, locale));
    let unsent = Unsent {
        method: text("POST"),
        halted: false,
        place: text("news.test"),
        destination: text("http://news.test/comment?article=1"),
        onward: text("/go?r=sealed"),
    };
    pages.push(("unsent", unsent.render(brand, locale)));
    pages.push(("unsent-halted", Unsent { halted: true, ..unsent }.render(brand, locale)));
    for purpose in [Purpose::SignIn, Purpose::SignOut] {
        let handover = Handover {
            action: text("https://login.example/saml2?a=1&b=2"),
            fields: vec![(text("SAMLRequest"), text("PHg+\"<b>"))],
            origins: vec![text("https://login.example")],
            purpose,
        };
        pages.push(("handover", handover.render(brand, locale)));
    }
    for (name, contradict) in [("cookies-blocked", false), ("cookies-contradict", true)] {
        let (place, retry, request_id) = (text("news.test"), text("http://news.test/"), text("q1"));
        let blocked = CookiesBlocked { place, retry, contradict, request_id };
        pages.push((name, blocked.render(brand, locale)));
    }
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
    let page = Devices { devices, note: None, bound_to_networks: true, nav: NAV, csrf: "token".into() };
    let mut pages = vec![("devices", page.render(brand, locale))];
    for note in [DeviceNote::Full, DeviceNote::Removed] {
        pages.push((
            "devices-note",
            Devices { note: Some(note), devices: vec![], ..page.clone() }.render(brand, locale),
        ));
    }
    let files = System::ALL.into_iter().map(|system| SetUpFile {
        system,
        href: "/devices/set-up/x?d=sealed".into(),
        with_certificate: system.takes_certificate().then(|| "/devices/set-up/x?d=sealed&certificate=yes".into()),
    });
    let pac = "https://pac.proxy.contoso.com/pac/0123456789abcdefABCDEF.pac";
    let page = DeviceSetUp { title: "<b>Laptop</b>".into(), pac: pac.into(), files: files.collect(), nav: NAV };
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
        mistakes: Vec::new(),
        lifetimes: vec![1, 7, 30, 90, 365],
        client: text("192.0.2.7"),
        network: text("office"),
        curl: Curl {
            portal: text("https://portal.contoso.com"),
            proxy: text("http://proxy.contoso.com:8080"),
            own_portal: true,
            own_proxy: false,
        },
        most: 20,
        nav: NAV,
        csrf: text("token"),
    };
    let mut pages = vec![
        ("tokens", list.render(brand, locale)),
        ("tokens-none", Tokens { items: Vec::new(), ..list.clone() }.render(brand, locale)),
    ];
    for note in [TokensNote::Revoked, TokensNote::NoTerminal, TokensNote::Shown] {
        pages.push(("tokens-note", Tokens { note: Some(note), ..list.clone() }.render(brand, locale)));
    }
    for mistakes in [
        vec![
            TokenMistake::NoName,
            TokenMistake::Network(text("<b>not</b>")),
            TokenMistake::Destination(text("<b>not</b>")),
        ],
        vec![TokenMistake::TooManyNetworks, TokenMistake::TooManyDestinations],
        vec![TokenMistake::Full],
    ] {
        pages.push(("tokens-mistake", Tokens { mistakes, ..list.clone() }.render(brand, locale)));
    }
    let new = NewToken {
        name: text("build server"),
        token: Secret::new(text("vst_0123456789abcdefghijABCDEFGHIJ012345")),
        expires: made,
        proxy: text("http://proxy.contoso.com:8080"),
        nav: NAV,
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
    for approved in [true, false] {
        pages.push(("terminal-decided", TerminalDecided { approved }.render(brand, locale)));
    }
    pages
}

pub(crate) const TROUBLES: &[Trouble] = &[
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
    Trouble::NoName,
    Trouble::OtherTenant,
    Trouble::ForeignName,
    Trouble::Foreign,
    Trouble::NotAssigned,
    Trouble::NoSession,
    Trouble::Cancelled,
    Trouble::Locked,
    Trouble::Policy,
    Trouble::Misconfigured,
    Trouble::ProviderUnknown,
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

pub(crate) fn causes() -> Vec<Cause> {
    let untrusted = [
        Untrusted::Expired,
        Untrusted::NotYetValid,
        Untrusted::WrongName,
        Untrusted::UnknownIssuer,
        Untrusted::Revoked,
        Untrusted::Other,
    ];
    let untrusted = untrusted.map(|why| Cause::Certificate(why, "it expired <yesterday>".into()));
    let others = vec![
        Cause::NameNotFound,
        Cause::Refused,
        Cause::TimedOut,
        Cause::Unreachable,
        Cause::ConnectionLost,
        Cause::BadAnswer,
        Cause::NotAllowed,
        Cause::Direct,
        Cause::PortNotAllowed(25),
        Cause::Parent,
        Cause::ParentDenied,
        Cause::Loop,
        Cause::TooLarge,
        Cause::BadRequest("there are two Host fields".into()),
        Cause::Busy,
        Cause::Exhausted,
        malware(false),
        malware(true),
        Cause::ScannerFailed,
        Cause::TooLongToScan,
        Cause::PartNotScanned,
        Cause::CodingNotScanned,
        Cause::Internal,
    ];
    untrusted.into_iter().chain(others).collect()
}

fn malware(is_upload: bool) -> Cause {
    let address = format!("https://files.example/{}/eicar<b>.zip", "a-long-folder-".repeat(20));
    Cause::Malware(Malware { threat: "Win.Test.<b>EICAR</b>_HDB-1".into(), address, is_upload })
}
