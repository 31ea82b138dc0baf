//! Whoever has one IPv6 address has as many as they like: a network is one client, a site is a few, and strangers leave room
//! for people.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use super::raw::{connect, read_head};
use super::space::{is_inside, run};
use super::world::World;

/// Where the proxy listens.
const PROXY: &str = "2001:db8:ffff::1";

/// A connection that is served and kept; none where there is no place for it.
fn enter(proxy: SocketAddr, from: IpAddr) -> Option<TcpStream> {
    let mut stream = connect(proxy, from);
    // Whoever is turned away may be so before anything is asked.
    drop(stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: p.test\r\n\r\n"));
    let head = read_head(&mut stream);
    head.starts_with("HTTP/1.1 200 ").then_some(stream)
}

#[test]
fn one_ipv6_network_or_site_locks_nobody_out_and_strangers_leave_places_for_people() {
    if !is_inside(one_ipv6_network_or_site_locks_nobody_out_and_strangers_leave_places_for_people) {
        return;
    }
    let take = |address: &str| {
        run("ip", &["-6", "address", "add", &format!("{address}/128"), "dev", "lo", "nodad"]);
        address.parse::<IpAddr>().unwrap()
    };
    take(PROXY);
    let world = World::build()
        .config(&format!("[[listener]]\nname = \"six\"\naddress = \"[{PROXY}]:0\""))
        .limits("connections = 40\nconnections_for_known = 8\nconnections_per_client = 6\nconnections_per_site = 12")
        .start();
    let six = world.listener("six");
    world.browser().arrive("http://news.test/");
    // Each from an address of its own: of one network (/64), of networks of one site (/48), of sites.
    let network: Vec<_> = (1..10).filter_map(|last| enter(six, take(&format!("2001:db8::{last}")))).collect();
    assert_eq!(network.len(), 6, "one client");
    let site: Vec<_> = (1..10).filter_map(|net| enter(six, take(&format!("2001:db8:0:{net}::1")))).collect();
    assert_eq!(network.len() + site.len(), 12, "a site");
    let others: Vec<_> = (1..40).map_while(|site| enter(six, take(&format!("2001:db8:{site}::1")))).collect();
    assert!((15..=20).contains(&others.len()), "all but those for people: {}", others.len());
    let [person, stranger] = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 9)].map(IpAddr::V4);
    assert!(enter(world.proxy, stranger).is_none());
    let people: Vec<_> = (0..6).filter_map(|_| enter(world.proxy, person)).collect();
    assert_eq!(people.len(), 6, "where somebody is known there is room");
}
