//! The service as clients see it, on a directory of its own, without a network.

mod bounds;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};
use serde_json::{Value, json};

use super::*;
use crate::clock::{Clock, SignedDuration, Timestamp};
use crate::directory::{Directory, Feed, Owners, Standing};
use crate::observe::Audit;

/// An object ID.
const GUID: &str = "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01";

/// A service, and a token for its only directory.
struct Desk {
    scim: Scim,
    token: String,
    directory: Arc<Directory>,
    clock: Clock,
    _folder: tempfile::TempDir,
}

/// An answer: its status, the fields of its head, its body.
struct Said {
    status: u16,
    head: http::HeaderMap,
    body: Value,
}

impl Desk {
    fn open() -> Self {
        Self::with(&Config::default())
    }

    fn with(config: &Config) -> Self {
        Self::with_audit(config, Audit::default())
    }

    fn with_audit(config: &Config, audit: Audit) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(Timestamp::from_second(1_000_000_000).unwrap());
        let owners = Owners { heard: vec![Feed::Scim], first: Feed::Scim, ..Owners::default() };
        let directory = Arc::new(Directory::open("contoso", &folder.path().join("contoso.redb"), owners).unwrap());
        let tokens = BearerTokens::open(folder.path(), clock.clone()).unwrap();
        let (token, _) = tokens.make("contoso", SignedDuration::from_hours(24)).unwrap();
        let parts = Surroundings {
            directories: vec![Arc::clone(&directory)],
            memory: Arc::new(Memory::new(tokens)),
            audit: Arc::new(audit),
            clock: clock.clone(),
        };
        let token = token.expose().to_owned();
        Self { scim: Scim::new(config, parts), token, directory, clock, _folder: folder }
    }

    async fn send(&self, request: http::request::Builder, body: impl Into<Bytes>) -> Said {
        let request = request.body(Full::new(body.into())).unwrap();
        let response = self.scim.handle(request, "192.0.2.7".parse().unwrap()).await;
        let (head, body) = response.into_parts();
        let octets = body.collect().await.unwrap().to_bytes();
        let body = if octets.is_empty() { Value::Null } else { serde_json::from_slice(&octets).unwrap() };
        Said { status: head.status.as_u16(), head: head.headers, body }
    }

    /// What a client with the token says.
    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let path = path.replace(' ', "+").replace('"', "%22").replace('[', "%5B").replace(']', "%5D");
        let request = Request::builder().method(method).uri(format!("{ROOT}{path}")).header("host", "scim.test");
        request.header("authorization", format!("Bearer {}", self.token))
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Said {
        let request = self.request(method, path).header("content-type", "application/scim+json");
        self.send(request, if body.is_null() { String::new() } else { body.to_string() }).await
    }

    /// Plays a sequence of requests, each with what must come of it.
    async fn play(&self, sequence: &str) {
        let mut known = BTreeMap::new();
        for step in serde_json::from_str::<Vec<Value>>(sequence).unwrap() {
            let fill = |value: &Value| {
                let text = known.iter().fold(value.to_string(), |text, (name, id): (&String, &String)| {
                    text.replace(&format!("{{{name}}}"), id)
                });
                serde_json::from_str::<Value>(&text).unwrap()
            };
            let about = step["about"].as_str().unwrap();
            let request = fill(&step["request"]);
            let (method, path) = request.as_str().unwrap().split_once(' ').unwrap();
            let said = self.ask(method, path, &fill(&step["send"])).await;
            assert_eq!(json!(said.status), step["status"], "{about}: {}", said.body);
            assert!(step["body"].is_null() || is_within(&fill(&step["body"]), &said.body), "{about}: {:#}", said.body);
            for pointer in step["absent"].as_array().into_iter().flatten() {
                assert!(said.body.pointer(pointer.as_str().unwrap()).is_none(), "{about}: {pointer}: {:#}", said.body);
            }
            for (name, pointer) in step["keep"].as_object().into_iter().flatten() {
                let id = said.body.pointer(pointer.as_str().unwrap()).unwrap().as_str().unwrap();
                known.insert(name.clone(), id.to_owned());
            }
        }
    }

    async fn create(&self, path: &str, body: Value) -> String {
        let said = self.ask("POST", path, &body).await;
        assert_eq!(said.status, 201, "{}", said.body);
        said.body["id"].as_str().unwrap().to_owned()
    }
}

