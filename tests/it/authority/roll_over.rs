//! One authority follows another: made, published, promoted, and the one before retired, by commands beside a running program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use super::{OPEN, open};
use crate::world::{PATIENCE, World};

/// `vestibule ca` with a configuration.
fn ca(file: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.env_clear().args(["ca", "--config"]).arg(file).args(arguments).stdin(Stdio::null());
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The certificates that are published, each in a file of its own.
fn published(world: &World, file: &Path) -> Vec<PathBuf> {
    let text = said(&ca(file, &[]));
    let each = text.split_inclusive("-----END CERTIFICATE-----\n").map(|pem| {
        let path = world.path("published");
        std::fs::write(&path, pem).unwrap();
        path
    });
    each.collect()
}

#[test]
fn devices_that_trust_either_authority_go_on_through_a_roll_over_and_the_old_one_ends_with_it() {
    let world = open().start();
    let file = world.folder().join("demo.toml");
    let ask = |trusted: &Path| world.browser().at(OPEN).trusting(trusted).ask("https://shop.test/");
    let before = published(&world, &file);
    assert_eq!(before.len(), 1);
    assert_eq!(ca(&file, &["promote"]).status.code(), Some(1), "there is no successor");
    assert_eq!(ca(&file, &["retire"]).status.code(), Some(1), "there is no predecessor");
    assert!(said(&ca(&file, &["successor"])).contains("vestibule ca promote"));
    let again = ca(&file, &["successor"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("there is a successor already"), "{again:?}");
    let both = published(&world, &file);
    let [old, new] = &both[..] else { panic!("{both:?}") };
    assert_eq!(std::fs::read(&before[0]).unwrap(), std::fs::read(old).unwrap());
    assert_eq!((ask(old).status, ask(new).exit), (200, 60), "it is published, and issues nothing yet");
    // Nobody tells the program.
    assert!(said(&ca(&file, &["promote"])).contains("vestibule ca retire"));
    let begun = Instant::now();
    while ask(new).status != 200 {
        assert!(begun.elapsed() < PATIENCE, "the program does not take it up");
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    let page = ask(old);
    assert_eq!((page.status, page.exit), (200, 0), "it is shown what the old one says of the new one: {page:#?}");
    // The portal has both, too.
    let browser = world.browser();
    let page = browser.go("https://portal.vestibule.test/certificate");
    let shown = said(&ca(&file, &["show", "--json"]));
    let shown: Vec<serde_json::Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let roles: Vec<_> = shown.iter().map(|one| one["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["authority", "predecessor", "bridge"]);
    for one in &shown[..2] {
        let fingerprint = one["sha256"].as_str().unwrap();
        assert!(
            page.body.contains(&fingerprint[..23]) && one["days"].as_i64().unwrap() > 3600,
            "{one} in {}",
            page.body
        );
    }
    let portal = |path: &str| browser.ask(&format!("https://portal.vestibule.test/certificate/{path}"));
    assert_eq!(portal("authority.pem").body.matches("BEGIN CERTIFICATE").count(), 2);
    assert_eq!(portal("authority.mobileconfig").body.matches("com.apple.security.root").count(), 2);
    for (number, one) in [("1", new), ("2", old)] {
        let pem = portal(&format!("authority.pem?number={number}")).body;
        assert_eq!(pem, std::fs::read_to_string(one).unwrap(), "one alone, in the order of the page");
    }
    for missing in ["authority.crt?number=3", "authority.pem?number=3", "authority.pem?number=0"] {
        assert_eq!(portal(missing).status, 404, "{missing}");
    }
    // Back, and forth again.
    said(&ca(&file, &["promote", "--undo"]));
    world.reload(|text| text).unwrap();
    assert_eq!((ask(old).status, ask(new).exit), (200, 60));
    said(&ca(&file, &["promote"]));
    said(&ca(&file, &["retire"]));
    world.reload(|text| text).unwrap();
    assert_eq!((ask(old).exit, ask(new).status), (60, 200));
    assert!(!world.folder().join("authority.key").exists(), "its key is gone");
    assert_eq!(published(&world, &file).len(), 1);
    // And once more, from the second to a third, which is thrown away.
    said(&ca(&file, &["successor"]));
    assert_eq!(published(&world, &file).len(), 2);
    said(&ca(&file, &["retire", "--successor"]));
    assert_eq!(std::fs::read(&published(&world, &file)[0]).unwrap(), std::fs::read(new).unwrap());
}

#[test]
fn commands_at_the_same_time_make_one_authority_and_one_successor() {
    let world = World::new();
    let state = world.path("state");
    let text = std::fs::read_to_string(world.folder().join("demo.toml")).unwrap();
    let own = format!("\nstate = {:?}", world.folder().display().to_string());
    let other = text.replace(&own, &format!("\nstate = {:?}", state.display().to_string()));
    assert_ne!(text, other);
    let file = world.folder().join("other.toml");
    std::fs::write(&file, other).unwrap();
    let at_once = |arguments: &[&str]| -> Vec<Output> {
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..6).map(|_| scope.spawn(|| ca(&file, arguments))).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    };
    let shown: Vec<_> = at_once(&[]).iter().map(said).collect();
    assert!(shown.iter().all(|one| *one == shown[0] && one.starts_with("-----BEGIN")), "{shown:?}");
    let made = at_once(&["successor"]);
    let good = made.iter().filter(|output| output.status.success()).count();
    assert_eq!(good, 1, "{made:?}");
    assert_eq!(said(&ca(&file, &[])).matches("BEGIN").count(), 2);
    let modes = |name: &str| {
        let metadata = std::fs::metadata(state.join(name)).unwrap();
        std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777
    };
    assert_eq!((modes("authority.key"), modes("authority-2.key"), modes("authority-2.pem")), (0o600, 0o600, 0o644));
    // A crash before the last step: the files are there, and nothing says so.
    std::fs::remove_file(state.join("authority.json")).unwrap();
    assert_eq!(said(&ca(&file, &[])).matches("BEGIN").count(), 1);
    said(&ca(&file, &["successor"]));
    assert_eq!(said(&ca(&file, &[])).matches("BEGIN").count(), 2);
    // What others may read is pointed out.
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(state.join("authority.key"), readable).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    let checked = check.env_clear().arg("check-config").arg(&file).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned();
    assert!(said.contains("the authority's key, is open to others (mode 0644)"), "{said}");
}
