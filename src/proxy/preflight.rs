//! What passes of a CORS preflight whose sender nobody knows: the question and its answer, and nothing beside them.
//!
//! A preflight cannot say who asks (Fetch §4.8 sends no credentials), so it goes without sign-in. Whoever dresses
//! another request as one must get no way around sign-in by that: no body, no answer to read, no change of protocol.

use crate::wire::field::is_one_of;

/// What the question is made of.
const QUESTION: [&str; 6] = [
    "origin",
    "access-control-request-method",
    "access-control-request-headers",
    "access-control-request-private-network",
    "accept",
    "user-agent",
];

/// What the answer is made of, besides what begins with this.
const ANSWER: [&str; 3] = ["allow", "cache-control", "vary"];
const ANSWER_PREFIX: &[u8] = b"access-control-";

/// Whether a field is part of the question.
pub(super) fn is_question(name: &[u8]) -> bool {
    is_one_of(name, &QUESTION)
}

/// Whether a field is part of the answer.
pub(super) fn is_answer(name: &[u8]) -> bool {
    let begins = name.get(..ANSWER_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(ANSWER_PREFIX));
    begins || is_one_of(name, &ANSWER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_carries_nothing_else_out() {
        for name in ["Origin", "Access-Control-Request-Method", "accept"] {
            assert!(is_question(name.as_bytes()), "{name}");
        }
        for name in ["cookie", "authorization", "upgrade", "content-length", "transfer-encoding", "x-data", "expect"] {
            assert!(!is_question(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn an_answer_carries_nothing_else_in() {
        for name in ["Access-Control-Allow-Origin", "access-control-max-age", "vary"] {
            assert!(is_answer(name.as_bytes()), "{name}");
        }
        for name in ["content-length", "content-type", "set-cookie", "x-data", "access-control"] {
            assert!(!is_answer(name.as_bytes()), "{name}");
        }
    }
}