/// Whether all of `wanted` is in `found`. Lists must have the same length.
fn is_within(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.iter().all(|(name, wanted)| found.get(name).is_some_and(|found| is_within(wanted, found)))
        }
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| is_within(wanted, found))
        }
        (wanted, found) => wanted == found,
    }
}

#[tokio::test]
async fn all_that_entra_sends_about_people_is_taken() {
    Desk::open().play(include_str!("../../tests/fixtures/scim/entra-users.json")).await;
}

#[tokio::test]
async fn all_that_entra_sends_about_groups_is_taken() {
    Desk::open().play(include_str!("../../tests/fixtures/scim/entra-groups.json")).await;
}

#[tokio::test]
async fn what_a_validator_asks_is_answered_as_it_expects() {
    Desk::open().play(include_str!("../../tests/fixtures/scim/validator.json")).await;
}

#[tokio::test]
async fn what_is_pushed_is_in_the_directory_when_it_is_answered() {
    let desk = Desk::open();
    let body = json!({
        "userName": "b@contoso.com", "externalId": GUID.to_uppercase(), "displayName": "Britta", "active": true,
        "emails": [{ "value": "other@contoso.com" }, { "value": "b.simon@contoso.com", "primary": true }],
    });
    let user = desk.create("/Users", body).await;
    let person = Arc::clone(desk.directory.snapshot().person_of_id(GUID).unwrap());
    assert_eq!(
        (person.user_principal_name.as_deref(), person.mail.as_deref()),
        (Some("b@contoso.com"), Some("b.simon@contoso.com"))
    );
    assert_eq!(
        (person.display_name.as_deref(), person.aliases.len(), person.standing),
        (Some("Britta"), 1, Standing::Active)
    );
    let group = desk
        .create("/Groups", json!({ "displayName": "Staff", "externalId": "aaaaaaaa-0000-0000-0000-000000000001", "members": [{ "value": user }] }))
        .await;
    let snapshot = desk.directory.snapshot();
    let person = snapshot.person_of_id(GUID).unwrap();
    let groups: Vec<_> = snapshot.groups_of(person).iter().map(|group| group.object_id.to_string()).collect();
    assert_eq!(groups, ["aaaaaaaa-0000-0000-0000-000000000001"]);
    let disable = json!({ "Operations": [{ "op": "Replace", "path": "active", "value": "False" }] });
    assert_eq!(desk.ask("PATCH", &format!("/Users/{user}"), &disable).await.status, 200);
    assert_eq!(desk.directory.snapshot().person_of_id(GUID).unwrap().standing, Standing::Disabled);
    assert_eq!(desk.ask("DELETE", &format!("/Groups/{group}"), &Value::Null).await.status, 204);
    let snapshot = desk.directory.snapshot();
    assert!(snapshot.groups_of(snapshot.person_of_id(GUID).unwrap()).is_empty());
}

