use super::*;
use crate::identity::LogonName;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn open(&self) -> Directory {
        self.open_for(Owners::default())
    }

    fn open_for(&self, owners: Owners) -> Directory {
        Directory::open("contoso", &self.folder.path().join("contoso.redb"), owners).unwrap()
    }
}

fn person(id: &str, upn: &str) -> PersonRow {
    PersonRow {
        id: id.to_owned(),
        object_id: Some(id.to_owned()),
        user_principal_name: Some(upn.to_owned()),
        enabled: Some(true),
        ..PersonRow::default()
    }
}

fn group(id: &str) -> GroupRow {
    GroupRow { id: id.to_owned(), object_id: Some(id.to_owned()), ..GroupRow::default() }
}

async fn edit<T: Send + 'static>(
    directory: &Directory,
    mut job: impl FnMut(&mut Edit<'_>) -> Result<T, Error> + Send + 'static,
) -> T {
    directory.write(move |edit| job(edit)).await.unwrap()
}

fn group_ids(directory: &Directory, person: &str) -> Vec<String> {
    let snapshot = directory.snapshot();
    let person = snapshot.person_of_id(person).unwrap();
    let mut ids: Vec<String> = snapshot.groups_of(person).iter().map(|group| group.object_id.to_string()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn what_was_written_is_there_for_readers_and_after_a_restart() {
    let place = Place::new();
    let directory = place.open();
    let (before, mut changes) = (directory.snapshot(), directory.changes());
    let number = edit(&directory, |edit| edit.put_person(Feed::Graph, &person("A1", "eve@contoso.com"))).await;
    assert_eq!(before.people_count(), 0, "a reader keeps what it has");
    assert_eq!(
        *changes.recv().await.unwrap(),
        Changes { people: vec![number], before: vec![None], ..Changes::default() }
    );
    assert!(directory.snapshot().version() > before.version());
    drop(directory);
    let directory = place.open();
    let snapshot = directory.snapshot();
    let eve = snapshot.person_of_id("a1").unwrap();
    assert_eq!((eve.number, eve.user_principal_name.as_deref()), (number, Some("eve@contoso.com")));
    assert_eq!(eve.standing, Standing::Active);
}

#[tokio::test]
async fn rows_of_two_feeds_with_one_object_id_are_one_person_whichever_came_first() {
    for first in Feed::ALL {
        let place = Place::new();
        let directory = place.open();
        let from_scim = PersonRow {
            id: "s-1".into(),
            object_id: Some("A1".into()),
            user_principal_name: Some("eve@scim.example".into()),
            mail: Some("eve@mail.example".into()),
            enabled: Some(true),
            ..PersonRow::default()
        };
        let from_graph = person("a1", "eve@contoso.com");
        let rows = [(Feed::Graph, from_graph), (Feed::Scim, from_scim)];
        let rows =
            if first == Feed::Graph { rows } else { rows.into_iter().rev().collect::<Vec<_>>().try_into().unwrap() };
        for (feed, row) in rows {
            edit(&directory, move |edit| edit.put_person(feed, &row)).await;
        }
        let snapshot = directory.snapshot();
        assert_eq!(snapshot.people_count(), 1);
        let eve = snapshot.person_of_id("a1").unwrap();
        assert_eq!(eve.user_principal_name.as_deref(), Some("eve@contoso.com"), "Graph owns it");
        assert_eq!(eve.mail.as_deref(), Some("eve@mail.example"), "Graph says nothing of it");
        // Either may say that somebody is not there any more.
        assert!(edit(&directory, |edit| edit.delete_person(Feed::Scim, "s-1")).await);
        assert_eq!(directory.snapshot().person_of_id("a1").unwrap().standing, Standing::Deleted);
        assert!(directory.read().unwrap().person(Feed::Scim, "s-1").unwrap().is_none());
        drop(directory);
        let only_graph = place.open_for(Owners { heard: vec![Feed::Graph], ..Owners::default() });
        let eve = Arc::clone(only_graph.snapshot().person_of_id("a1").unwrap());
        assert_eq!((eve.standing, eve.mail.as_deref()), (Standing::Active, None), "the other is not heard");
        assert!(edit(&only_graph, |edit| edit.delete_person(Feed::Graph, "a1")).await);
        assert_eq!((only_graph.snapshot().people_count(), only_graph.snapshot().people().count()), (0, 0));
        let gone = Arc::clone(only_graph.snapshot().person_of_id("a1").unwrap());
        assert_eq!((gone.standing, gone.user_principal_name.as_deref()), (Standing::Deleted, None));
        assert!(!edit(&only_graph, |edit| edit.delete_person(Feed::Graph, "a1")).await);
    }
}

#[tokio::test]
async fn somebody_who_comes_back_is_the_same_and_in_no_group() {
    let place = Place::new();
    let directory = place.open();
    let join = |edit: &mut Edit<'_>| {
        let number = edit.put_person(Feed::Scim, &person("a1", "eve@contoso.com"))?;
        let group = edit.put_group(Feed::Scim, &group("g1"))?;
        edit.add_members(Feed::Scim, group, &[number])?;
        Ok(number)
    };
    let number = edit(&directory, join).await;
    assert_eq!(group_ids(&directory, "a1"), ["g1"]);
    assert!(edit(&directory, |edit| edit.delete_person(Feed::Scim, "a1")).await);
    let again = PersonRow { id: "b2".into(), ..person("A1", "Eve@Contoso.com") };
    assert_eq!(edit(&directory, move |edit| edit.put_person(Feed::Scim, &again)).await, number);
    assert!(group_ids(&directory, "a1").is_empty());
}

#[tokio::test]
async fn a_conflict_changes_nothing_and_spoils_nothing_beside_it() {
    let place = Place::new();
    let directory = Arc::new(place.open());
    edit(&directory, |edit| edit.put_person(Feed::Scim, &person("a1", "eve@contoso.com"))).await;
    let put = |row: PersonRow| {
        let directory = Arc::clone(&directory);
        async move {
            directory
                .write(move |edit| edit.put_person(Feed::Scim, &row))
                .await
                .map(drop)
                .map_err(|error| conflict(&error))
        }
    };
    let same_object = PersonRow { id: "c3".into(), ..person("A1", "other@contoso.com") };
    let kind = GroupRow { id: "g".into(), ..group("a1") };
    let as_group = directory.write(move |edit| edit.put_group(Feed::Scim, &kind));
    // Together, so that they share a transaction: one writes something before it fails.
    let half = directory.write(|edit| {
        edit.put_person(Feed::Scim, &person("d4", "half@contoso.com"))?;
        Err::<(), Error>(Conflict::Kind.into())
    });
    let (name, object, good, group, half) = tokio::join!(
        put(person("b2", "EVE@contoso.com")),
        put(same_object),
        put(person("e5", "good@contoso.com")),
        as_group,
        half
    );
    assert_eq!(name, Err(Some(Conflict::Name(Feed::Scim))));
    assert_eq!(object, Err(Some(Conflict::Object(Feed::Scim))));
    assert_eq!(good, Ok(()));
    assert_eq!(conflict(&group.unwrap_err()), Some(Conflict::Kind));
    assert_eq!(conflict(&half.unwrap_err()), Some(Conflict::Kind));
    let snapshot = directory.snapshot();
    let mut names: Vec<&str> = snapshot.people().filter_map(|person| person.user_principal_name.as_deref()).collect();
    names.sort_unstable();
    assert_eq!(names, ["eve@contoso.com", "good@contoso.com"]);
}

fn conflict(error: &Error) -> Option<Conflict> {
    match error {
        Error::Conflict(conflict) => Some(*conflict),
        _ => None,
    }
}

#[tokio::test]
async fn an_object_id_that_changes_takes_the_row_its_groups_and_its_document_along() {
    let place = Place::new();
    let directory = place.open();
    edit(&directory, |edit| {
        let without = PersonRow { object_id: None, ..person("s1", "eve@contoso.com") };
        let number = edit.put_person(Feed::Scim, &without)?;
        edit.set_document(Feed::Scim, number, Some(b"{}"))?;
        let group = edit.put_group(Feed::Scim, &group("g1"))?;
        edit.add_members(Feed::Scim, group, &[number]).map(drop)
    })
    .await;
    let with = PersonRow { object_id: Some("A1".into()), ..person("s1", "eve@contoso.com") };
    let number = edit(&directory, move |edit| edit.put_person(Feed::Scim, &with)).await;
    assert_eq!(directory.snapshot().people_count(), 1);
    assert_eq!(group_ids(&directory, "a1"), ["g1"]);
    let reading = directory.read().unwrap();
    assert_eq!(reading.document(Feed::Scim, number).unwrap().as_deref(), Some(&b"{}"[..]));
    assert_eq!(reading.person_named(Feed::Scim, "EVE@contoso.com").unwrap().unwrap().0, number);
    assert_eq!(reading.people(Feed::Scim, None).unwrap().count(), 1);
}

#[tokio::test]
async fn groups_count_through_groups_in_circles_and_as_their_owner_has_them() {
    let place = Place::new();
    let directory = place.open();
    edit(&directory, |edit| {
        // Members come before the groups and people themselves.
        let ids = ["a1", "g1", "g2", "g3", "device"].map(|id| edit.object(id));
        let [eve, one, two, three, device] = ids.map(Result::unwrap);
        edit.add_members(Feed::Graph, one, &[eve, three, device])?;
        edit.add_members(Feed::Graph, two, &[one])?;
        edit.add_members(Feed::Graph, three, &[two])?;
        for id in ["G1", "G2", "G3"] {
            edit.put_group(Feed::Graph, &group(id))?;
        }
        edit.put_person(Feed::Graph, &person("a1", "eve@contoso.com")).map(drop)
    })
    .await;
    assert_eq!(group_ids(&directory, "a1"), ["G1", "G2", "G3"]);
    // SCIM has another view of one of them, and a group of its own.
    edit(&directory, |edit| {
        let eve = edit.object("a1")?;
        for id in ["g4", "g5"] {
            let other = edit.put_group(Feed::Scim, &group(id))?;
            edit.add_members(Feed::Scim, other, &[eve])?;
        }
        edit.put_group(Feed::Graph, &group("g5")).map(drop)
    })
    .await;
    assert_eq!(group_ids(&directory, "a1"), ["G1", "G2", "G3", "g4"], "Graph knows g5, and has nobody in it");
    edit(&directory, |edit| edit.delete_group(Feed::Graph, "g5")).await;
    assert_eq!(group_ids(&directory, "a1"), ["G1", "G2", "G3", "g4", "g5"]);
    edit(&directory, |edit| {
        let two = edit.object("g2")?;
        edit.set_members(Feed::Graph, two, &[]).map(drop)
    })
    .await;
    assert_eq!(group_ids(&directory, "a1"), ["G1", "g4", "g5"]);
    drop(directory);
    assert_eq!(group_ids(&place.open(), "a1"), ["G1", "g4", "g5"], "a restart changes nothing");
}

#[tokio::test]
async fn a_name_means_one_person_or_nobody_and_never_a_guess() {
    let place = Place::new();
    let directory = place.open();
    edit(&directory, |edit| {
        let on_premises = |row: PersonRow, account: &str, domain: &str| PersonRow {
            sam_account_name: Some(account.into()),
            domain: Some(domain.into()),
            ..row
        };
        let mail = |row: PersonRow, mail: &str| PersonRow { mail: Some(mail.into()), ..row };
        let eve = mail(person("a1", "eve@contoso.com"), "shared@contoso.com");
        let simon = PersonRow {
            aliases: vec!["alias@contoso.com".into()],
            on_premises_upn: Some("simon@corp.local".into()),
            ..mail(person("a2", "Simon@contoso.com"), "shared@contoso.com")
        };
        for row in [
            on_premises(eve, "eve", "corp.contoso.com"),
            on_premises(simon, "simon", "corp.contoso.com"),
            on_premises(mail(person("a3", "eve3@contoso.com"), "eve@contoso.com"), "eve", "other.contoso.com"),
            PersonRow { enabled: Some(false), ..person("a4", "guest_fabrikam.com#EXT#@contoso.com") },
        ] {
            edit.put_person(Feed::Graph, &row)?;
        }
        for (id, short, domain) in [
            ("g1", "CORP", "corp.contoso.com"),
            ("g2", "TWICE", "corp.contoso.com"),
            ("g3", "TWICE", "other.contoso.com"),
        ] {
            let row = GroupRow { netbios: Some(short.into()), domain: Some(domain.into()), ..group(id) };
            edit.put_group(Feed::Graph, &row)?;
        }
        Ok(())
    })
    .await;
    // A mail address is whose address it is, and not whose UPN is written like it.
    let snapshot = directory.snapshot();
    let at = |address: &str| match snapshot.of_address(address) {
        Resolved::One(person) => person.object_id.to_string(),
        Resolved::Nobody => "nobody".to_owned(),
        Resolved::Ambiguous(people) => format!("{} people", people.len()),
    };
    for (address, wanted) in [
        ("Eve@contoso.com", "a3"),
        ("shared@contoso.com", "2 people"),
        ("alias@contoso.com", "a2"),
        ("simon@contoso.com", "nobody"),
        ("guest_fabrikam.com#EXT#@contoso.com", "a4"),
    ] {
        assert_eq!(at(address), wanted, "{address}");
    }
    let snapshot = directory.snapshot();
    let table = Domains { netbios: vec![("OTHER".into(), "other.contoso.com".into())], ..Domains::default() };
    let strict = Domains { is_strict: true, ..table.clone() };
    let who = |typed: &str, domains: &Domains| match snapshot.resolve(&LogonName::parse(typed).unwrap(), domains) {
        Resolved::One(person) => person.object_id.to_string(),
        Resolved::Nobody => "-".to_owned(),
        Resolved::Ambiguous(people) => {
            people.iter().map(|person| person.object_id.to_string()).collect::<Vec<_>>().join("|")
        }
    };
    for (typed, meant, meant_strictly) in [
        ("EVE@contoso.com", "a1", "a1|a3"),
        ("eve3@contoso.com", "a3", "a3"),
        ("CORP\\Eve", "a1", "a1"),
        ("corp.contoso.com\\eve", "a1", "a1"),
        ("OTHER\\eve", "a3", "a3"),
        ("eve@other.contoso.com", "a3", "a3"),
        ("TWICE\\eve", "a1|a3", "a1|a3"),
        ("TWICE\\simon", "a2", "a2"),
        ("NOWHERE\\eve", "-", "-"),
        ("simon@corp.local", "a2", "a2"),
        ("shared@contoso.com", "a1|a2", "a1|a2"),
        ("alias@contoso.com", "a2", "a2"),
        ("nobody@contoso.com", "-", "-"),
        ("guest_fabrikam.com#EXT#@contoso.com", "a4", "a4"),
    ] {
        assert_eq!((who(typed, &table).as_str(), who(typed, &strict).as_str()), (meant, meant_strictly), "{typed}");
    }
    let guess = snapshot.resolve(&LogonName::parse("TWICE\\simon").unwrap(), &table);
    assert!(matches!(guess, Resolved::Ambiguous(people) if people.len() == 1), "the domain could be either");
}

#[tokio::test]
async fn somebody_with_an_object_id_is_never_found_by_a_name() {
    let place = Place::new();
    let directory = place.open();
    edit(&directory, |edit| edit.put_person(Feed::Graph, &person("new-id", "eve@contoso.com"))).await;
    let snapshot = directory.snapshot();
    let user = |id: &str| crate::identity::User {
        id: id.into(),
        name: "eve@contoso.com".into(),
        upn: Some("eve@contoso.com".into()),
        ..crate::identity::User::guest(String::new())
    };
    let is_known = |id: &str| snapshot.person_of(&user(id), &Domains::default()) != Resolved::Nobody;
    assert!(is_known("NEW-ID"));
    assert!(!is_known("old-id"), "the name is another person's by now");
    assert!(is_known("eve@contoso.com"), "the assertion has no object ID");
}

fn tenant(directory: Directory, lines: &str) -> Directories {
    let text = format!("name = 'contoso'\nrealms = ['contoso']\n{lines}");
    Directories::new(vec![(Arc::new(directory), toml::from_str(&text).unwrap())], &[])
}

fn user(realm: &str, id: &str, name: &str) -> crate::identity::User {
    crate::identity::User { realm: realm.into(), name: name.into(), ..crate::identity::User::guest(id.into()) }
}

#[tokio::test]
async fn a_directory_keeps_out_whom_it_should_and_is_not_asked_about_others() {
    use crate::clock::Timestamp;
    for (policy, unknown_known, unknown_elsewhere) in [
        ("", Judgement::Admitted, Judgement::Unknown),
        ("unsynchronised = 'refuse'", Judgement::Unknown, Judgement::Unknown),
    ] {
        let place = Place::new();
        let directories = tenant(place.open(), policy);
        let now = Timestamp::from_second(1000).unwrap();
        let judge = |id: &str, name: &str, known| directories.judge(&user("contoso", id, name), now, known);
        let empty = if policy.is_empty() { Judgement::Admitted } else { Judgement::Unknown };
        assert_eq!(judge("a9", "x", false), empty, "as long as nobody is in it");
        edit(&directories.all()[0].directory, |edit| {
            let valid_from = |second| Some(Timestamp::from_second(second).unwrap());
            for row in [
                PersonRow { sessions_valid_from: valid_from(1000), ..person("a1", "good@contoso.com") },
                PersonRow { sessions_valid_from: valid_from(1001), ..person("a2", "revoked@contoso.com") },
                PersonRow { enabled: Some(false), ..person("a3", "disabled@contoso.com") },
                person("a4", "deleted@contoso.com"),
                PersonRow { enabled: None, ..person("a5", "untold@contoso.com") },
            ] {
                edit.put_person(Feed::Graph, &row)?;
            }
            edit.delete_person(Feed::Graph, "a4").map(drop)
        })
        .await;
        for (id, judgement) in [
            ("A1", Judgement::Admitted),
            ("a2", Judgement::Revoked),
            ("a3", Judgement::Disabled),
            ("a4", Judgement::Deleted),
            ("a5", Judgement::Admitted),
        ] {
            assert_eq!(judge(id, "x", false), judgement, "{id}");
        }
        assert_eq!(judge("disabled@contoso.com", "Disabled@contoso.com", true), Judgement::Disabled);
        // Somebody with an object ID of their own, and a name that was somebody else's.
        assert_eq!(judge("a9", "good@contoso.com", true), unknown_known);
        assert_eq!(judge("a9", "good@contoso.com", false), unknown_elsewhere);
        let other = user("fabrikam", "a3", "disabled@contoso.com");
        assert_eq!(directories.judge(&other, now, false), Judgement::Admitted, "another realm's");
        assert_eq!(directories.groups(&other), None);
    }
}

#[tokio::test]
async fn groups_go_by_the_names_that_the_operator_wants() {
    for (names, wanted) in [
        ("", &["CORP\\sales", "corp.contoso.com\\sales", "g1", "g2"][..]),
        ("group_names = ['object-id']", &["g1", "g2"]),
        ("group_names = ['sam-account-name', 'display-name']", &["Everybody", "Sales people", "sales"]),
    ] {
        let place = Place::new();
        let directories = tenant(place.open(), names);
        edit(&directories.all()[0].directory, |edit| {
            let sales = GroupRow {
                display_name: Some("Sales people".into()),
                sam_account_name: Some("sales".into()),
                netbios: Some("CORP".into()),
                domain: Some("corp.contoso.com".into()),
                ..group("g1")
            };
            let sales = edit.put_group(Feed::Graph, &sales)?;
            let all = GroupRow { display_name: Some("Everybody".into()), ..group("g2") };
            let all = edit.put_group(Feed::Graph, &all)?;
            let eve = edit.put_person(Feed::Graph, &person("a1", "eve@contoso.com"))?;
            edit.add_members(Feed::Graph, sales, &[eve])?;
            edit.add_members(Feed::Graph, all, &[sales]).map(drop)
        })
        .await;
        let groups = directories.groups(&user("contoso", "a1", "eve@contoso.com"));
        let wanted = wanted.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(groups, Some(crate::identity::Groups::Known(wanted)), "{names}");
    }
}

#[tokio::test]
async fn whoever_is_disabled_is_so_by_each_name_that_an_assertion_may_have() {
    let place = Place::new();
    let text = "name = 'contoso'\nrealms = ['contoso']";
    let realm = crate::identity::Realm {
        name: "contoso".into(),
        netbios: vec![("CORP".into(), "corp.contoso.com".into())],
        ..crate::identity::Realm::default()
    };
    let directories = Directories::new(vec![(Arc::new(place.open()), toml::from_str(text).unwrap())], &[realm]);
    edit(&directories.all()[0].directory, |edit| {
        let eve = PersonRow {
            mail: Some("e.smith@contoso.com".into()),
            sam_account_name: Some("esmith".into()),
            domain: Some("corp.contoso.com".into()),
            enabled: Some(false),
            ..person("a1", "eve@contoso.com")
        };
        edit.put_person(Feed::Graph, &eve)?;
        for id in ["a2", "a3"] {
            edit.put_person(Feed::Graph, &PersonRow { mail: Some("info@contoso.com".into()), ..person(id, id) })?;
        }
        Ok(())
    })
    .await;
    let now = crate::clock::Timestamp::from_second(1000).unwrap();
    let named = |name: &str| user("contoso", name, name);
    for eve in [
        user("contoso", "a1", "whoever"),
        named("Eve@contoso.com"),
        named("E.Smith@contoso.com"),
        named("ESmith"),
        named("CORP\\esmith"),
        crate::identity::User { upn: Some("eve@contoso.com".into()), ..named("other@contoso.com") },
        crate::identity::User { sam_account_name: Some("esmith".into()), ..named("other@contoso.com") },
    ] {
        assert_eq!(directories.judge(&eve, now, true), Judgement::Disabled, "{eve:?}");
        assert_eq!(directories.all()[0].against(&eve, now), Some(Judgement::Disabled), "{eve:?}");
    }
    assert_eq!(directories.judge(&named("info@contoso.com"), now, true), Judgement::Ambiguous);
    assert_eq!(directories.judge(&named("nobody"), now, true), Judgement::Admitted);
}

#[tokio::test]
async fn other_owners_count_without_opening_the_directory_again() {
    let place = Place::new();
    let directory = place.open_for(Owners { heard: vec![Feed::Scim], ..Owners::default() });
    let disabled = PersonRow { enabled: Some(false), ..person("a1", "eve@contoso.com") };
    edit(&directory, move |edit| edit.put_person(Feed::Graph, &disabled)).await;
    assert!(directory.snapshot().person_of_id("a1").is_none());
    let mut changes = directory.changes();
    assert!(directory.believes(Owners::default()) && !directory.believes(Owners::default()));
    edit(&directory, |_| Ok(())).await;
    assert_eq!(directory.snapshot().person_of_id("a1").unwrap().standing, Standing::Disabled);
    while !changes.try_recv().unwrap().all {}
}

#[tokio::test]
async fn a_job_that_panics_does_not_keep_the_next_one_from_being_written() {
    let place = Place::new();
    let directory = place.open();
    let failed: Result<(), Error> = directory.write(|_| panic!("a damaged page")).await;
    assert!(failed.is_err());
    edit(&directory, |edit| edit.put_person(Feed::Graph, &person("a1", "eve@contoso.com"))).await;
    assert_eq!(directory.snapshot().people_count(), 1);
}

#[tokio::test]
async fn whoever_was_deleted_is_forgotten_after_a_while_and_their_number_is_nobody_elses() {
    let place = Place::new();
    let directory = place.open();
    for id in ["eve", "bob"] {
        edit(&directory, move |edit| edit.put_person(Feed::Graph, &person(id, &format!("{id}@contoso.com")))).await;
    }
    let number = directory.snapshot().person_of_id("eve").unwrap().number;
    edit(&directory, |edit| edit.delete_person(Feed::Graph, "eve")).await;
    edit(&directory, |edit| edit.delete_person(Feed::Graph, "bob")).await;
    // Bob is there again, and so nothing is to be forgotten of him.
    edit(&directory, |edit| edit.put_person(Feed::Graph, &person("bob", "bob@contoso.com"))).await;
    let keep = crate::clock::SignedDuration::from_hours(24);
    let at = |hours: i64| {
        crate::clock::after("2026-11-30T10:00:00Z".parse().unwrap(), crate::clock::SignedDuration::from_hours(hours))
    };
    let known =
        |directory: &Directory| ["eve", "bob"].map(|id| directory.snapshot().person_of_id(id).map(|one| one.standing));
    // The first time notes when.
    for (hours, forgotten, eve) in
        [(0, 0, Some(Standing::Deleted)), (24, 0, Some(Standing::Deleted)), (25, 1, None), (50, 0, None)]
    {
        assert_eq!(directory.tidy(at(hours), keep).await.unwrap(), forgotten, "{hours}");
        assert_eq!(known(&directory), [eve, Some(Standing::Active)], "{hours}");
    }
    assert_eq!(directory.snapshot().people_count(), 1);
    drop(directory);
    let directory = place.open();
    assert_eq!(known(&directory), [None, Some(Standing::Active)], "after a restart, too");
    edit(&directory, |edit| edit.put_person(Feed::Graph, &person("eve", "eve@contoso.com"))).await;
    assert_ne!(directory.snapshot().person_of_id("eve").unwrap().number, number, "she is somebody new");
}

#[tokio::test]
async fn a_realm_claims_nobody_of_another_realm_of_its_directory() {
    let place = Place::new();
    let directory = place.open();
    edit(&directory, |edit| edit.put_person(Feed::Graph, &person("id-of-eve", "eve@contoso.com"))).await;
    edit(&directory, |edit| edit.put_person(Feed::Graph, &person("id-of-bob", "bob@fabrikam.com"))).await;
    let realm = |name: &str| crate::identity::Realm {
        name: name.into(),
        domains: vec![format!("{name}.com")],
        ..crate::identity::Realm::default()
    };
    let config = "name = 'both'\nrealms = ['contoso', 'fabrikam']";
    let all = vec![(Arc::new(directory), toml::from_str(config).unwrap())];
    let directories = Directories::new(all, &[realm("contoso"), realm("fabrikam")]);
    let found = |realm: &str, id: &str, name: &str| {
        let user = crate::identity::User {
            realm: realm.into(),
            name: name.into(),
            upn: Some(name.into()),
            ..crate::identity::User::guest(id.to_lowercase())
        };
        let found = directories.of_realm(realm).unwrap().person_of(&user);
        let judgement = directories.judge(&user, crate::clock::Timestamp::from_second(1000).unwrap(), true);
        // Whoever is another realm's is refused, and no stranger.
        assert_eq!(
            matches!(found, Resolved::Ambiguous(_)),
            judgement == Judgement::Ambiguous,
            "{realm} {id}: {found:?}"
        );
        assert_ne!(found, Resolved::Nobody, "{realm} {id}");
        matches!(found, Resolved::One(_))
    };
    assert!(found("contoso", "id-of-eve", "eve@contoso.com") && found("fabrikam", "id-of-bob", "bob@fabrikam.com"));
    assert!(!found("fabrikam", "id-of-eve", "bob@fabrikam.com"), "by an object ID of another realm's");
    assert!(!found("contoso", "id-of-bob", "eve@contoso.com"));
    assert!(!found("fabrikam", "eve@contoso.com", "eve@contoso.com"), "nor by a name");
    // Guests are of no realm's domain, and whoever was deleted has no name any more: what is said of them still counts.
    let directory = &directories.all()[0].directory;
    edit(directory, |edit| edit.put_person(Feed::Graph, &person("id-of-guest", "bob_x#EXT#@other.example"))).await;
    edit(directory, |edit| edit.delete_person(Feed::Graph, "id-of-eve")).await;
    assert!(found("contoso", "id-of-guest", "bob@x.example") && found("contoso", "id-of-eve", "eve@contoso.com"));
}
