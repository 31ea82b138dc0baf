//! Every state of every page in a real Chromium: can everybody read and use it, and does it fit on a small telephone?

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::json;
use vestibule::clock::Timestamp;
use vestibule::identity::logon_name;
use vestibule::page::*;
use vestibule::secret::Secret;
use vestibule::setup::System;

use super::chromium::{Browser, bare_browser};
use super::world::say_aside;

#[path = "../../../src/page/states.rs"]
mod states;

/// A page that is too wide for a telephone, and that shows others.
const SHELL: &str =
    "<!doctype html><html lang=en><title>shell</title><body><p style='width:900px'>wide</p></body></html>";

/// Looks for what is wrong with a page, as axe-core knows it, if it is serious.
const AXE: &str = r#"
for (const fold of document.querySelectorAll("details")) fold.open = true;
const only = "RULES";
const options = only === "all" ? {} : { runOnly: { type: "rule", values: [only] } };
return axe.run(document, { ...options, resultTypes: ["violations"] }).then(found => found.violations
  .filter(it => it.impact === "serious" || it.impact === "critical")
  .map(it => `${it.id}: ${it.help}: ${it.nodes.map(node => node.html.slice(0, 160)).join(" | ")}`));
"#;

/// Shows one page after the other on the narrowest telephone, and measures it.
const NARROW: &str = r#"
const paths = PATHS;
const frame = document.createElement("iframe");
frame.style = "width:320px;height:640px;border:0";
frame.sandbox = "allow-same-origin";
document.body.replaceChildren(frame);
const loaded = () => new Promise(done => { frame.onload = done; });
return (async () => {
  const faults = [];
  for (const path of paths) {
    const text = (await (await fetch(path)).text()).replace(/<link rel="stylesheet"[^>]*>/, "");
    const shown = loaded();
    frame.srcdoc = text;
    await shown;
    const page = frame.contentDocument, root = page.documentElement;
    for (const fold of page.querySelectorAll("details")) fold.open = true;
    for (const button of page.querySelectorAll(".copy")) button.hidden = false;
    if (root.scrollWidth > root.clientWidth) faults.push(`${path}: ${root.scrollWidth} px wide`);
    for (const element of page.body.querySelectorAll("*")) {
      const style = frame.contentWindow.getComputedStyle(element);
      if (element.closest(".unseen, thead, script") || !element.checkVisibility()) continue;
      const box = element.getBoundingClientRect();
      const name = `${path}: ${element.localName} ${element.textContent.trim().slice(0, 50)}`;
      if (box.right > 320.5 || box.left < -0.5) faults.push(`${name}: reaches from ${box.left} to ${box.right}`);
      if (style.display !== "inline" && element.scrollWidth > element.clientWidth + 1 && element.localName !== "select")
        faults.push(`${name}: ${element.scrollWidth} px in ${element.clientWidth}`);
    }
  }
  return faults;
})();
"#;

/// A page: its address, and the answer.
type Shown = (String, Html);

/// Serves pages with the fields that they have in the portal, and one that is too wide for a telephone at any other address.
fn serve(pages: Vec<Shown>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pages = Arc::new(pages);
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let pages = Arc::clone(&pages);
            thread::spawn(move || {
                let mut line = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                reader.read_line(&mut line).unwrap_or_default();
                let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {}
                let page = pages.iter().find(|(at, _)| *at == path).map(|(_, page)| page);
                let (text, policy) = page.map_or((SHELL, String::new()), |page| {
                    (page.as_str(), format!("Content-Security-Policy: {}\r\n", page.content_security_policy()))
                });
                let length = text.len();
                drop(write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\n\
                     Connection: close\r\n{policy}\r\n{text}"
                ));
            });
        }
    });
    address
}

/// Every state of every page in a language, one of each look.
fn pages_in(locale: &Locale) -> Vec<Shown> {
    let mut brand = Brand::default();
    brand.help = Some(Help::new("help@contoso.com"));
    let pages = states::every_page(&brand, locale).into_iter().enumerate();
    pages.map(|(at, (name, page))| (format!("/{}/{at}-{name}", locale.tag()), page)).collect()
}

/// axe-core, as `make test` has fetched it.
fn axe() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/pages/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("axe-core is needed, and `make test` fetches it: {}: {error}", file.display()))
}

fn faults(browser: &Browser, rules: &str) -> Vec<String> {
    let found = browser.run(&AXE.replace("RULES", rules));
    let found: Option<Vec<String>> = serde_json::from_value(found).unwrap();
    found.unwrap_or_else(|| panic!("axe-core says nothing at {}", browser.url()))
}

/// The processor time that a process has taken, and all that it has started and that are there (proc_pid_stat(5)).
fn processor_time(process: u32) -> Duration {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // It may have ended meanwhile.
        let Ok(text) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let fields: Vec<_> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let number = |field: usize| fields[field - 3].parse::<u64>().unwrap();
        all.push((id, u32::try_from(number(4)).unwrap(), number(14) + number(15)));
    }
    let mut tree = BTreeSet::from([process]);
    // A child may have a smaller number than its parent.
    while all.iter().filter(|(id, parent, _)| tree.contains(parent) && tree.insert(*id)).count() > 0 {}
    let ticks: u64 = all.iter().filter(|(id, ..)| tree.contains(id)).map(|(.., ticks)| ticks).sum();
    // USER_HZ, which is 100 wherever Linux runs (time(7)).
    Duration::from_millis(10 * ticks)
}

#[test]
fn every_state_of_every_page_can_be_used_by_everybody_in_light_and_dark() {
    let locales = Locales::built_in();
    let pages = pages_in(locales.negotiate(None));
    let paths: Vec<_> = pages.iter().map(|(path, _)| path.clone()).collect();
    let server = serve(pages);
    let browser = bare_browser();
    let begun = processor_time(browser.process());
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": axe() })).unwrap();
    let mut found = Vec::new();
    for path in &paths {
        browser.look("light", 390);
        browser.open(&format!("http://{server}{path}"));
        found.extend(faults(&browser, "all").into_iter().map(|fault| format!("{path}, light: {fault}")));
        browser.look("dark", 390);
        found.extend(faults(&browser, "color-contrast").into_iter().map(|fault| format!("{path}, dark: {fault}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    let taken = processor_time(browser.process()) - begun;
    say_aside(&format!("{} states took {taken:?} of a processor's time", paths.len()));
    // It would have found something.
    browser.run("document.querySelector('h1').style.color = '#999'; document.documentElement.removeAttribute('lang')");
    browser.look("light", 390);
    let rules: BTreeSet<_> =
        faults(&browser, "all").iter().map(|fault| fault.split(':').next().unwrap().to_owned()).collect();
    assert!(rules.contains("color-contrast") && rules.contains("html-has-lang"), "{rules:?}");
}

#[test]
fn every_state_of_every_page_fits_on_a_telephone_in_every_language() {
    let locales = Locales::built_in();
    let pages: Vec<_> = locales.iter().flat_map(pages_in).collect();
    assert!(pages.len() > 500);
    let paths: Vec<_> = pages.iter().map(|(path, _)| path.clone()).collect();
    let server = serve(pages);
    let browser = bare_browser();
    browser.open(&format!("http://{server}/"));
    let measure = |paths: &[String]| browser.run(&NARROW.replace("PATHS", &json!(paths).to_string()));
    for paths in paths.chunks(25) {
        assert_eq!(measure(paths), json!([]));
    }
    // It would have found something.
    let found = measure(&["/wide".to_owned()]);
    assert!(found.as_array().is_some_and(|found| found.len() >= 2), "{found}");
}
