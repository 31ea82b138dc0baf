//! What nodes tell each other: a stream in the shared store. It is read as it grows, and after an outage from where
//! reading stopped.

use std::sync::Arc;
use std::time::Duration;

use redis::streams::StreamReadReply;
use redis::{RedisResult, Value};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::super::{Key, News};
use super::link::{Ask, Link, Wire, too_late};

/// How long the server lets one reading wait for news, and how long we let it take altogether.
const WAIT: Duration = Duration::from_millis(1000);
const READING: Duration = Duration::from_millis(2500);

/// Entries that one reading takes.
const MOST: usize = 1000;

/// How long a server that is away is left alone.
const RETRY: Duration = Duration::from_millis(300);

/// The place of an entry in the stream.
pub(super) type Position = (u64, u64);

/// Where the reader says how far it has come.
pub(super) struct Progress {
    pub(super) see: watch::Sender<Position>,
    /// True once the reader knows the place from which it reads on: everything that is told from then on will be heard.
    pub(super) hear: watch::Sender<bool>,
}

/// Reads the stream, and passes on what is in it, until nobody takes it any more.
pub(super) async fn read(link: Arc<Link>, stream: Vec<u8>, tell: mpsc::Sender<News>, progress: Progress) {
    let mut last: Option<Position> = None;
    loop {
        if let Ok(Ok(mut wire)) = timeout(READING, link.connect(READING)).await {
            drop(follow(&mut wire, &stream, &mut last, &tell, &progress).await);
        }
        if tell.is_closed() {
            return;
        }
        sleep(RETRY).await;
    }
}

async fn follow(
    wire: &mut Wire,
    stream: &[u8],
    last: &mut Option<Position>,
    tell: &mpsc::Sender<News>,
    progress: &Progress,
) -> RedisResult<()> {
    let end = end_of(wire, stream).await?;
    // A stream that ends before the place that was read last is a new one, because the server has lost the old one.
    // Nothing of it has been read.
    let mut place = match *last {
        Some(last) if last <= end => last,
        Some(_) => (0, 0),
        None => end,
    };
    // Noted before `hear` says so: even if this connection fails at once, the next one reads on from here, and not from
    // the end that the stream has by then.
    *last = Some(place);
    progress.hear.send_replace(true);
    loop {
        *last = Some(place);
        let text = format!("{}-{}", place.0, place.1);
        let mut command = redis::cmd("XREAD");
        command
            .arg("COUNT")
            .arg(MOST)
            .arg("BLOCK")
            .arg(WAIT.as_millis().to_string())
            .arg("STREAMS")
            .arg(stream)
            .arg(text);
        let ask = Ask::Command(command);
        let read = timeout(READING, wire.ask::<Option<StreamReadReply>>(&ask)).await.map_err(|_| too_late())??;
        let Some(read) = read else {
            // Nothing new. But if the server has lost the stream, a new one ends before our place: it is read from its
            // beginning.
            if end_of(wire, stream).await? < place {
                place = (0, 0);
            }
            continue;
        };
        for entry in read.keys.into_iter().flat_map(|key| key.ids) {
            place = position_of(&entry.id).unwrap_or(place);
            let news = entry.map.into_iter().find_map(|(name, value)| news_of(&name, value));
            if let Some(news) = news
                && tell.send(news).await.is_err()
            {
                return Ok(());
            }
            progress.see.send_replace(place);
        }
    }
}

/// The place of the last entry.
async fn end_of(wire: &mut Wire, stream: &[u8]) -> RedisResult<Position> {
    let mut command = redis::cmd("XREVRANGE");
    command.arg(stream).arg("+").arg("-").arg("COUNT").arg(1);
    let last: Vec<(String, Value)> = wire.ask(&Ask::Command(command)).await?;
    Ok(last.first().and_then(|(id, _)| position_of(id)).unwrap_or((0, 0)))
}

pub(super) fn position_of(id: &str) -> Option<Position> {
    let (time, number) = id.split_once('-')?;
    Some((time.parse().ok()?, number.parse().ok()?))
}

fn news_of(name: &str, value: Value) -> Option<News> {
    let bytes: Vec<u8> = redis::from_redis_value(value).ok()?;
    match name {
        "ended" => Key::try_from(bytes).ok().map(News::Ended),
        "told" => Some(News::Told(bytes)),
        _ => None,
    }
}
