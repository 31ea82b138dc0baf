//! What one client can do to the others, and what is left when it goes.

use std::io::Write;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use super::*;

/// Where audit records go.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(octets)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_a_client_that_hangs_up_is_recorded() {
    let kept = Kept::default();
    let desk = Desk::with_audit(&Config::default(), Audit::to_writer(kept.clone(), "n", Clock::system()).unwrap());
    let user = desk.create("/Users", json!({ "userName": "eve@contoso.com", "active": false })).await;
    // The directory is busy, so that the change waits.
    let (go, may_go) = mpsc::channel::<()>();
    let busy = {
        let directory = Arc::clone(&desk.directory);
        let may_go = Mutex::new(may_go);
        tokio::spawn(async move {
            let wait = move |_: &mut crate::directory::Edit<'_>| {
                may_go.lock().unwrap().recv().unwrap();
                Ok::<_, crate::directory::Error>(())
            };
            directory.write(wait).await
        })
    };
    let enable = json!({ "Operations": [{ "op": "replace", "path": "active", "value": true }] });
    let path = format!("/Users/{user}");
    let asked = tokio::time::timeout(Duration::from_millis(300), desk.ask("PATCH", &path, &enable)).await;
    assert!(asked.is_err(), "it was answered before the client has hung up");
    assert!(!kept.text().contains("change User"));
    go.send(()).unwrap();
    busy.await.unwrap().unwrap();
    let begun = std::time::Instant::now();
    while !kept.text().contains("\"command\":\"change User\"") {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", kept.text());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(kept.text().contains("\"outcome\":\"enabled\""), "{}", kept.text());
    assert_eq!(desk.ask("GET", &path, &Value::Null).await.body["active"], true);
}

#[tokio::test]
async fn an_external_id_that_is_no_object_id_joins_nothing_and_names_no_group_but_is_unique_and_found() {
    let desk = Desk::open();
    let user = desk.create("/Users", json!({ "userName": "b@contoso.com", "externalId": "admin" })).await;
    let group = json!({ "displayName": "g", "externalId": "CORP\\Admins", "members": [{ "value": user }] });
    let group = desk.create("/Groups", group).await;
    let snapshot = desk.directory.snapshot();
    assert!(snapshot.person_of_id("admin").is_none() && snapshot.group_of_id("CORP\\Admins").is_none());
    let person = snapshot.person_of_id(&user).unwrap();
    let names: Vec<_> = snapshot.groups_of(person).iter().map(|group| group.object_id.to_string()).collect();
    assert_eq!(names, std::slice::from_ref(&group), "the group is called by its own id");
    let other = |id: &str| json!({ "userName": "c@contoso.com", "externalId": id });
    assert_eq!(desk.ask("POST", "/Users", &other("admin")).await.status, 409);
    let found = desk.ask("GET", "/Users?filter=externalId eq \"admin\"", &Value::Null).await.body;
    assert_eq!((&found["totalResults"], &found["Resources"][0]["id"]), (&json!(1), &json!(user)));
    // Another type of resource may have it, and so may another one once it is free.
    desk.create("/Groups", json!({ "displayName": "h", "externalId": "admin" })).await;
    let changed = json!({ "Operations": [{ "op": "replace", "path": "externalId", "value": "boss" }] });
    assert_eq!(desk.ask("PATCH", &format!("/Users/{user}"), &changed).await.status, 200);
    let second = desk.create("/Users", other("admin")).await;
    assert_eq!(desk.ask("DELETE", &format!("/Users/{second}"), &Value::Null).await.status, 204);
    desk.create("/Users", other("admin")).await;
}

#[tokio::test]
async fn whoever_is_disabled_stays_so_until_it_is_said_that_they_are_not() {
    let desk = Desk::open();
    let body = json!({ "userName": "b@contoso.com", "externalId": GUID, "active": false });
    let user = desk.create("/Users", body).await;
    let path = format!("/Users/{user}");
    let standing = || desk.directory.snapshot().person_of_id(GUID).unwrap().standing;
    let put = json!({ "userName": "b@contoso.com", "externalId": GUID, "title": "x" });
    let said = desk.ask("PUT", &path, &put).await;
    assert_eq!((said.status, &said.body["active"], standing()), (200, &json!(false), Standing::Disabled));
    for operation in [
        json!({ "op": "replace", "path": "active", "value": null }),
        json!({ "op": "remove", "path": "active" }),
        json!({ "op": "add", "path": "title", "value": "y" }),
    ] {
        let said = desk.ask("PATCH", &path, &json!({ "Operations": [operation] })).await;
        assert_eq!((said.status, standing()), (200, Standing::Disabled), "{operation}: {}", said.body);
    }
    let found = desk.ask("GET", "/Users?filter=active eq false", &Value::Null).await.body;
    assert_eq!(found["totalResults"], 1);
    let enable = json!({ "Operations": [{ "op": "add", "path": "active", "value": true }] });
    assert_eq!(desk.ask("PATCH", &path, &enable).await.status, 200);
    assert_eq!(standing(), Standing::Active);
}