#[tokio::test]
async fn whoever_has_no_valid_token_is_told_nothing() {
    let desk = Desk::open();
    let plain = || Request::builder().uri(format!("{ROOT}/Users"));
    for (request, challenge) in [
        (plain(), "Bearer realm=\"scim\""),
        (plain().header("authorization", "Basic eDp5"), "Bearer realm=\"scim\""),
        (plain().header("authorization", "Bearer"), "Bearer realm=\"scim\""),
        (plain().header("authorization", "Bearer vestibule_scim_00"), "Bearer realm=\"scim\", error=\"invalid_token\""),
        (desk.request("GET", "/Users").header("authorization", "Bearer x"), "Bearer realm=\"scim\""),
        (Request::builder().uri("/"), "Bearer realm=\"scim\""),
    ] {
        let said = desk.send(request, "").await;
        assert_eq!((said.status, said.head["www-authenticate"].to_str().unwrap()), (401, challenge));
    }
    let wrong = || plain().header("authorization", "Bearer x");
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(desk.send(wrong(), "").await.status);
    }
    assert_eq!((statuses.first(), statuses.last()), (Some(&401), Some(&429)));
    assert_eq!(desk.ask("GET", "/Users", &Value::Null).await.status, 200, "the right one still opens");
    desk.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(desk.ask("GET", "/Users", &Value::Null).await.status, 429, "it has expired");
}

#[tokio::test]
async fn a_token_makes_no_more_requests_than_it_may() {
    let desk = Desk::with(&Config { requests_per_minute: 3, ..Config::default() });
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(desk.ask("GET", "/ServiceProviderConfig", &Value::Null).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    desk.clock.advance(SignedDuration::from_secs(60));
    // Each operation of a bulk request counts like a request.
    let body = json!({ "Operations": vec![json!({ "method": "DELETE", "path": "/Users/x" }); 3] });
    let said = desk.ask("POST", "/Bulk", &body).await;
    let statuses: Vec<_> =
        said.body["Operations"].as_array().unwrap().iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, ["404", "404", "429"]);
    desk.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(desk.ask("GET", "/ServiceProviderConfig", &Value::Null).await.status, 200);
}

