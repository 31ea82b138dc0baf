//! Signs a person in, as a browser would: by curl, from the page that they wanted back to that page.

use std::path::Path;
use std::process::Command;
use std::{fs, net::SocketAddr};

use anyhow::{Context as _, Result, ensure};

const PORTAL: &str = "https://portal.vestibule.test";
const LOGIN: &str = "https://login.vestibule.test";
const ACCOUNT: &str = "B.Simon@contoso.com";
const PASSWORD: &str = "simon";

/// Goes to `wanted` through `proxy` and signs in on the way. Gives back the cookie of the wanted page's origin.
pub(crate) fn walk(folder: &Path, bundle: &Path, proxy: SocketAddr, wanted: &str) -> Result<String> {
    let jar = folder.join(format!("jar-{}", proxy.port()));
    let curl = |url: &str, form: &[(&str, &str)]| -> Result<String> {
        let mut command = Command::new("curl");
        command.args([
            "-sSL",
            "--max-time",
            "10",
            "-x",
            &format!("http://{proxy}"),
            "-H",
            "Upgrade-Insecure-Requests: 1",
        ]);
        command.arg("--cacert").arg(bundle).arg("-b").arg(&jar).arg("-c").arg(&jar);
        for (name, value) in form {
            command.args(["--data-urlencode", &format!("{name}={value}")]);
        }
        let output = command.arg(url).output().context("curl")?;
        ensure!(output.status.success(), "curl {url}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let logon = curl(wanted, &[])?;
    let (csrf, returning) = (hidden(&logon, "csrf")?, hidden(&logon, "r")?);
    let form = [("csrf", csrf.as_str()), ("r", returning.as_str()), ("account", ACCOUNT)];
    let page = curl(&format!("{PORTAL}/logon"), &form)?;
    let (request, relay_state) = (hidden(&page, "SAMLRequest")?, hidden(&page, "RelayState")?);
    let form = [("SAMLRequest", &*request), ("RelayState", &relay_state), ("login", ACCOUNT), ("password", PASSWORD)];
    let page = curl(&format!("{LOGIN}{}", action(&page)?), &form)?;
    let (response, relay_state) = (hidden(&page, "SAMLResponse")?, hidden(&page, "RelayState")?);
    curl(&action(&page)?, &[("SAMLResponse", &response), ("RelayState", &relay_state)])?;
    let jar = fs::read_to_string(jar)?;
    let cookie = jar.lines().find_map(|line| line.split_once("\tvestibule_s\t"));
    let (_, value) = cookie.context("the origin has no cookie: sign-in did not come back to it")?;
    Ok(format!("vestibule_s={value}"))
}

fn hidden(page: &str, name: &str) -> Result<String> {
    after(page, &format!(" name=\"{name}\" value=\""))
}

fn action(page: &str) -> Result<String> {
    after(page, " action=\"")
}

/// What stands in `page` from behind `start` to the next quotation mark.
fn after(page: &str, start: &str) -> Result<String> {
    let (_, rest) = page.split_once(start).with_context(|| format!("no{start}…\" in the page:\n{page}"))?;
    let (value, _) = rest.split_once('"').context("no end")?;
    Ok(value.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#38;", "&"))
}
