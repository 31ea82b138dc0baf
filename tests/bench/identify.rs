//! What it costs to say who sent a request, by surrogate: `cargo bench --bench identify`, with `-- 1000000` for so many
//! people, each with a session and a personal token.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use vestibule::app::{self, App};
use vestibule::clock::{Clock, SignedDuration};
use vestibule::config;
use vestibule::identity::Surrogate;
use vestibule::identity::network::Spans;
use vestibule::identity::{Groups, Networks, User};
use vestibule::proxy::Client;
use vestibule::session::tool::{Kind, scope::Scope};
use vestibule::session::{AssertionFacts, NewTool, Session};
use vestibule::wire::h1::{Fields, RequestHead};
use vestibule::wire::{Destination, Handshake, Peer, Scheme};

/// How often each surrogate is measured, and for how long each time.
const WINDOWS: usize = 5;
const WINDOW: Duration = Duration::from_secs(1);

/// Requests of one surrogate, from people far apart, so that what one leaves in the processor's cache helps no other.
const REQUESTS: usize = 20_000;

/// Where addresses stand for people.
const SITE: &str =
    "network = [{ name = 'site', addresses = ['10.0.0.0/8'], address_lifetime = '1d', address_idle = '1d' }]";

/// A browser's other fields.
const BROWSER: &str = "Host: news.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0\r\n\
                       Accept: text/html,application/xhtml+xml\r\nAccept-Language: en-GB,en;q=0.9\r\n";

/// The program's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` calls this program without the word; it is no test.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let count = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(count))
}

/// A program whose people fit into memory.
fn program(folder: &std::path::Path, count: usize) -> Result<App> {
    let metadata = concat!(env!("CARGO_MANIFEST_DIR"), "/config/contoso.xml");
    let text = format!(
        r#"
state = {folder:?}
[[listener]]
address = "127.0.0.1:0"
[[listener]]
name = "secure"
address = "127.0.0.1:0"
tls = {{ names = ["proxy.test", "*.proxy.test"] }}
[[network]]
name = "site"
addresses = ["10.0.0.0/8"]
[portal]
url = "https://portal.contoso.com"
listen = "127.0.0.1:0"
[[realm]]
name = "contoso"
domains = ["contoso.com"]
entity_id = "https://portal.contoso.com"
metadata = {metadata:?}
[session]
store = "memory"
max = {max}
cache = {max}
cache_memory = "64GiB"
[proxy_names]
domain = "proxy.test"
[log]
access = "/dev/null"
"#,
        max = 4 * count
    );
    let read = config::parse(&text, "identify.toml", folder, &|_| None);
    let config = read.map_err(|problems| anyhow::anyhow!("{problems}"))?;
    Ok(app::build(&config, &Clock::system())?)
}

/// A request, as it arrives on some connection.
struct Asking {
    client: Client,
    fields: Fields,
}

async fn measure(count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let app = program(folder.path(), count)?;
    let (before, begun) = (resident()?, Instant::now());
    let mut sessions = Vec::with_capacity(REQUESTS);
    let stride = (count / REQUESTS).max(1);
    for number in 0..count {
        let session = sign_in(&app, number).await?;
        if number % stride == 0 {
            sessions.push((number, session));
        }
    }
    let between = resident()?;
    println!(
        "{count} sessions with their client addresses: {:.2} KB each, {:?}",
        kilobytes(before, between, count),
        begun.elapsed()
    );
    let mut tokens = Vec::with_capacity(REQUESTS);
    for number in 0..count {
        let maker = app.sessions().find_by_client(address(number)).context("nobody is there")?;
        let token = make_token(&app, &maker).await?;
        if number % stride == 0 {
            tokens.push(token);
        }
    }
    println!("{count} tokens: {:.2} KB each, {:?} in all", kilobytes(between, resident()?, count), begun.elapsed());
    println!("\n{:<20} {:>10} {:>14}", "surrogate", "ns", "least to most");
    let destination = Destination::of_authority(Scheme::Http, "news.test")?;
    let networks = Networks::new(&toml::from_str::<Named>(SITE)?.network);
    let pool = app.proxy().pool();
    let peer = |address: IpAddr| Peer::new((address, 40_000).into(), "proxy", Arc::clone(networks.of(address)));
    let elsewhere = IpAddr::from([192, 0, 2, 1]);
    let asking = |peer: Peer, more: &str| -> Result<Asking> {
        Ok(Asking { client: Client::new(peer, Arc::clone(&pool)), fields: fields(more)? })
    };

    let of_nobody = (0..REQUESTS).map(|_| asking(peer(elsewhere), "")).collect::<Result<Vec<_>>>()?;
    row(&app, Surrogate::None, &destination, &of_nobody).await?;
    let by_address =
        sessions.iter().map(|(number, _)| asking(peer(address(*number)), "")).collect::<Result<Vec<_>>>()?;
    row(&app, Surrogate::ClientAddress, &destination, &by_address).await?;
    let cookies = sessions.iter().map(|(_, session)| {
        let line = app.proxy().origin_cookie(session, &destination, &peer(elsewhere));
        let pair = line.split(';').next().unwrap_or_default();
        asking(peer(elsewhere), &format!("Cookie: theme=dark; {pair}; visits=12\r\n"))
    });
    let cookies = cookies.collect::<Result<Vec<_>>>()?;
    row(&app, Surrogate::OriginCookie, &destination, &cookies).await?;
    let secure = |handshake: Handshake| peer(elsewhere).over_tls(handshake);
    let mut proven = Vec::new();
    for (_, session) in &sessions {
        let shown = asking(secure(Handshake::default()), "")?;
        app.sessions().prove_connection(&shown.client.peer, session).await;
        proven.push(shown);
    }
    row(&app, Surrogate::Connection, &destination, &proven).await?;
    let by_token =
        tokens.iter().map(|token| asking(peer(elsewhere), &format!("Proxy-Authorization: Bearer {token}\r\n")));
    let by_token = by_token.collect::<Result<Vec<_>>>()?;
    row(&app, Surrogate::ProxyToken, &destination, &by_token).await?;
    let mut named = Vec::new();
    for (_, session) in &sessions {
        let issued = app.bindings().issue(session, "laptop").await?;
        let label = app.bindings().label_of(&issued.secret).await.context("the name is not there")?;
        let server_name = Some(format!("{label}.proxy.test").into());
        let shown = asking(secure(Handshake { server_name, certificate: None }), "")?;
        // Where it is used first decides where it is good.
        app.proxy().who(&shown.client, &destination, &shown.fields).await.context("the name stands for nobody")?;
        named.push(shown);
    }
    row(&app, Surrogate::ProxyHostName, &destination, &named).await?;
    let mut certified = Vec::new();
    for (number, session) in &sessions {
        let mut certificate = [7; 32];
        certificate[..8].copy_from_slice(&number.to_be_bytes());
        let shown = asking(secure(Handshake { server_name: None, certificate: Some(certificate) }), "")?;
        app.bindings().bind_all(&shown.client.peer, session).await;
        certified.push(shown);
    }
    row(&app, Surrogate::ClientCertificate, &destination, &certified).await
}

