//! A service worker of a stranger's site, in the browser of somebody who is signed in: it sees no ticket, and one that goes astray is worth little.

use std::process::Command;

use rustls::ClientConfig;
use serde_json::{Value, json};

use super::site::SPY;
use super::stage::{Browser, Stage, Trust};
use crate::nodes::link::Link;
use crate::raw::Answer;
use crate::secure::client::{Client, config_trusting};

const BRITTA: &str = "B.Simon@contoso.com";
/// What the stranger asks for wherever he must not be her.
const STOLEN: &str = "/stolen";
const CHROMIUM: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0";
const NAVIGATION: [(&str, &str); 3] =
    [("upgrade-insecure-requests", "1"), ("user-agent", CHROMIUM), ("accept", "text/html")];

/// The stranger, behind the same client address. He calls the secure web proxy by a name that he has made up.
struct Stranger<'a> {
    stage: &'a Stage,
    name: String,
    client: Client,
}

/// What he keeps of a challenge: the portal's address with the return token, and the challenge's cookie.
struct Kept {
    portal: String,
    cookie: String,
}

impl Kept {
    fn new(location: &str, cookie: &str) -> Self {
        assert!(location.starts_with("https://portal.vestibule.test/?r="), "{location}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { portal: location.to_owned(), cookie }
    }
}

impl<'a> Stranger<'a> {
    fn new(stage: &'a Stage) -> Self {
        let name = format!("s-{}.proxy.test", "a2b3".repeat(6));
        let client = Self::connect(stage, &name);
        Self { stage, name, client }
    }

    fn connect(stage: &Stage, name: &str) -> Client {
        Client::connect_to(stage.secure_proxy(), [127, 0, 0, 1], name, config_trusting(stage.bundle()))
    }

    fn trust(&self) -> ClientConfig {
        config_trusting(self.stage.bundle())
    }

    /// Has his own site challenge him over plain http to the proxy.
    fn challenged_on_plain_listener(&self, scheme: &str) -> Kept {
        let answer = self.curl(&format!("{scheme}://{SPY}/mine"));
        Kept::new(&answer.value("location"), &answer.value("set-cookie"))
    }

    /// The same over his connection to the secure web proxy.
    fn challenged_by_name(&mut self, scheme: &str) -> Kept {
        if scheme == "https" {
            let trust = self.trust();
            let answer = self.client.ask_inside_over(trust, SPY, "/mine", "");
            return Kept::new(&answer.value("location"), &answer.value("set-cookie"));
        }
        let answer = self.client.get(&format!("http://{SPY}/mine"), &NAVIGATION);
        let field = |name: &str| answer.fields.get(name).unwrap().to_str().unwrap();
        Kept::new(field("location"), field("set-cookie"))
    }

    /// A navigation over the plain listener, from this machine's address.
    fn curl(&self, url: &str) -> Answer {
        let mut command = Command::new("curl");
        command.args(["-q", "-s", "--max-time", "20", "--suppress-connect-headers", "-D", "-", "-o", "/dev/null"]);
        command.arg("-x").arg(format!("http://{}", self.stage.proxy)).arg("--cacert").arg(self.stage.bundle());
        command.args(["-H", "Upgrade-Insecure-Requests: 1", "-H", "Accept: text/html", "-A", CHROMIUM, url]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        Answer::of_bytes(&output.stdout)
    }

    /// Brings a ticket to our port of his site, over his connection to the secure web proxy: the status, and the cookie
    /// that he gets.
    fn redeem(&mut self, scheme: &str, path: &str, cookie: &str) -> (u16, Option<String>) {
        let (status, lines) = if scheme == "https" {
            let trust = self.trust();
            let answer = self.client.ask_inside_over(trust, &format!("{SPY}:60443"), path, cookie);
            let lines = answer.fields.into_iter().filter(|(name, _)| name == "set-cookie");
            (answer.status, lines.map(|(_, line)| line).collect::<Vec<_>>())
        } else {
            let fields = [&NAVIGATION[..], &[("cookie", cookie)]].concat();
            let answer = self.client.get(&format!("http://{SPY}:60443{path}"), &fields);
            let lines = answer.fields.get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned());
            (answer.status, lines.collect())
        };
        let own = lines.iter().find(|line| line.contains("vestibule_s="));
        (status, own.map(|line| line.split(';').next().unwrap().to_owned()))
    }

