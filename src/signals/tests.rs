use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::event::{Effect, SecurityEvent};
use super::keys::Keys;
use super::set::{self, Set, SetError};
use super::subject::{Name, SubjectId, Unreadable};
use super::*;
use crate::clock::Timestamp;

const REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const NOW: i64 = 1_700_000_000;

fn base64(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

fn config(more: &str) -> Config {
    let text =
        format!("name = 'tr'\nissuer = 'https://tr.example.com/'\naudience = ['me', 'us']\nrealms = ['r']\n{more}");
    toml::from_str(&text).unwrap()
}

/// A transmitter's keys: one of each kind.
struct Signer {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
}

impl Signer {
    fn new() -> Self {
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        }
    }

    fn jwks(&self) -> Value {
        let (public, point) = (self.rsa.public_key(), self.ec.public_key().as_ref());
        let (modulus, exponent) = (public.modulus().big_endian_without_leading_zero(), public.exponent());
        json!({ "keys": [
            { "kty": "RSA", "kid": "rsa", "use": "sig", "n": base64(modulus),
              "e": base64(exponent.big_endian_without_leading_zero()) },
            { "kty": "EC", "kid": "ec", "crv": "P-256", "alg": "ES256", "x": base64(&point[1..33]), "y": base64(&point[33..]) },
            { "kty": "oct", "kid": "oct", "k": base64("0123456789abcdef0123456789abcdef") },
            { "kty": "of another time", "kid": "new" },
        ] })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let random = SystemRandom::new();
        let by_rsa = |how| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(how, &random, message.as_bytes(), &mut signature).unwrap();
            signature
        };
        let signature = match header["alg"].as_str().unwrap() {
            "RS256" => by_rsa(&RSA_PKCS1_SHA256),
            "PS256" => by_rsa(&RSA_PSS_SHA256),
            "ES256" => self.ec.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            "HS256" => {
                // Signed with what everybody knows.
                let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"0123456789abcdef0123456789abcdef");
                aws_lc_rs::hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
            }
            _ => Vec::new(),
        };
        format!("{message}.{}", base64(signature))
    }

    fn keys(&self) -> Keys {
        let keys = Keys::default();
        assert!(keys.take(self.jwks().to_string().as_bytes()).unwrap() >= 3);
        keys
    }
}

