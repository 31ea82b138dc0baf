//! Listeners on their own.

use super::*;

use crate::identity::Networks;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A gate behind these load balancers.
fn gate(proxy_protocol: &[&str], limits: &Limits) -> Arc<ArcSwap<Gate>> {
    let entry = Entry::new("proxy", false, None, Arc::new(Networks::new(&[])), 0);
    let proxy_protocol = proxy_protocol.iter().map(|net| net.parse().unwrap()).collect();
    let head_time = limits.head_time;
    let (entry, plain_http, secure) = (Arc::new(entry), true, None);
    Arc::new(ArcSwap::from_pointee(Gate { entry, proxy_protocol, plain_http, head_time, secure }))
}

fn bind(address: SocketAddr, workers: NonZero<usize>) -> io::Result<Listener> {
    Listener::bind(address, workers, 128, Limits::default().tcp(), &CancellationToken::new())
}

/// A listener for one worker.
fn one() -> Acceptor {
    bind(any(), NonZero::<usize>::MIN).unwrap().acceptors().next().unwrap()
}

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A listener that tells each client who it is, and closes.
fn start(listener: Acceptor, proxy_protocol: &[&str], limits: &Limits) -> (SocketAddr, Shared) {
    let (address, shared) = (listener.socket.local_addr().unwrap(), Shared::new(limits));
    let gate = gate(proxy_protocol, limits);
    tokio::spawn(listener.run(shared.clone(), gate, |mut stream, admitted| async move {
        // All of it: its place goes with it.
        let (Admitted { peer, .. }, mut first) = (admitted, [0; 4]);
        if stream.read_exact(&mut first).await.is_ok() {
            let said = format!("{} {}", String::from_utf8_lossy(&first), peer.client.ip());
            drop(stream.write_all(said.as_bytes()).await);
        }
    }));
    (address, shared)
}

async fn ask(address: SocketAddr, octets: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(octets).await.unwrap();
    let mut said = Vec::new();
    drop(stream.read_to_end(&mut said).await);
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn several_sockets_share_an_address_and_nobody_else_does() {
    let four = NonZero::new(4).unwrap();
    let listener = bind(any(), four).unwrap();
    let address = listener.address();
    for count in [NonZero::<usize>::MIN, four] {
        let error = bind(address, count).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{count} sockets of somebody else");
    }
    let shared = Shared::new(&Limits::default());
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    for (number, listener) in listener.acceptors().enumerate() {
        let tell = tell.clone();
        tokio::spawn(listener.run(shared.clone(), gate(&[], &Limits::default()), move |_, _| {
            tell.send(number).unwrap();
            async {}
        }));
    }
    let mut seen = std::collections::BTreeSet::new();
    // The kernel spreads them by a hash of addresses and ports.
    while seen.len() < 4 {
        drop(TcpStream::connect(address).await.unwrap());
        seen.insert(told.recv().await.unwrap());
    }
}

#[tokio::test]
async fn a_stop_waits_for_those_who_have_come_and_have_yet_to_be_accepted() {
    use std::io::{Read as _, Write as _};
    let (address, shared) = start(one(), &[], &Limits::default());
    // It waits for clients by now, and has no turn while they come.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let mut clients: Vec<_> = (0..20).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    clients.iter_mut().for_each(|client| client.write_all(b"LAST").unwrap());
    shared.stop.cancel();
    shared.tasks.close();
    tokio::time::timeout(Duration::from_secs(20), shared.tasks.wait()).await.unwrap();
    for client in &mut clients {
        client.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut said = String::new();
        assert_eq!((client.read_to_string(&mut said).is_ok(), said.as_str()), (true, "LAST 127.0.0.1"));
    }
}

#[tokio::test]
async fn what_is_accepted_sends_at_once_and_is_found_out_when_it_has_gone() {
    let listener = one();
    let address = listener.socket.local_addr().unwrap();
    let shared = Shared::new(&Limits::default());
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(listener.run(shared, gate(&[], &Limits::default()), move |stream, _| {
        let socket = SockRef::from(&stream);
        let found = (socket.tcp_nodelay(), socket.keepalive(), socket.tcp_keepalive_time(), socket.tcp_user_timeout());
        tell.send((found.0.unwrap(), found.1.unwrap(), found.2.unwrap(), found.3.unwrap())).unwrap();
        async {}
    }));
    let _client = TcpStream::connect(address).await.unwrap();
    let (minute, two) = (Duration::from_secs(60), Duration::from_secs(120));
    assert_eq!(told.recv().await.unwrap(), (true, true, minute, Some(two)));
}

#[tokio::test]
async fn a_load_balancer_says_who_a_client_is_and_nobody_else_may() {
    let limits = Limits { head_time: Duration::from_millis(300), ..Limits::default() };
    let line = b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 8080\r\nGET ";
    let served = crate::net::proxy_protocol::encode("[2001:db8::7]:5000".parse().unwrap(), any());
    let local = crate::net::proxy_protocol::encode_local();
    let (address, shared) = start(one(), &["127.0.0.0/8"], &limits);
    for (octets, said) in [
        (&line[..], "GET  192.0.2.7"),
        (&[&served[..], b"POST"].concat(), "POST 2001:db8::7"),
        (&[&local[..], b"POST"].concat(), "POST 127.0.0.1"),
        (b"GET http://a.test/ HTTP/1.1\r\n\r\n", ""),
        (b"PROXY TCP4 192.0.2.7 nobody 5000 8080\r\nGET ", ""),
        // Too slow: it is closed in time.
        (b"PROXY TCP4 192.0.2.7", ""),
    ] {
        assert_eq!(ask(address, octets).await, said, "{}", String::from_utf8_lossy(octets));
    }
    assert_eq!(shared.connections.open(), 0, "places that were not given back");
    let (address, shared) = start(one(), &["192.0.2.0/24"], &limits);
    assert_eq!(ask(address, b"GET http://a.test/").await, "GET  127.0.0.1");
    for octets in [&line[..], &served] {
        let said = ask(address, octets).await;
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        let length = format!("Content-Length: {}", body.len());
        assert!(head.starts_with("HTTP/1.1 400 ") && head.ends_with(&length) && body.contains("only from"), "{said}");
    }
    assert_eq!(ask(address, b"").await, "");
    assert_eq!(shared.connections.open(), 0);
}

#[tokio::test]
async fn a_load_balancers_clients_are_counted_each_for_itself() {
    let limits = Limits { connections: 3, connections_per_client: 1, ..Limits::default() };
    let (address, shared) = start(one(), &["127.0.0.0/8"], &limits);
    let mut open = Vec::new();
    for client in ["192.0.2.1", "192.0.2.2", "192.0.2.1"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("PROXY TCP4 {client} 192.0.2.9 5000 8080\r\n").as_bytes()).await.unwrap();
        open.push(stream);
    }
    let [first, other, second] = &mut open[..] else { panic!() };
    // Whichever comes second has no place.
    tokio::select! {
        read = first.read_u8() => assert!(read.is_err()),
        read = second.read_u8() => assert!(read.is_err()),
        _ = other.read_u8() => panic!("the other client was turned away"),
    }
    assert_eq!(shared.connections.open(), 2);
}

