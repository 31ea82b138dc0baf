//! Usage, told from the records of real traffic, with the groups of the directory.

use std::io::Write as _;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::graph::Graph;
use super::people::{SIMON, fill};
use super::sync_well;
use crate::node::{Node, Setup};
use crate::operator::say;
use crate::world::PATIENCE;

/// The rows of a report, and its sums.
fn report(node: &Node, more: &[&str]) -> (Vec<Value>, Value) {
    let (code, said, error) = say(node, &[&["report", "usage", "--json"], more].concat());
    assert_eq!(code, Some(0), "{error}");
    let mut rows: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sums = rows.pop().unwrap();
    (rows, sums["sums"].clone())
}

#[test]
fn usage_is_told_by_person_group_site_and_day_also_when_no_node_runs() {
    let (graph, build) = Graph::build();
    fill(&graph);
    graph.state().join("g-inner", SIMON, true);
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let node = Setup::new(&world, folder.path()).config(&Graph::config("")).start();
    sync_well(&node);
    let simon = node.browser(&world);
    simon.arrive("http://news.test/");
    for _ in 0..3 {
        assert_eq!(simon.go("http://shop.test/").status, 200);
    }
    // The records are written a moment later.
    let begun = Instant::now();
    let by_site = loop {
        let (rows, _) = report(&node, &["--by", "site"]);
        let is_there = |row: &Value| row["site"] == "shop.test" && row["requests"].as_u64() >= Some(3);
        if rows.iter().any(is_there) {
            break rows;
        }
        assert!(begun.elapsed() < PATIENCE, "{rows:?}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(by_site.iter().any(|row| row["site"] == "news.test" && row["bytes_out"].as_u64() > Some(0)), "{by_site:?}");
    assert!(
        by_site.iter().all(|row| row["site"] != "portal.vestibule.test"),
        "what is ours is nobody's use: {by_site:?}"
    );
    let (by_person, _) = report(&node, &["--by", "person,site"]);
    let shop = by_person.iter().find(|row| row["site"] == "shop.test").unwrap();
    assert_eq!(shop["person"], "contoso/B.Simon@contoso.com", "{by_person:?}");
    // In both groups: in one directly, in the other through it.
    let names = |node: &Node| {
        let (rows, _) = report(node, &["--by", "group"]);
        rows.iter().map(|row| row["group"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let online = names(&node);
    assert!(online.contains(&"Inner".to_owned()) && online.contains(&"Outer".to_owned()), "{online:?}");
    let (_, text, _) = say(&node, &["report", "usage", "--by", "group,day", "--top", "1"]);
    assert!(text.starts_with("GROUP") && text.contains("REQUESTS") && text.contains("more: --top"), "{text}");
    // From several nodes, compressed ones too; what is no record is counted.
    let other = folder.path().join("other.log.gz");
    let mut packed = GzEncoder::new(std::fs::File::create(&other).unwrap(), Compression::fast());
    for number in 0..500 {
        let line = json!({
            "time": "2026-01-02T03:04:05Z", "user": "eve@contoso.com", "realm": "contoso", "host": format!("h{number}.test"),
            "decision": "permitted", "bytes_in": 1, "bytes_out": 2, "duration_ms": 3,
        });
        writeln!(packed, "{line}").unwrap();
    }
    writeln!(packed, "no record").unwrap();
    packed.finish().unwrap();
    let log = folder.path().join("access.log").display().to_string();
    let other = other.display().to_string();
    let (rows, sums) = report(&node, &["--by", "person", &log, &other]);
    let eve = rows.iter().find(|row| row["person"] == "contoso/eve@contoso.com").unwrap();
    assert_eq!((&eve["requests"], &eve["bytes_out"], &eve["duration_ms"]), (&500.into(), &1000.into(), &1500.into()));
    assert_eq!((&sums["broken_lines"], &sums["rows_may_be_short_by"]), (&1.into(), &0.into()));
    let (rows, sums) = report(&node, &["--by", "site", "--rows", "50", &other, "--to", "2026-01-03"]);
    assert!(rows.len() <= 101 && rows.iter().any(|row| row["site"] == "(others)"), "{}", rows.len());
    assert!(sums["usage"]["requests"] == 500 && sums["rows_may_be_short_by"].as_u64() > Some(0), "{sums}");
    let (rows, _) = report(&node, &["--from", "2026-01-03", &other]);
    assert!(rows.is_empty(), "{rows:?}");
    // Groups come from the directory's file when nobody has it.
    let node = Stopped::of(node);
    let (code, said, error) = node.say(&["report", "usage", "--by", "group", "--json"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(said.contains("\"Inner\"") && said.contains("\"Outer\""), "{said}{error}");
}

/// A node that does not run any more.
struct Stopped(std::path::PathBuf);

impl Stopped {
    fn of(node: Node) -> Self {
        let file = node.folder.join("node.toml");
        node.kill();
        Self(file)
    }

    fn say(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vestibule"));
        let output = command.env_clear().args(arguments).arg("--config").arg(&self.0).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}
