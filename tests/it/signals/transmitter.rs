//! A transmitter of security events, as OpenID Shared Signals Framework 1.0, RFC 8935 and RFC 8936 describe it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::origin::Origin;
use crate::raw::{Wire, read_head};
use crate::world::{Builder, World};

pub(super) const ISSUER: &str = "https://signals.test/";
pub(super) const PUSH_TOKEN: &str = "a token that only the transmitter has";
const API_TOKEN: &str = "a token that only the receiver has";

/// The transmitter. It can be shared.
#[derive(Clone)]
pub(super) struct Transmitter(Arc<Mutex<State>>);

pub(super) struct State {
    key: EcdsaKeyPair,
    /// The key's name, and how often keys were asked for.
    pub(super) kid: String,
    pub(super) keys_asked: usize,
    number: usize,
    /// Tokens that wait to be asked for, by `jti`.
    pub(super) waiting: BTreeMap<String, String>,
    pub(super) acknowledged: Vec<String>,
    pub(super) refused: Vec<Value>,
    pub(super) polls: usize,
    /// What was asked about streams: path and body.
    pub(super) asked: Vec<(String, Value)>,
}

fn base64(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

impl Transmitter {
    /// Builds one that answers as `signals.test`, in a world.
    pub(super) fn build() -> (Self, Builder) {
        let state = State {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            kid: "first".to_owned(),
            keys_asked: 0,
            number: 0,
            waiting: BTreeMap::new(),
            acknowledged: Vec::new(),
            refused: Vec::new(),
            polls: 0,
            asked: Vec::new(),
        };
        let transmitter = Self(Arc::new(Mutex::new(state)));
        let (mut build, own) = (World::build(), transmitter.clone());
        let tls = build.certify("signals.test");
        let origin = Origin::start_tls(tls, move |head, stream| own.serve(head, stream));
        (transmitter, build.host("signals.test:443", origin.address))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A `[[signals]]` about it.
    pub(super) fn config(more: &str) -> String {
        format!(
            "[[signals]]\nname = \"tr\"\nissuer = \"{ISSUER}\"\naudience = [\"https://portal.vestibule.test/\"]\n\
             realms = [\"contoso\"]\ntoken = \"{API_TOKEN}\"\nstream = \"stream-1\"\n{more}\n"
        )
    }

    /// From now on signs with another key.
    pub(super) fn turn_key(&self, kid: &str) {
        let mut state = self.state();
        state.key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        state.kid = kid.to_owned();
    }

    /// A token about a subject: its identifier, and itself. `more` replaces claims.
    #[expect(clippy::needless_pass_by_value, reason = "each value is made where it is given")]
    pub(super) fn token(&self, event: &str, subject: Value, says: Value, more: Value) -> (String, String) {
        let mut state = self.state();
        state.number += 1;
        let jti = format!("jti-{}", state.number);
        let mut claims = json!({
            "iss": ISSUER, "aud": "https://portal.vestibule.test/", "iat": now(), "jti": jti, "txn": "t",
            "sub_id": subject, "events": { format!("https://schemas.openid.net/secevent/{event}"): says },
        });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let header = json!({ "typ": "secevent+jwt", "alg": "ES256", "kid": state.kid });
        let message = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let signature = state.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        (claims["jti"].as_str().unwrap().to_owned(), format!("{message}.{}", base64(signature)))
    }

    /// Has a token wait to be asked for.
    pub(super) fn queue(&self, (jti, token): (String, String)) -> String {
        self.state().waiting.insert(jti.clone(), token);
        jti
    }

    fn serve(&self, first: &str, stream: &mut dyn Wire) {
        let mut head = first.to_owned();
        while !head.is_empty() {
            let length =
                head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            if stream.read_exact(&mut body).is_err() {
                return;
            }
            let answer = self.answer(&head, &body);
            if stream.write_all(answer.as_bytes()).and_then(|()| stream.flush()).is_err() {
                return;
            }
            head = read_head(stream);
        }
    }

    fn answer(&self, head: &str, body: &[u8]) -> String {
        let target = head.split(' ').nth(1).unwrap();
        let is_known = head.to_lowercase().contains(&format!("\r\nauthorization: bearer {}", API_TOKEN.to_lowercase()));
        let body = || serde_json::from_slice::<Value>(body).unwrap();
        let (status, said) = match target {
            "/.well-known/ssf-configuration" => (
                200,
                Some(json!({
                    "spec_version": "1_0", "issuer": ISSUER, "jwks_uri": "https://signals.test/jwks",
                    "delivery_methods_supported": ["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"],
                    "configuration_endpoint": "https://signals.test/streams",
                    "verification_endpoint": "https://signals.test/verify",
                })),
            ),
            "/jwks" => {
                let mut state = self.state();
                state.keys_asked += 1;
                let point = state.key.public_key().as_ref().to_vec();
                let key = json!({
                    "kty": "EC", "crv": "P-256", "kid": state.kid, "use": "sig",
                    "x": base64(&point[1..33]), "y": base64(&point[33..]),
                });
                (200, Some(json!({ "keys": [key] })))
            }
            _ if !is_known => (401, None),
            "/poll" => (200, Some(self.poll(&body()))),
            "/streams" => {
                let asked = body();
                let delivery = if asked["delivery"]["method"] == "urn:ietf:rfc:8936" {
                    json!({ "method": "urn:ietf:rfc:8936", "endpoint_url": "https://signals.test/poll" })
                } else {
                    json!({ "method": "urn:ietf:rfc:8935", "endpoint_url": asked["delivery"]["endpoint_url"] })
                };
                let events = asked["events_requested"].clone();
                self.state().asked.push((target.to_owned(), asked));
                (
                    201,
                    Some(json!({
                        "stream_id": "stream-1", "iss": ISSUER, "aud": ["https://portal.vestibule.test/"],
                        "events_delivered": events, "delivery": delivery,
                    })),
                )
            }
            "/verify" => {
                let asked = body();
                let subject = json!({ "format": "opaque", "id": asked["stream_id"] });
                let says = json!({ "state": asked["state"] });
                self.state().asked.push((target.to_owned(), asked));
                self.queue(self.token("ssf/event-type/verification", subject, says, json!({})));
                (204, None)
            }
            _ => (404, None),
        };
        let text = said.map(|said| said.to_string()).unwrap_or_default();
        let length = if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", text.len()) };
        format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{length}\r\n{text}")
    }

    /// RFC 8936: with `returnImmediately` false it waits a little for something to say.
    fn poll(&self, asked: &Value) -> Value {
        {
            let mut state = self.state();
            state.polls += 1;
            for jti in asked["ack"].as_array().unwrap() {
                let jti = jti.as_str().unwrap().to_owned();
                state.waiting.remove(&jti);
                state.acknowledged.push(jti);
            }
            for (jti, error) in asked["setErrs"].as_object().unwrap() {
                state.waiting.remove(jti);
                state.refused.push(error.clone());
            }
        }
        let begun = Instant::now();
        loop {
            let (sets, has_more) = {
                let state = self.state();
                let sets: BTreeMap<_, _> = state.waiting.clone().into_iter().take(2).collect();
                (sets.clone(), state.waiting.len() > sets.len())
            };
            let waits = asked["returnImmediately"] == false && begun.elapsed() < Duration::from_secs(5);
            if !sets.is_empty() || !waits {
                return json!({ "sets": sets, "moreAvailable": has_more });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
