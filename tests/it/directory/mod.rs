//! The directory: read from Microsoft Graph, and what it does to people who sign in.

mod domains;
mod doorbell;
mod graph;
mod nodes;
mod people;
mod risk;
mod sync;
mod usage;

use serde_json::Value;

use crate::node::Node;
use crate::operator::say;

/// Has a round begin, and waits for its end: whether it was good, and what was said.
fn sync(node: &Node, more: &[&str]) -> (bool, String) {
    let (code, said, error) = say(node, &[&["directory", "sync"], more].concat());
    (code == Some(0), said + &error)
}

/// A round that must be good.
fn sync_well(node: &Node) {
    let (is_good, said) = sync(node, &[]);
    assert!(is_good, "{said}\n{:#?}", node.events());
}

fn dump(node: &Node) -> String {
    let (code, said, error) = say(node, &["directory", "dump", "--canonical"]);
    assert_eq!(code, Some(0), "{error}");
    said
}

/// What is told of the sync.
fn status(node: &Node) -> Value {
    let (_, said, error) = say(node, &["directory", "status", "--json"]);
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{error}"))
}