#[tokio::test]
async fn bodies_are_of_the_right_kind_and_bounded() {
    let desk = Desk::open();
    let post = || desk.request("POST", "/Users");
    let good = r#"{"userName":"b"}"#;
    for (request, body, status) in [
        (post().header("content-type", "text/xml"), good.to_owned(), 415),
        (post().header("content-type", "application/json; charset=utf-8"), good.to_owned(), 201),
        (post(), good.replace('b', "c"), 201),
        (post().header("content-type", "APPLICATION/SCIM+JSON"), "{".to_owned(), 400),
        (post(), String::new(), 400),
        (post(), "\u{feff}{}".to_owned(), 400),
        (post(), "[".repeat(100_000), 400),
        (post(), format!(r#"{{"userName":"{}"}}"#, "b".repeat(service::MAX_BODY)), 413),
    ] {
        assert_eq!(desk.send(request, body).await.status, status);
    }
    let said = desk.ask("PATCH", "/Users", &json!({})).await;
    assert_eq!((said.status, said.head["allow"].to_str().unwrap()), (405, "GET, POST"));
    assert_eq!(said.head["content-type"], "application/scim+json");
    assert_eq!(said.head["cache-control"], "no-store");
}

#[tokio::test]
async fn versions_keep_clients_from_overwriting_each_other() {
    let desk = Desk::open();
    let said = desk.ask("POST", "/Users", &json!({ "userName": "b@contoso.com" })).await;
    let (id, tag) = (said.body["id"].as_str().unwrap().to_owned(), said.head["etag"].clone());
    assert_eq!(said.body["meta"]["version"], tag.to_str().unwrap());
    assert_eq!(said.head["location"], format!("http://scim.test{ROOT}/Users/{id}").as_str());
    let path = format!("/Users/{id}");
    let with =
        |method: &str, field: &str, tag: &http::HeaderValue| desk.request(method, &path).header(field, tag.clone());
    assert_eq!(desk.send(with("GET", "if-none-match", &tag), "").await.status, 304);
    let change = json!({ "Operations": [{ "op": "add", "path": "title", "value": "x" }] }).to_string();
    let changed = desk.send(with("PATCH", "if-match", &tag), change.clone()).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.head["etag"], tag);
    for (method, body) in
        [("PATCH", change.clone()), ("PUT", r#"{"userName":"b"}"#.to_owned()), ("DELETE", String::new())]
    {
        assert_eq!(desk.send(with(method, "if-match", &tag), body).await.status, 412, "{method}");
    }
    assert_eq!(desk.send(with("GET", "if-none-match", &tag), "").await.status, 200);
    // The same once more changes nothing, and is no other version.
    let again = desk.send(with("PATCH", "if-match", &changed.head["etag"]), change).await;
    assert_eq!((again.status, &again.head["etag"]), (200, &changed.head["etag"]));
    let group = desk.create("/Groups", json!({ "displayName": "g", "members": [{ "value": id }] })).await;
    let member = desk.ask("GET", &path, &Value::Null).await;
    assert_ne!(member.head["etag"], changed.head["etag"], "it shows another group");
    let of_group = |said: Said| said.head["etag"].to_str().unwrap().to_owned();
    let before = of_group(desk.ask("GET", &format!("/Groups/{group}"), &Value::Null).await);
    assert_eq!(desk.send(with("DELETE", "if-match", &member.head["etag"]), "").await.status, 204);
    assert_ne!(of_group(desk.ask("GET", &format!("/Groups/{group}"), &Value::Null).await), before, "a member is gone");
}

#[tokio::test]
async fn addresses_are_those_by_which_clients_know_us() {
    let url = toml::from_str::<Config>("url = \"https://id.contoso.com/vestibule\"").unwrap();
    let desk = Desk::with(&url);
    let said = desk.ask("POST", "/Users", &json!({ "userName": "b" })).await;
    let location = said.body["meta"]["location"].as_str().unwrap();
    assert!(location.starts_with("https://id.contoso.com/vestibule/scim/v2/Users/"), "{location}");
    let odd = Desk::open();
    let request = Request::builder().uri(format!("{ROOT}/ServiceProviderConfig")).header("host", "a b\"<");
    let said = odd.send(request.header("authorization", format!("Bearer {}", odd.token)), "").await;
    assert_eq!(said.body["meta"]["location"], format!("{ROOT}/ServiceProviderConfig"));
}

#[test]
fn no_body_that_anybody_can_send_gives_a_server_error() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(1).build().unwrap();
    let _inside = runtime.enter();
    let desk = Desk::with(&Config { requests_per_minute: u32::MAX, ..Config::default() });
    let (user, group) = runtime.block_on(async {
        let user =
            desk.create("/Users", json!({ "userName": "b", "emails": [{ "value": "x", "type": "work" }] })).await;
        let group = desk.create("/Groups", json!({ "displayName": "g", "members": [{ "value": user }] })).await;
        (user, group)
    });
    let places = [
        ("POST", "/Users".to_owned()),
        ("PUT", format!("/Users/{user}")),
        ("PATCH", format!("/Users/{user}")),
        ("POST", "/Groups".to_owned()),
        ("PUT", format!("/Groups/{group}")),
        ("PATCH", format!("/Groups/{group}")),
        ("POST", "/Bulk".to_owned()),
        ("POST", "/.search".to_owned()),
        ("POST", "/Groups/.search".to_owned()),
    ];
    let body = patch::tests::any_json().prop_flat_map(|value| {
        let wrapped = json!({ "Operations": [{ "op": "add", "value": value }, { "method": "POST", "path": "/Users", "data": value }] });
        prop_oneof![Just(value.to_string()), Just(wrapped.to_string()), Just(json!({ "Operations": [value] }).to_string()), ".{0,20}"]
    });
    let mut runner = TestRunner::new(Runs { cases: 200, ..Runs::default() });
    let ran = runner.run(&(body, 0..places.len()), |(body, place)| {
        let (method, path) = &places[place];
        let said = runtime.block_on(desk.send(desk.request(method, path), body));
        prop_assert!(said.status < 500, "{} {}: {}", method, path, said.status);
        Ok(())
    });
    ran.unwrap();
}