#[derive(serde::Deserialize)]
struct Named {
    network: Vec<vestibule::identity::network::Config>,
}

/// Identifies each again and again, and prints what one took: the middle of several windows, the least and the most.
async fn row(app: &App, surrogate: Surrogate, destination: &Destination, all: &[Asking]) -> Result<()> {
    for asking in all {
        let found = app.proxy().who(&asking.client, destination, &asking.fields).await;
        let found = found.map_or(Surrogate::None, |(_, surrogate)| surrogate);
        ensure!(found == surrogate, "{found:?} and not {surrogate:?}");
    }
    let (mut each, mut times) = (Vec::with_capacity(WINDOWS), 0_u64);
    for _ in 0..WINDOWS {
        let (begun, worked, before) = (Instant::now(), worked()?, times);
        while begun.elapsed() < WINDOW {
            for asking in all {
                std::hint::black_box(app.proxy().who(&asking.client, destination, &asking.fields).await);
            }
            times += all.len() as u64;
        }
        each.push((self::worked()? - worked) / (times - before));
    }
    each.sort_unstable();
    let name = serde_json::to_value(surrogate)?;
    let name = name.as_str().unwrap_or_default();
    let of = |place: usize| each.get(place).copied().context("so many windows");
    let (least, middle, most) = (of(0)?, of(WINDOWS / 2)?, of(WINDOWS - 1)?);
    println!("{name:<20} {middle:>10} {:>14}", format!("{least} to {most}"));
    Ok(())
}

/// Nanoseconds for which this thread has had a processor: on a machine that does other things, too, the time of day says
/// less.
fn worked() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().context("no schedstat")?.parse()?)
}

fn address(number: usize) -> IpAddr {
    let [_, b, c, d] = u32::try_from(number).unwrap_or_default().to_be_bytes();
    Ipv4Addr::new(10, b, c, d).into()
}

async fn sign_in(app: &App, number: usize) -> Result<Arc<Session>> {
    let user = User {
        name: format!("person{number}@contoso.com"),
        id: format!("{number:032x}"),
        realm: "contoso".into(),
        display_name: None,
        email: None,
        sam_account_name: None,
        upn: None,
        groups: Groups::Unknown,
        risk: vestibule::identity::Risk::Unknown,
    };
    let (client, agent) = (address(number), "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36");
    let begun = app.sessions().begin(user, client, agent, AssertionFacts::default(), Spans::default()).await?;
    let network = toml::from_str::<Named>(SITE)?.network;
    let peer = Peer::new((client, 40_000).into(), "proxy", Arc::clone(Networks::new(&network).of(client)));
    ensure!(app.sessions().bind_client(&peer, &begun.session).await, "the address is not bound");
    Ok(begun.session)
}

async fn make_token(app: &App, maker: &Session) -> Result<String> {
    let new = NewTool {
        maker,
        name: "build server",
        kind: Kind::Personal,
        scope: Scope::default(),
        lifetime: SignedDuration::from_hours(24),
        client: maker.client,
        user_agent: "Mozilla/5.0",
    };
    Ok(app.sessions().begin_tool(new).await?.1.expose().to_owned())
}

fn fields(more: &str) -> Result<Fields> {
    let head = format!("GET http://news.test/ HTTP/1.1\r\n{BROWSER}{more}\r\n");
    Ok(RequestHead::parse(&head.into(), 50)?.fields)
}

fn kilobytes(before: u64, after: u64, count: usize) -> f64 {
    after.saturating_sub(before) as f64 / 1000.0 / count as f64
}

/// Bytes of memory that this process takes.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