#[tokio::test]
async fn people_who_never_said_that_they_are_active_are_found_as_such() {
    let desk = Desk::open();
    desk.create("/Users", json!({ "userName": "b@contoso.com" })).await;
    for (filter, wanted) in [("active eq true", 1), ("active eq false", 0)] {
        let found = desk.ask("GET", &format!("/Users?filter={filter}"), &Value::Null).await.body;
        assert_eq!(found["totalResults"], wanted, "{filter}");
    }
}

#[tokio::test]
async fn one_request_looks_at_so_many_members_and_no_more() {
    let desk = Desk::with(&Config { requests_per_minute: u32::MAX, ..Config::default() });
    let mut members = Vec::new();
    for number in 0..5 {
        members.push(json!({ "value": desk.create("/Users", json!({ "userName": format!("u{number}") })).await }));
    }
    let group = desk.create("/Groups", json!({ "displayName": "g", "members": members })).await;
    let path = format!("/Groups/{group}");
    let none = json!({ "op": "remove", "path": "members[type eq \"Group\"]" });
    let patch = |operations: Vec<Value>| json!({ "Operations": operations });
    // In tests, a thousand members are looked at: five in each of two hundred operations.
    assert_eq!(desk.ask("PATCH", &path, &patch(vec![none.clone(); 200])).await.status, 204);
    let refused = desk.ask("PATCH", &path, &patch(vec![none; 201])).await;
    assert_eq!((refused.status, &refused.body["scimType"]), (400, &json!("tooMany")));
    // Only the last word on who is a member is carried out, but each needs to be right.
    let set = |value: &Value| json!({ "op": "replace", "path": "members", "value": value });
    let first = json!([members[0]]);
    let mut sets = vec![set(&json!(members)); 900];
    sets.push(set(&first));
    assert_eq!(desk.ask("PATCH", &path, &patch(sets)).await.status, 204);
    let left = desk.ask("GET", &path, &Value::Null).await.body;
    assert_eq!((left["members"].as_array().unwrap().len(), &left["members"][0]["value"]), (1, &members[0]["value"]));
    let wrong = vec![set(&json!([{ "value": "nobody" }])), set(&first)];
    assert_eq!(desk.ask("PATCH", &path, &patch(wrong)).await.status, 400);
}

#[tokio::test]
async fn a_page_is_shorter_where_resources_are_long_and_the_next_one_goes_on() {
    let desk = Desk::open();
    let long = "x".repeat(10_000);
    for number in 0..10 {
        desk.create("/Users", json!({ "userName": format!("u{number}"), "title": long })).await;
    }
    desk.create("/Groups", json!({ "displayName": "g" })).await;
    let (mut start, mut seen) = (1, Vec::new());
    while seen.len() < 10 {
        let page = desk.ask("GET", &format!("/Users?startIndex={start}&count=10"), &Value::Null).await.body;
        let resources = page["Resources"].as_array().unwrap();
        assert!((1..8).contains(&resources.len()), "{}", resources.len());
        assert_eq!((&page["totalResults"], &page["itemsPerPage"]), (&json!(10), &json!(resources.len())));
        start += resources.len();
        seen.extend(resources.iter().map(|user| user["userName"].as_str().unwrap().to_owned()));
    }
    assert_eq!(seen, (0..10).map(|number| format!("u{number}")).collect::<Vec<_>>());
    // Of both types, nothing is left out between the people and the groups.
    let page = desk.ask("POST", "/.search", &json!({ "count": 100 })).await.body;
    assert_eq!(page["totalResults"], 11);
    assert!(page["Resources"].as_array().unwrap().iter().all(|one| one.get("userName").is_some()), "{page}");
}

#[tokio::test]
async fn answers_of_a_bulk_request_say_where_each_resource_is() {
    let desk = Desk::open();
    let user = desk.create("/Users", json!({ "userName": "b" })).await;
    let operations = [
        json!({ "method": "PUT", "path": format!("/Users/{user}"), "data": {} }),
        json!({ "method": "PATCH", "path": "/Users/nobody", "data": { "Operations": [{ "op": "add", "path": "title", "value": "x" }] } }),
        json!({ "method": "POST", "path": "/Users", "bulkId": "1", "data": { "userName": "b" } }),
        json!({ "method": "DELETE", "path": format!("/Users/{user}") }),
    ];
    let said = desk.ask("POST", "/Bulk", &json!({ "Operations": operations })).await.body;
    let answers: Vec<_> = said["Operations"].as_array().unwrap().iter().collect();
    let statuses: Vec<_> = answers.iter().map(|answer| answer["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["400", "404", "409", "204"]);
    let at = |id: &str| Some(json!(format!("http://scim.test{ROOT}/Users/{id}")));
    let places: Vec<_> = answers.iter().map(|answer| answer.get("location").cloned()).collect();
    assert_eq!(places, [at(&user), at("nobody"), None, at(&user)]);
}
