//! How a terminal is signed in: the command line to run, and the script that the portal answers with.

use crate::clock::Timestamp;
use crate::page::{Brand, Locale};
use crate::secret::Secret;

/// How curl reaches the portal from a terminal: through the proxy, so that it needs no DNS and no route of its own, and
/// over TLS, so that nobody on the way can change what the shell runs, or read the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Curl {
    /// The portal's address.
    pub portal: String,
    /// Where tools reach the proxy: `http://host:port` or `https://host:port`.
    pub proxy: String,
    /// Whether our own authority issued the portal's certificate.
    pub own_portal: bool,
    /// Whether our own authority issued the proxy's certificate, if the proxy speaks TLS.
    pub own_proxy: bool,
}

/// The name of the file with our authority's certificate, as people download it.
const AUTHORITY_FILE: &str = "authority.pem";

impl Curl {
    /// The command line that signs a terminal in: with the device code that it has, or with a new one.
    pub fn sign_in(&self, device_code: Option<&str>) -> String {
        let code = device_code.map_or_else(String::new, |code| format!("/{code}"));
        format!("eval \"$({} {}/terminal{code})\"", self.command(AUTHORITY_FILE), self.portal)
    }

    /// Whether curl must be given our authority's certificate.
    pub fn needs_authority(&self) -> bool {
        self.own_portal || self.own_proxy
    }

    /// The curl command of a script that the terminal has received over TLS, for an address of the portal or of the
    /// proxy itself; and whether the command reads our authority's certificate from standard input, so that it does not
    /// need the file again. Standard input can be read only once: if both certificates are ours, curl reads the file
    /// for both.
    fn command_in_script(&self, address: &str) -> (String, bool) {
        const BROUGHT: &str = "/dev/stdin";
        if address.starts_with(&format!("{}/", self.portal)) {
            let brings = self.own_portal && !self.own_proxy;
            return (self.command(if brings { BROUGHT } else { AUTHORITY_FILE }), brings);
        }
        let trust = if self.own_proxy { format!(" --cacert {BROUGHT}") } else { String::new() };
        (format!("curl -fsS --noproxy '*'{trust}"), self.own_proxy)
    }

    /// The command, without the address. `authority` is the file that holds our authority's certificate.
    fn command(&self, authority: &str) -> String {
        let proxy = if self.proxy.contains(['[', ']']) { quoted(&self.proxy) } else { self.proxy.clone() };
        let mut command = format!("curl -fsS -x {proxy}");
        for (option, is_own) in [("--proxy-cacert", self.own_proxy), ("--cacert", self.own_portal)] {
            if is_own {
                command.push_str(&format!(" {option} {authority}"));
            }
        }
        command
    }
}

/// The answer to a request for the script without TLS: where the script is, and why it is not served here.
#[derive(Clone, Debug)]
pub struct TerminalPointer<'a> {
    /// How curl reaches the portal.
    pub curl: &'a Curl,
}

impl TerminalPointer<'_> {
    /// The text in the language of `locale`. A shell that runs it only prints that it is not the script.
    pub fn render(&self, locale: &Locale) -> String {
        let mut lines = vec![locale.say("terminal-plain"), String::new(), format!("    {}", self.curl.sign_in(None))];
        if self.curl.needs_authority() {
            lines.extend([String::new(), authority_hint(locale, &self.curl.portal)]);
        }
        lines.iter().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect()
    }
}

/// A hint where to download the file with our authority's certificate.
pub(super) fn authority_hint(locale: &Locale, portal: &str) -> String {
    let place = format!("{portal}/certificate");
    locale.with_all("terminal-authority", &[("file", AUTHORITY_FILE), ("place", &place)])
}

/// A script that signs in the terminal of the shell that runs it by `eval`.
#[derive(Clone, Debug)]
pub enum TerminalScript {
    /// Prints what to do, and waits for the decision.
    Ask {
        /// The address to open in a browser.
        address: String,
        /// The code to compare there.
        code: String,
        /// The address that answers once the person has decided.
        collect: String,
        /// The curl command for that address.
        curl: Curl,
        /// Our authority's certificate (PEM). The script holds it, so that the command does not need the file again.
        authority: String,
    },
    /// Sets the environment variables.
    Approved {
        /// The proxy's URL, with the token in it.
        proxy: Secret,
        /// The account.
        account: String,
        /// When the token expires.
        until: Timestamp,
    },
    /// Prints that the person refused the terminal.
    Refused,
    /// Prints that the code is not valid any more.
    Unknown,
    /// Prints that the session store does not answer.
    Away,
}