#[expect(clippy::needless_pass_by_value, reason = "each value is made where it is given")]
fn claims(more: Value) -> Value {
    let mut claims = json!({
        "iss": "https://tr.example.com/", "aud": "me", "iat": NOW, "jti": "1",
        "sub_id": { "format": "email", "email": "a@b.test" }, "events": { REVOKED: { "event_timestamp": NOW } },
    });
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn header(alg: &str, kid: &str) -> Value {
    json!({ "typ": "secevent+jwt", "alg": alg, "kid": kid })
}

/// What the receiver makes of a token.
fn check(keys: &Keys, token: &str) -> Result<Set, SetError> {
    let head = set::header(token)?;
    let key = keys.of(&head).ok_or(SetError::Key("no key"))?;
    set::verify(token, &head, &key, &config(""), Timestamp::from_second(NOW).unwrap())
}

#[test]
fn tokens_are_taken_that_a_key_of_their_issuer_has_signed_and_no_others() {
    let (signer, other) = (Signer::new(), Signer::new());
    let keys = signer.keys();
    for (alg, kid) in [("RS256", "rsa"), ("PS256", "rsa"), ("ES256", "ec")] {
        let set = check(&keys, &signer.sign(&header(alg, kid), &claims(json!({})))).unwrap();
        assert_eq!((set.jti.as_str(), set.is_stale, set.events[0].effect), ("1", false, Effect::EndEarlier), "{alg}");
        // Without a key's name, if it can be one alone.
        let nameless = json!({ "typ": "application/SecEvent+jwt", "alg": alg });
        check(&keys, &signer.sign(&nameless, &claims(json!({})))).unwrap();
        // Another's signature, and another's words.
        let refused = check(&keys, &other.sign(&header(alg, kid), &claims(json!({})))).unwrap_err();
        assert_eq!(refused.code(), "invalid_key", "{alg}");
        let good = signer.sign(&header(alg, kid), &claims(json!({})));
        let (head, rest) = good.split_once('.').unwrap();
        let signature = rest.split_once('.').unwrap().1;
        let forged = format!("{head}.{}.{signature}", base64(claims(json!({ "jti": "2" })).to_string()));
        assert_eq!(check(&keys, &forged).unwrap_err().code(), "invalid_key", "{alg}");
    }
    for (alg, kid) in
        [("none", "rsa"), ("HS256", "oct"), ("HS256", "rsa"), ("RS256", "ec"), ("ES256", "rsa"), ("RS256", "x")]
    {
        let refused = check(&keys, &signer.sign(&header(alg, kid), &claims(json!({})))).unwrap_err();
        assert!(matches!(refused, SetError::Request(_) | SetError::Key(_)), "{alg} {kid}: {refused}");
    }
    let unsigned =
        format!("{}.{}.", base64(r#"{"typ":"secevent+jwt","alg":"none"}"#), base64(claims(json!({})).to_string()));
    assert_eq!(check(&keys, &unsigned).unwrap_err().code(), "invalid_request");
}

#[test]
fn each_claim_is_held_against_what_is_expected() {
    let signer = Signer::new();
    let keys = signer.keys();
    let of = |more: Value| check(&keys, &signer.sign(&header("ES256", "ec"), &claims(more)));
    for (more, code) in [
        (json!({ "iss": "https://tr.example.com" }), "invalid_issuer"),
        (json!({ "iss": "https://other.example.com/" }), "invalid_issuer"),
        (json!({ "aud": "you" }), "invalid_audience"),
        (json!({ "aud": [] }), "invalid_audience"),
        (json!({ "aud": null }), "invalid_request"),
        (json!({ "iss": null }), "invalid_request"),
        (json!({ "iat": null }), "invalid_request"),
        (json!({ "iat": NOW + 301 }), "invalid_request"),
        (json!({ "iat": "now" }), "invalid_request"),
        (json!({ "jti": null }), "invalid_request"),
        (json!({ "jti": "" }), "invalid_request"),
        (json!({ "jti": "x".repeat(513) }), "invalid_request"),
        (json!({ "exp": NOW + 60 }), "invalid_request"),
        (json!({ "events": null }), "invalid_request"),
        (json!({ "events": {} }), "invalid_request"),
        (json!({ "events": { REVOKED: 7 } }), "invalid_request"),
    ] {
        assert_eq!(of(more.clone()).map(|_| ()).unwrap_err().code(), code, "{more}");
    }
    assert!(of(json!({ "aud": ["x", "us"], "iat": NOW + 299 })).is_ok());
    assert!(of(json!({ "iat": NOW - 7 * 86_400 - 1 })).unwrap().is_stale);
    assert!(!of(json!({ "iat": NOW - 7 * 86_400 + 1 })).unwrap().is_stale);
    for typ in [json!("JWT"), json!("at+jwt"), Value::Null] {
        let token = signer.sign(&json!({ "typ": typ, "alg": "ES256", "kid": "ec" }), &claims(json!({})));
        assert_eq!(check(&keys, &token).unwrap_err().code(), "invalid_request", "{typ}");
    }
    // What a token says must be understood is not, even what the library that reads it understands.
    for more in [json!({ "crit": ["x"], "x": 1 }), json!({ "crit": ["b64"], "b64": true }), json!({ "crit": [] })] {
        let mut head = header("ES256", "ec");
        head.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(
            check(&keys, &signer.sign(&head, &claims(json!({})))).unwrap_err().code(),
            "invalid_request",
            "{more}"
        );
    }
    for token in ["", "a", "a.b", "a.b.c", "....", "\u{0}.\u{0}.\u{0}"] {
        assert_eq!(check(&keys, token).unwrap_err().code(), "invalid_request", "{token}");
    }
    assert_eq!(check(&keys, &"a.".repeat(40_000)).unwrap_err(), SetError::Request("the token is too long"));
}

#[test]
fn keys_that_are_too_short_or_for_something_else_sign_nothing() {
    let signer = Signer::new();
    let mut jwks = signer.jwks();
    let head = |alg: &str, kid: &str| set::header(&signer.sign(&header(alg, kid), &claims(json!({})))).unwrap();
    let with = |jwks: &Value| {
        let keys = Keys::default();
        keys.take(jwks.to_string().as_bytes());
        keys
    };
    assert!(with(&jwks).of(&head("RS256", "rsa")).is_some());
    jwks["keys"][0]["use"] = json!("enc");
    assert!(with(&jwks).of(&head("RS256", "rsa")).is_none());
    jwks["keys"][0]["use"] = json!("sig");
    jwks["keys"][0]["alg"] = json!("PS256");
    assert!(with(&jwks).of(&head("RS256", "rsa")).is_none() && with(&jwks).of(&head("PS256", "rsa")).is_some());
    jwks["keys"][0]["n"] = json!(base64([0xc1; 128]));
    assert!(with(&jwks).of(&head("PS256", "rsa")).is_none(), "1024 bits");
    assert!(Keys::default().take(b"{}").is_none() && Keys::default().take(b"[").is_none());
    let keys = Keys::default();
    assert!(keys.may_ask() && !keys.may_ask(), "not twice within a short time");
}

#[test]
fn subjects_of_each_format_are_read() {
    let issued = |sub: &str| Name::Issued("https://i.test/".into(), sub.into());
    for (subject, user) in [
        (json!({ "format": "email", "email": "a@b.test" }), vec![Name::Email("a@b.test".into())]),
        (json!({ "subject_type": "email", "email": "a@b.test" }), vec![Name::Email("a@b.test".into())]),
        (json!({ "format": "iss_sub", "iss": "https://i.test/", "sub": "1" }), vec![issued("1")]),
        (json!({ "subject_type": "iss-sub", "iss": "https://i.test/", "sub": "1" }), vec![issued("1")]),
        (json!({ "format": "opaque", "id": "x" }), vec![Name::Opaque("x".into())]),
        (json!({ "format": "account", "uri": "acct:a%2Bb@c.test" }), vec![Name::Account("a+b@c.test".into())]),
        (
            json!({ "format": "aliases", "identifiers": [
                { "format": "email", "email": "a@b.test" }, { "format": "phone_number", "phone_number": "+1" },
                { "format": "opaque", "id": "x" } ] }),
            vec![Name::Email("a@b.test".into()), Name::Opaque("x".into())],
        ),
    ] {
        assert_eq!(SubjectId::read(&subject).unwrap(), SubjectId { user, ..SubjectId::default() }, "{subject}");
    }
    let complex = json!({
        "format": "complex", "user": { "format": "iss_sub", "iss": "https://i.test/", "sub": "1" },
        "session": { "format": "opaque", "id": "s" }, "tenant": { "format": "opaque", "id": "t" },
    });
    let wanted = SubjectId { user: vec![issued("1")], session: Some("s".into()), tenant: Some("t".into()) };
    assert_eq!(SubjectId::read(&complex).unwrap(), wanted);
    // Drafts had no format for them.
    let mut plain = complex;
    plain.as_object_mut().unwrap().remove("format");
    assert_eq!(SubjectId::read(&plain).unwrap(), wanted);
    for (subject, error) in [
        (json!({ "format": "phone_number", "phone_number": "+1" }), Unreadable::Format),
        (json!({ "format": "device", "id": "x" }), Unreadable::Format),
        (json!({ "format": "complex", "device": { "format": "opaque", "id": "x" } }), Unreadable::Format),
        (json!({ "format": 7 }), Unreadable::Format),
        (json!({ "format": "email" }), Unreadable::Malformed),
        (json!({ "format": "email", "email": "" }), Unreadable::Malformed),
        (json!({ "format": "email", "email": ["a@b.test"] }), Unreadable::Malformed),
        (json!({ "format": "email", "email": "a\n@b.test" }), Unreadable::Malformed),
        (json!({ "format": "opaque", "id": "x".repeat(513) }), Unreadable::Malformed),
        (json!({ "format": "account", "uri": "mailto:a@b.test" }), Unreadable::Malformed),
        (json!({ "format": "aliases", "identifiers": [] }), Unreadable::Malformed),
        (
            json!({ "format": "aliases", "identifiers": [{ "format": "aliases", "identifiers": [{ "format": "opaque", "id": "x" }] }] }),
            Unreadable::Format,
        ),
        (json!({}), Unreadable::Missing),
        (json!("a@b.test"), Unreadable::Malformed),
    ] {
        assert_eq!(SubjectId::read(&subject), Err(error), "{subject}");
    }
}

#[test]
fn each_kind_of_event_has_its_effect() {
    let (caep, risc) =
        (REVOKED.trim_end_matches("session-revoked"), "https://schemas.openid.net/secevent/risc/event-type/");
    for (family, kind, says, effect) in [
        (caep, "session-revoked", json!({}), Effect::EndEarlier),
        (caep, "credential-change", json!({ "change_type": "create" }), Effect::Record),
        (caep, "credential-change", json!({ "change_type": "revoke" }), Effect::EndEarlier),
        (caep, "credential-change", json!({}), Effect::EndEarlier),
        (caep, "token-claims-change", json!({}), Effect::Ask),
        (caep, "assurance-level-change", json!({}), Effect::Record),
        (caep, "device-compliance-change", json!({}), Effect::Record),
        (risc, "account-disabled", json!({}), Effect::EndAll),
        (risc, "account-purged", json!({}), Effect::EndAll),
        (risc, "account-enabled", json!({}), Effect::Ask),
        (risc, "identifier-changed", json!({}), Effect::Ask),
        (risc, "sessions-revoked", json!({}), Effect::EndEarlier),
        (risc, "credential-compromise", json!({}), Effect::EndEarlier),
        (risc, "session-revoked", json!({}), Effect::Unknown),
        ("https://other.test/", "session-revoked", json!({}), Effect::Unknown),
    ] {
        assert_eq!(SecurityEvent::of(&format!("{family}{kind}"), says).effect, effect, "{family}{kind}");
    }
    let at = |number: Value| SecurityEvent::of(REVOKED, json!({ "event_timestamp": number })).at();
    let now = Timestamp::from_second(NOW).unwrap();
    assert_eq!((at(json!(NOW)), at(json!(NOW * 1000)), at(json!(NOW as f64))), (Some(now), Some(now), Some(now)));
    assert_eq!((at(json!("now")), at(json!(i64::MAX))), (None, None));
}
