//! Origins that are reached through other people's proxies: Squid and a SOCKS server.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;

use super::origin::Origin;
use super::peers::{self, Peer};
use super::raw::{Answer, read_head};
use super::world::{Builder, World};

/// How Squid wants to hear who we are: `vestibule:letmein`, hashed by `openssl passwd -apr1`.
const PASSWORDS: &str = "vestibule:$apr1$salt1234$tI/17fpGh8Ay7v.o5Qxn4/\n";

const CREDENTIALS: &str = "username = \"vestibule\"\npassword = \"letmein\"";

/// A world in which anybody may go to `far.test`, by a route.
fn world(builder: Builder, route: &str, parents: &[(&str, String, &str)], origin: SocketAddr) -> World {
    let mut text = format!(
        "[policy]\n[[policy.rule]]\nname = \"far\"\ndestinations = [\"far.test\", \"127.0.0.1\"]\nprivate = true\neffect = \"allow\"\n\
         authenticate = false\nroute = {route}\n"
    );
    for (name, url, more) in parents {
        text += &format!("[[egress.parent]]\nname = \"{name}\"\nurl = \"{url}\"\n{more}\n");
    }
    builder.egress(&format!("allow = [\"127.0.0.1/32\"]\nconnect_ports = [{}]", origin.port())).config(&text).start()
}

/// Squid, which alone knows where `far.test` is, and wants a name and a password.
fn squid(builder: &Builder, listen: &str, address: SocketAddr) -> Peer {
    let folder = builder.folder();
    let (hosts, passwords) = (folder.join("squid-hosts"), folder.join("squid-passwords"));
    std::fs::write(&hosts, "127.0.0.1 far.test\n").unwrap();
    std::fs::write(&passwords, PASSWORDS).unwrap();
    let config = format!(
        "{listen}
hosts_file {hosts}
auth_param basic program /usr/lib/squid/basic_ncsa_auth {passwords}
auth_param basic children 1
acl known proxy_auth REQUIRED
acl tunnels method CONNECT
acl web port 80
acl closed url_regex closed
http_access deny tunnels web
http_access deny closed
http_access allow known
",
        hosts = hosts.display(),
        passwords = passwords.display(),
    );
    peers::squid(folder, address, &config)
}

/// An origin that answers with its request's head, or sends back what comes through a tunnel.
fn origin() -> Origin {
    Origin::start(|head, stream| {
        if head.starts_with("GET ") {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len());
            return drop(stream.write_all(answer.as_bytes()));
        }
        drop(stream.write_all(head.as_bytes()));
    })
}

fn get(world: &World, url: &str) -> Answer {
    let host = url::Url::parse(url).unwrap();
    let host = &host[url::Position::BeforeHost..url::Position::AfterPort];
    world.send(&format!("GET {url} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: curl/7.88.1\r\nConnection: close\r\n\r\n"))
}

/// What comes back through a tunnel, or the refusal.
fn through_tunnel(world: &World, port: u16) -> Result<String, Answer> {
    through_tunnel_to(world, &format!("far.test:{port}"))
}

/// The same to any authority.
fn through_tunnel_to(world: &World, authority: &str) -> Result<String, Answer> {
    let mut stream = world.connect([127, 0, 0, 1]);
    write!(stream, "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: curl/7.88.1\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    if !head.starts_with("HTTP/1.1 200") {
        let mut rest = Vec::new();
        drop(stream.shutdown(std::net::Shutdown::Write));
        drop(stream.read_to_end(&mut rest));
        return Err(Answer::of_bytes(&[head.as_bytes(), &rest].concat()));
    }
    stream.write_all(b"HELO far.test\r\n\r\n").unwrap();
    let mut back = String::new();
    stream.read_to_string(&mut back).unwrap();
    Ok(back)
}

#[test]
fn squid_is_a_parent_for_plain_http_and_for_tunnels() {
    let (builder, origin, address) = (World::build(), origin(), peers::free());
    let _squid = squid(&builder, &format!("http_port {address}"), address);
    let port = origin.address.port();
    let parents = [("hq", format!("http://{address}"), CREDENTIALS)];
    let world = world(builder, "\"hq\"", &parents, origin.address);
    for _ in 0..2 {
        let answer = get(&world, &format!("http://far.test:{port}/a?b"));
        let seen = answer.text();
        assert_eq!(answer.status, 200, "{answer:#?}");
        assert!(seen.starts_with("GET /a?b HTTP/1.1\r\n"), "{seen}");
        assert!(
            seen.contains("vestibule-") && seen.contains("squid") && !seen.to_lowercase().contains("authorization"),
            "{seen}"
        );
        assert_eq!(through_tunnel(&world, port).unwrap(), "HELO far.test\r\n\r\n");
    }
    // A parent has rules of its own, and its answer to a request is passed on.
    let refused = get(&world, &format!("http://far.test:{port}/closed"));
    assert_eq!(refused.status, 403, "{refused:#?}");
    let records = world.wait_for(|all| all.iter().filter(|record| record["host"] == "far.test").count() == 5);
    for record in records.iter().filter(|record| record["host"] == "far.test") {
        assert_eq!((&record["parent"], &record["origin"]), (&"hq".into(), &address.to_string().into()), "{record}");
    }
}