#[tokio::test]
async fn whoever_has_no_place_is_told_so() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let listener = one();
    let (address, _) = start(listener, &[], &limits);
    let mut first = TcpStream::connect(address).await.unwrap();
    // The first one has its place as soon as the second one is turned away.
    let said = ask(address, b"GET http://a.test/ HTTP/1.1\r\n\r\n").await;
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503 ") && head.ends_with(&format!("Content-Length: {}", body.len())), "{said}");
    first.write_all(b"GET ").await.unwrap();
    let mut answer = String::new();
    first.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "GET  127.0.0.1", "whoever is served goes on being served");
}

#[test]
fn without_descriptors_new_connections_are_turned_away_and_later_served_again() {
    // In a process of its own: no other test could open anything meanwhile.
    let name = "listener::tests::in_a_process_without_descriptors";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", name, "--ignored", "--nocapture"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
#[ignore = "the test above runs it in a process of its own"]
async fn in_a_process_without_descriptors() {
    use std::io::{Read, Write};
    let listener = one();
    let (address, _) = start(listener, &[], &Limits::default());
    let mut served = TcpStream::connect(address).await.unwrap();
    tokio::task::yield_now().await;
    let allowed = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let few = rustix::process::Rlimit { current: Some(200), ..allowed };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, few).unwrap();
    // They wait to be accepted, which nobody does before this task waits.
    let mut waiting: Vec<_> = (0..5).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    waiting[0].write_all(b"GET http://a.test/ HTTP/1.1\r\n\r\n").unwrap();
    let taken: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    assert!(taken.len() > 100);
    let said = tokio::task::spawn_blocking(move || {
        waiting
            .iter_mut()
            .map(|stream| {
                let mut said = String::new();
                stream.read_to_string(&mut said).map(|_| said)
            })
            .collect::<io::Result<Vec<_>>>()
    });
    let said = said.await.unwrap().unwrap();
    assert!(said.iter().all(|said| said.starts_with("HTTP/1.1 503 ")), "{said:?}");
    served.write_all(b"GET ").await.unwrap();
    let mut answer = String::new();
    served.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "GET  127.0.0.1", "whoever was served goes on being served");
    drop(taken);
    assert_eq!(ask(address, b"GET ").await, "GET  127.0.0.1", "and so is whoever comes later");
}