    /// Everything that he can say without a cookie of that site is nobody's: the connection, the name, the address.
    fn is_nobody(&mut self, own: &str) {
        let (site, trust) = (format!("http://mail.test{STOLEN}"), self.trust());
        assert_eq!(self.client.get(&site, &NAVIGATION).status, 302, "his connection");
        for cookie in ["", own] {
            let inside = self.client.ask_inside_over(trust.clone(), "mail.test", STOLEN, cookie);
            assert_eq!(inside.status, 302, "no tunnel, and no other site's cookie: {inside:?}");
        }
        let mut again = Self::connect(self.stage, &self.name);
        assert_eq!(again.get(&site, &NAVIGATION).status, 302, "his name");
        let mut other = Self::connect(self.stage, "other.proxy.test");
        assert_eq!(other.get(&site, &NAVIGATION).status, 302, "the address, at the secure web proxy");
        for scheme in ["http", "https"] {
            assert_eq!(self.curl(&format!("{scheme}://mail.test{STOLEN}")).status, 302, "the address");
        }
    }
}

/// She signs in, and visits the stranger's site, whose worker stays.
fn visit(browser: &Browser) {
    browser.open("http://news.test/today");
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("This is news.test");
    browser.open(&format!("https://{SPY}/"));
    browser.wait_text("The worker watches");
}

/// His page leads her to the portal with his token.
fn lead(browser: &Browser, kept: &Kept) {
    browser.open(&format!("https://{SPY}/"));
    browser.wait_text("The worker watches");
    browser.run(&format!("setTimeout(() => location.href = {:?}, 0)", kept.portal));
    browser.wait_until("another page", |browser| browser.url() != format!("https://{SPY}/"));
}

/// What the worker was asked for.
fn seen(browser: &Browser) -> Vec<String> {
    browser.open(&format!("https://{SPY}/seen"));
    browser.wait_text(&format!("https://{SPY}/seen"));
    browser.text().lines().map(str::to_owned).collect()
}

/// What the stranger asked for elsewhere is nobody's in the records, all of it.
fn nothing_was_stolen(stage: &Stage, count: usize) {
    let is_stolen = |record: &&Value| record["path"] == STOLEN;
    let begun = std::time::Instant::now();
    while stage.records().iter().filter(is_stolen).count() < count && begun.elapsed() < crate::world::PATIENCE {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let records = stage.records();
    let stolen: Vec<_> = records.iter().filter(is_stolen).collect();
    assert_eq!(stolen.len(), count, "{stolen:#?}");
    assert!(stolen.iter().all(|record| record["user"].is_null()), "{stolen:#?}");
}

/// A PAC file for the plain listener, on a network that people share.
fn plain_pac(stage: &Stage, exception: &str) -> String {
    let proxy = format!("function FindProxyForURL(u,h){{{exception}return 'PROXY {}'}}", stage.proxy);
    format!("data:application/x-ns-proxy-autoconfig,{proxy}")
}

#[test]
fn a_ticket_that_goes_astray_is_worth_the_cookie_of_its_own_site_and_nothing_more() {
    let stage = Stage::named();
    // Somebody's PAC file, by which our port of his site is reached another way: it leads here first, and then elsewhere.
    let way = Link::to(stage.proxy.port());
    let exception = format!("if(u.indexOf('{SPY}:60443')+1)return 'PROXY {}';", way.address());
    let victim = stage.browser_by(&plain_pac(&stage, &exception), Trust::WebAndAuthority);
    visit(&victim);
    way.cut();
    let mut stranger = Stranger::new(&stage);
    for scheme in ["http", "https"] {
        let kept = stranger.challenged_on_plain_listener(scheme);
        lead(&victim, &kept);
        // Her browser has learnt that the site wants https, on every port.
        let place = format!("https://{SPY}:60443");
        let arrived = format!("{place}/.well-known/vestibule/arrive?ticket=");
        victim.wait_until("a ticket that does not arrive", |browser| browser.url().starts_with(&arrived));
        let ticket = victim.url();
        assert!(seen(&victim).iter().all(|url| !url.contains("ticket")));
        let path = ticket.strip_prefix(&place).unwrap();
        let (status, own) = stranger.redeem(scheme, path, &kept.cookie);
        let own = own.unwrap_or_else(|| panic!("he is as much as the site itself can be: {status}"));
        assert_eq!(status, 302);
        stranger.is_nobody(&own);
        // On his own site he is her.
        let fields = [&NAVIGATION[..], &[("cookie", &*own)]].concat();
        match scheme {
            "http" => drop(stranger.client.get(&format!("http://{SPY}/own"), &fields)),
            _ => drop(stranger.client.ask_inside_over(stranger.trust(), SPY, "/own", &own)),
        }
        let wanted = json!({ "path": "/own", "scheme": scheme, "user": BRITTA, "surrogate": "origin-cookie" });
        stage.wait_for_record(&wanted);
    }
    nothing_was_stolen(&stage, 14);
    // At the secure web proxy, where nobody but him has been, she was at no other site.
    let records = stage.records();
    let hers = records.iter().filter(|record| record["listener"] == "secure" && !record["user"].is_null());
    let hosts: Vec<_> = hers.map(|record| record["host"].as_str().unwrap()).collect();
    assert!(hosts.len() >= 4 && hosts.iter().all(|host| *host == SPY), "{hosts:?}");
}

#[test]
fn no_service_worker_sees_a_ticket_over_whatever_listener() {
    let stage = Stage::named();
    let mut stranger = Stranger::new(&stage);
    for (listener, pac) in [("proxy", plain_pac(&stage, "")), ("secure", format!("http://{}/named.pac", stage.proxy))] {
        let victim = stage.browser_by(&pac, Trust::WebAndAuthority);
        visit(&victim);
        for scheme in ["http", "https"] {
            let kept = match listener {
                "proxy" => stranger.challenged_on_plain_listener(scheme),
                _ => stranger.challenged_by_name(scheme),
            };
            lead(&victim, &kept);
            victim.wait_until("wherever it led", |browser| {
                !browser.url().starts_with("https://portal.") && browser.run("return document.readyState") == "complete"
            });
            let seen = seen(&victim);
            assert!(seen.contains(&format!("https://{SPY}/")), "the worker watches: {seen:?}");
            assert!(seen.iter().all(|url| !url.contains("ticket")), "{listener}, {scheme}: {seen:?}");
            stranger.is_nobody("");
        }
        // The ticket has arrived at the proxy, where her browser could not show his challenge's cookie.
        let reason = "ticket-for-another-browser";
        stage.wait_for_record(&json!({ "host": SPY, "listener": listener, "reason": reason, "user": null }));
    }
    nothing_was_stolen(&stage, 28);
}