#[test]
fn a_parent_that_does_not_know_us_is_our_fault_and_its_challenge_reaches_nobody() {
    let (builder, origin, address) = (World::build(), origin(), peers::free());
    let _squid = squid(&builder, &format!("http_port {address}"), address);
    let parents = [("hq", format!("http://{address}"), "username = \"vestibule\"\npassword = \"wrong\"")];
    let port = origin.address.port();
    let world = world(builder, "\"hq\"", &parents, origin.address);
    let answer = get(&world, &format!("http://far.test:{port}/"));
    assert_eq!((answer.status, answer.error_type().as_str()), (502, "proxy_configuration_error"), "{answer:#?}");
    assert_eq!(answer.value("proxy-authenticate"), "");
    let refused = through_tunnel(&world, port).unwrap_err();
    assert_eq!((refused.status, refused.error_type().as_str()), (502, "proxy_configuration_error"), "{refused:#?}");
    assert!(refused.text().contains("proxy"), "{}", refused.text());
    assert_eq!(origin.seen(), [""; 0]);
}

#[test]
fn a_parent_is_reached_inside_tls() {
    let (mut builder, origin, address) = (World::build(), origin(), peers::free());
    let (chain, key) = builder.certify_files("parent.test");
    let (chain, key) = (chain.display().to_string(), key.display().to_string());
    let _squid = squid(&builder, &format!("https_port {address} tls-cert={chain} tls-key={key}"), address);
    let port = origin.address.port();
    let builder = builder.host(&format!("parent.test:{}", address.port()), address);
    let builder = builder.host(&format!("other.test:{}", address.port()), address);
    let parents = [
        ("hq", format!("https://parent.test:{}", address.port()), CREDENTIALS),
        ("other", format!("https://other.test:{}", address.port()), CREDENTIALS),
    ];
    let world = world(builder, "[\"other\", \"hq\"]", &parents, origin.address);
    assert_eq!(through_tunnel(&world, port).unwrap(), "HELO far.test\r\n\r\n");
    let answer = get(&world, &format!("http://far.test:{port}/"));
    assert_eq!(answer.status, 200, "{answer:#?}");
    // The first one's certificate is for another name, so it was told nothing.
    let records = world.wait_for(|all| all.iter().filter(|record| record["host"] == "far.test").count() == 2);
    assert!(records.iter().all(|record| record["host"] != "far.test" || record["parent"] == "hq"), "{records:#?}");
}

#[test]
fn a_socks_server_is_a_parent_and_a_dead_one_is_passed_over() {
    let (builder, origin, address) = (World::build(), origin(), peers::free());
    let _socks = peers::microsocks(address, "vestibule", "letmein");
    let port = origin.address.port();
    let parents = [
        ("down", format!("socks5://{}", peers::closed()), CREDENTIALS),
        ("socks", format!("socks5://{address}"), CREDENTIALS),
    ];
    let world = world(builder, "[\"down\", \"socks\"]", &parents, origin.address);
    assert_eq!(through_tunnel_to(&world, &format!("127.0.0.1:{port}")).unwrap(), "HELO far.test\r\n\r\n");
    // Plain http, too: it reads no HTTP, so the connection leads to the origin.
    let seen = get(&world, &format!("http://127.0.0.1:{port}/a")).text();
    assert!(seen.starts_with("GET /a HTTP/1.1\r\n") && !seen.to_lowercase().contains("authorization"), "{seen}");
    // This server finds no such name.
    let refused = through_tunnel(&world, port).unwrap_err();
    assert_eq!((refused.status, refused.error_type().as_str()), (502, "destination_ip_unroutable"), "{refused:#?}");
    let wrong = peers::microsocks(peers::free(), "vestibule", "other");
    let parents = [("hq", format!("socks5://{}", wrong.address), CREDENTIALS)];
    let world = self::world(World::build(), "\"hq\"", &parents, origin.address);
    let refused = through_tunnel(&world, port).unwrap_err();
    assert_eq!((refused.status, refused.error_type().as_str()), (502, "proxy_configuration_error"), "{refused:#?}");
}
