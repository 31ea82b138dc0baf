//! Problem documents (RFC 9457): what programs are told of a refusal, and which programs want to be told so.
//!
//! A refusal by a rule, or for want of a sign-in, has a type of its own: a `tag:` URI (RFC 4151) under the portal's name, with
//! the words below at its end. All others are what their status says, `about:blank` (RFC 9457 §4.2.1).

use serde_json::{Map, Value, json};
use url::Url;

use super::answer::{Refusal, Refused};
use super::unscanned::Unscanned;
use crate::wire::h1::Fields;

/// The year since which the names below mean what they mean (RFC 4151 §2.1).
const SINCE: &str = "2026";

/// Whether the sender of these fields asks for JSON by name, and for no plain text before it. A tool that takes anything
/// gets text, which is for whoever reads its output.
pub(super) fn is_wanted(fields: &Fields) -> bool {
    let mut best = [0.0_f32; 2];
    for item in fields.items("accept") {
        let Ok(item) = std::str::from_utf8(item) else { continue };
        let mut parts = item.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let place = match kind.as_str() {
            "application/problem+json" | "application/json" => 0,
            "text/plain" | "text/*" => 1,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let weight = weight.map_or(1.0, |text| text.parse().unwrap_or(0.0));
        if let Some(best) = best.get_mut(place) {
            *best = best.max(weight);
        }
    }
    let [json, text] = best;
    json > 0.0 && json >= text
}

/// The word at the end of the type, and the title that goes with it.
fn kind_of(refusal: &Refusal) -> Option<(&'static str, &'static str)> {
    Some(match refusal {
        Refusal::Denied(_) => ("rule-denied", "A rule does not allow it"),
        Refusal::Barred(barrier) if barrier.is_override() => {
            ("override-required", "A rule blocks it, and some people can override that")
        }
        Refusal::Barred(_) => ("warning-unread", "A rule warns of it, and the warning has not been read"),
        Refusal::SignInRequired | Refusal::ToolUnknown(_) | Refusal::Direct => {
            ("sign-in-required", "Somebody has to sign in first")
        }
        Refusal::SignInAgain(stale) if stale.is_other_way => {
            ("sign-in-other-way", "The rule wants another way of signing in")
        }
        Refusal::SignInAgain(_) => ("sign-in-too-old", "The sign-in is too old for the rule"),
        Refusal::TooWeak(_) => ("evidence-too-weak", "The rule wants to be surer of who asks"),
        Refusal::Exhausted(_) => ("limit-reached", "Somebody has as much as a rule lets them have"),
        Refusal::Unscanned(unscanned) => unscanned.kind(),
        _ => return None,
    })
}

impl Refused<'_> {
    /// The document.
    pub(super) fn problem(&self) -> String {
        let (status, authority) = (self.status(), self.authority());
        let tag = |name: &str| format!("tag:{authority},{SINCE}:vestibule:{name}");
        let (kind, title) = match kind_of(self.refusal) {
            Some((word, title)) => (tag(word), title),
            None => ("about:blank".to_owned(), status.canonical_reason().unwrap_or_default()),
        };
        let mut document = Map::new();
        let mut set = |name: &str, value: Value| document.insert(name.to_owned(), value);
        set("type", kind.into());
        set("title", title.into());
        set("status", status.as_u16().into());
        set("detail", self.refusal.said().into());
        set("instance", tag(&format!("request:{}", self.id)).into());
        set("request_id", self.id.to_string().into());
        self.rule().map(|rule| set("rule", rule.into()));
        self.message.map(|message| set("message", message.into()));
        self.place.map(|place| set("host", place.into()));
        match self.refusal {
            Refusal::SignInRequired | Refusal::SignInAgain(_) | Refusal::Barred(_) => {
                set("portal", self.portal().into());
            }
            Refusal::TooWeak(weak) => {
                set("evidence", weak.wanted.as_str().into());
                weak.address(self.portal).map(|address| set("portal", address.into()));
            }
            Refusal::Unscanned(Unscanned::Infected(found)) => {
                set("threat", found.threat.as_str().into());
                set("scanner", (*found.scanner).into());
                set("address", found.address.as_str().into());
            }
            Refusal::ToolUnknown(invitation) => {
                set("portal", format!("{}/tokens", self.portal).into());
                let terminal = invitation.terminal.as_ref();
                terminal.map(|codes| set("terminal", format!("{}/t/{}", self.portal, codes.user_code).into()));
            }
            _ => {}
        }
        json!(document).to_string()
    }

    /// The rule that refused it, or stands in the way.
    fn rule(&self) -> Option<&str> {
        match self.refusal {
            Refusal::Denied(rule) => Some(rule),
            Refusal::Barred(barrier) => Some(&barrier.rule),
            Refusal::Exhausted(exhausted) => Some(&exhausted.rule),
            Refusal::SignInAgain(stale) => Some(&stale.rule),
            Refusal::TooWeak(weak) => Some(&weak.rule),
            _ => None,
        }
    }

    /// The name under which our names stand.
    fn authority(&self) -> String {
        let host = Url::parse(self.portal).ok().and_then(|url| url.host_str().map(str::to_owned));
        host.unwrap_or_else(|| "vestibule.invalid".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::h1::RequestHead;

    #[test]
    fn a_program_gets_json_only_where_it_asks_for_that_by_name() {
        for (accept, wanted) in [
            (None, false),
            (Some("*/*"), false),
            (Some("application/json"), true),
            (Some("application/problem+json"), true),
            (Some("Application/JSON; charset=utf-8"), true),
            (Some("application/json, text/plain, */*"), true),
            (Some("text/plain, application/json;q=0.5"), false),
            (Some("text/plain;q=0.5, application/json"), true),
            (Some("application/json;q=0"), false),
            (Some("application/json;q=x"), false),
            (Some("application/vnd.pypi.simple.v1+json, text/html;q=0.01"), false),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8"), false),
        ] {
            let line = accept.map(|accept| format!("Accept: {accept}\r\n")).unwrap_or_default();
            let head = format!("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n{line}\r\n");
            let head = RequestHead::parse(&head.into(), 9).unwrap();
            assert_eq!(is_wanted(&head.fields), wanted, "{accept:?}");
        }
    }
}
