//! Any filter, path and PATCH: no panic, never a status of 500 or more, and what a PATCH leaves is a user that can be
//! written again and is then the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use vestibule::scim::rehearsal::{finds, patched, written};

fn user() -> Map<String, Value> {
    let user = json!({
        "userName": "b@contoso.com", "active": true, "name": { "givenName": "Britta", "familyName": "Simon" },
        "emails": [{ "type": "work", "value": "b@contoso.com", "primary": true }, { "type": "home", "value": "b@home.test" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "IT", "manager": { "value": "7" } },
    });
    written(user).unwrap()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let body = match mode % 3 {
        0 => {
            if let Err(status) = finds(text, &user()) {
                assert!(status.is_client_error(), "{status}: {text}");
            }
            return;
        }
        1 => {
            let mut lines = text.splitn(3, '\n').map(str::to_owned);
            let (op, path) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
            let value = lines.next().and_then(|value| serde_json::from_str(&value).ok()).unwrap_or(Value::Null);
            json!({ "Operations": [{ "op": op, "path": path, "value": value }] })
        }
        _ => match serde_json::from_str::<Value>(text) {
            Ok(operations) => json!({ "Operations": operations }),
            Err(_) => return,
        },
    };
    match patched(user(), body.clone()) {
        Err(status) => assert!(status.is_client_error(), "{status}: {body}"),
        Ok(after) => {
            let again = written(Value::Object(after.clone()));
            assert_eq!(again.as_ref(), Ok(&after), "{body}");
        }
    }
});
