//! What passes of a CORS preflight whose sender nobody knows: the question and its answer, and nothing beside them.
//!
//! A preflight cannot say who asks (Fetch §4.8 sends no credentials), so it goes without sign-in. Whoever dresses
//! another request as one must get no way around sign-in by that: no body, no answer to read, no change of protocol.

use http::header::{
    ACCEPT, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, CACHE_CONTROL, HOST, HeaderMap,
    HeaderName, ORIGIN, USER_AGENT, VARY,
};

/// What the question is made of.
const QUESTION: [HeaderName; 7] = [
    HOST,
    ORIGIN,
    ACCESS_CONTROL_REQUEST_METHOD,
    ACCESS_CONTROL_REQUEST_HEADERS,
    HeaderName::from_static("access-control-request-private-network"),
    ACCEPT,
    USER_AGENT,
];

/// What the answer is made of, besides `Access-Control-*`.
const ANSWER: [HeaderName; 3] = [ALLOW, CACHE_CONTROL, VARY];

/// Leaves the question.
pub(super) fn keep_question(fields: &mut HeaderMap) {
    keep(fields, |name| QUESTION.contains(name));
}

/// Leaves the answer.
pub(super) fn keep_answer(fields: &mut HeaderMap) {
    keep(fields, |name| name.as_str().starts_with("access-control-") || ANSWER.contains(name));
}

fn keep(fields: &mut HeaderMap, is_kept: impl Fn(&HeaderName) -> bool) {
    let others: Vec<_> = fields.keys().filter(|name| !is_kept(name)).cloned().collect();
    for name in others {
        fields.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(lines: &[(&'static str, &'static str)], keep: fn(&mut HeaderMap)) -> Vec<String> {
        let mut fields: HeaderMap =
            lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        keep(&mut fields);
        let mut names: Vec<_> = fields.keys().map(ToString::to_string).collect();
        names.sort();
        names
    }

    #[test]
    fn a_question_carries_nothing_else_out() {
        let sent = [
            ("host", "a.test"),
            ("origin", "http://b.test"),
            ("access-control-request-method", "PUT"),
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("content-length", "4"),
            ("transfer-encoding", "chunked"),
            ("cookie", "a=1"),
            ("authorization", "Basic YTpi"),
            ("x-data", "secret"),
        ];
        assert_eq!(left(&sent, keep_question), ["access-control-request-method", "host", "origin"]);
    }

    #[test]
    fn an_answer_carries_nothing_else_in() {
        let sent = [
            ("access-control-allow-origin", "*"),
            ("access-control-max-age", "60"),
            ("vary", "origin"),
            ("content-length", "5"),
            ("content-type", "text/plain"),
            ("set-cookie", "a=1"),
            ("x-data", "more"),
        ];
        assert_eq!(left(&sent, keep_answer), ["access-control-allow-origin", "access-control-max-age", "vary"]);
    }
}