impl TerminalScript {
    /// The script in the language of `locale`, for any POSIX shell.
    pub fn render(&self, brand: &Brand, locale: &Locale) -> String {
        let say = |lines: &[String]| {
            let quoted: Vec<_> = lines.iter().map(|line| quoted(line)).collect();
            format!("printf '%s\\n' {} >&2\n", quoted.join(" "))
        };
        let fail = |key: &str| format!("{}false\n", say(&[locale.say(key)]));
        match self {
            Self::Ask { address, code, collect, curl, authority } => {
                let lines = [
                    locale.say("terminal-open"),
                    String::new(),
                    format!("    {address}"),
                    String::new(),
                    locale.with("terminal-compare", "code", code),
                    locale.say("terminal-waiting"),
                ];
                let (command, brings) = curl.command_in_script(collect);
                let bring =
                    if brings { format!("printf '%s\\n' {} | ", lines_quoted(authority)) } else { String::new() };
                format!(
                    "{}vestibule_answer=\n\
                     while [ -z \"$vestibule_answer\" ]; do\n    \
                     vestibule_answer=$({bring}{} --max-time 90 {}) || vestibule_answer=false\n\
                     done\n\
                     eval \"unset vestibule_answer; $vestibule_answer\"\n",
                    say(&lines),
                    command,
                    quoted(collect)
                )
            }
            Self::Approved { proxy, account, until } => {
                let url = quoted(proxy.expose());
                let moment = locale.moment(until, &brand.time_zone);
                let said = locale.with_all("terminal-approved", &[("account", account), ("moment", &moment)]);
                format!(
                    "export http_proxy={url} https_proxy={url} HTTP_PROXY={url} HTTPS_PROXY={url}\n{}",
                    say(&[said])
                )
            }
            Self::Refused => fail("terminal-refused"),
            Self::Unknown => fail("terminal-unknown"),
            Self::Away => fail("terminal-away"),
        }
    }
}

/// The lines of a text, each as one word of a shell.
fn lines_quoted(text: &str) -> String {
    text.lines().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Locales;
    use std::process::Command;

    fn curl(own_portal: bool) -> Curl {
        let (portal, proxy) = ("https://portal.test".into(), "http://proxy.test:8080".into());
        Curl { portal, proxy, own_portal, own_proxy: false }
    }

    #[test]
    fn a_terminal_is_signed_in_over_tls_that_proves_who_answers() {
        for (curl, line) in [
            (curl(false), "eval \"$(curl -fsS -x http://proxy.test:8080 https://portal.test/terminal/x)\""),
            (
                curl(true),
                "eval \"$(curl -fsS -x http://proxy.test:8080 --cacert authority.pem https://portal.test/terminal/x)\"",
            ),
            (
                Curl { proxy: "https://[::1]:8443".into(), own_proxy: true, ..curl(false) },
                "eval \"$(curl -fsS -x 'https://[::1]:8443' --proxy-cacert authority.pem https://portal.test/terminal/x)\"",
            ),
        ] {
            assert_eq!(curl.sign_in(Some("x")), line);
            assert_eq!(curl.sign_in(None), line.replace("/x)", ")"));
        }
    }

    #[test]
    fn what_comes_without_tls_is_no_script() {
        let locales = Locales::built_in();
        let curl = curl(true);
        let text = TerminalPointer { curl: &curl }.render(locales.negotiate(None));
        assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
        assert!(text.contains(&curl.sign_in(None)) && text.contains("https://portal.test/certificate"), "{text}");
        assert!(text.contains("Do not use -k"), "{text}");
    }

    #[test]
    fn a_script_brings_the_certificate_that_it_needs() {
        let (brand, locales) = (Brand::default(), Locales::built_in());
        let ask = |curl| {
            let (address, code) = ("https://portal.test/t/BCDF-GHJK".into(), "BCDF-GHJK".into());
            let collect = "https://portal.test/terminal/x".into();
            let authority = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into();
            TerminalScript::Ask { address, code, collect, curl, authority }.render(&brand, locales.negotiate(None))
        };
        // A curl that says what it was called with, and what it was given to read.
        let stub = "curl() { cat >&3; printf 'echo called %s' \"$*\"; }\n";
        for (own, said) in [
            (
                true,
                "called -fsS -x http://proxy.test:8080 --cacert /dev/stdin --max-time 90 https://portal.test/terminal/x\n",
            ),
            (false, "called -fsS -x http://proxy.test:8080 --max-time 90 https://portal.test/terminal/x\n"),
        ] {
            let script = format!("exec 3>&1\n{stub}{}", ask(curl(own)));
            let output = Command::new("sh").arg("-c").arg(&script).stdin(std::process::Stdio::null()).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let brought = if own { "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" } else { "" };
            assert_eq!(text, format!("{brought}{said}"), "{script}");
        }
    }

    #[test]
    fn a_script_gives_nothing_to_the_shell_but_words() {
        let (brand, locales) = (Brand::default(), Locales::built_in());
        let script = TerminalScript::Approved {
            proxy: Secret::new("http://token:vst_x@proxy.test:8080".into()),
            account: "o'neil\n`touch /nowhere`$(exit 3)\"".into(),
            until: Timestamp::UNIX_EPOCH,
        };
        let text = format!("{}printf %s \"$https_proxy $HTTP_PROXY\"", script.render(&brand, locales.negotiate(None)));
        let output = Command::new("sh").arg("-c").arg(&text).output().unwrap();
        assert!(output.status.success(), "{text}");
        let url = "http://token:vst_x@proxy.test:8080";
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{url} {url}"));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("o'neil`touch /nowhere`$(exit 3)\""), "{said}");
        assert!(!format!("{script:?}").contains("vst_x"));
    }
}
