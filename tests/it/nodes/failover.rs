//! Another server takes over: behind Sentinels, and in a cluster, while people browse.

use std::time::{Duration, Instant};

use super::{Cluster, Hopper, Load, PEOPLE, sign_in, there, volume};
use crate::redis::Redis;
use crate::world::World;

/// Waits until a server says this.
fn until(server: &Redis, words: &[&str], wanted: &str) {
    let begun = Instant::now();
    while !server.say(words).contains(wanted) {
        assert!(begun.elapsed() < Duration::from_secs(30), "no {wanted} in {}", server.say(words));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn nobody_is_taken_for_somebody_else_while_another_server_takes_over() {
    let (first, second) = (Redis::start(), Redis::start());
    second.say(&["replicaof", "127.0.0.1", &first.port().to_string()]);
    until(&second, &["info", "replication"], "master_link_status:up");
    let sentinel = Redis::sentinel(first.port());
    until(&sentinel, &["sentinel", "replicas", "main"], &second.port().to_string());
    let config = format!("{}sentinel = \"main\"\n", sentinel.config());
    let world = World::build().network("shared", "127.0.7.0/24", "shared = true").start();
    let mut cluster = Cluster::with(world, first, config, 3);
    let clients = sign_in(&cluster, volume("VESTIBULE_TEST_CLIENTS", 6));
    let (load, portion) = (Load::default(), volume("VESTIBULE_TEST_REQUESTS", 150));
    for (from, person, cookie) in &clients {
        for node in &cluster.nodes {
            assert_eq!(super::ask(node, *from, &format!("/is/{person}"), cookie), 200, "everybody is at hand");
        }
    }
    let nodes = std::mem::take(&mut cluster.nodes);
    load.run(&clients, &nodes, || {
        load.some(portion);
        cluster.redis.kill();
        for node in &nodes {
            node.wait_for_event("the shared store is away");
        }
        load.some(portion);
        until(&second, &["info", "replication"], "role:master");
        load.some(portion);
    });
    cluster.nodes = nodes;
    there(&cluster, 2);
    let mut newcomer = Hopper::new(&cluster, [127, 0, 7, 251]);
    assert_eq!(newcomer.sign_in("http://news.test/", PEOPLE[0]).status, 200, "people can sign in again");
    load.check(&cluster);
}
