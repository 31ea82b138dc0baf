//! What other nodes tell: a stream in the shared store, read as it grows, and from where it was left after an outage.

use std::sync::Arc;
use std::time::Duration;

use redis::streams::StreamReadReply;
use redis::{RedisResult, Value};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::super::{Key, News};
use super::link::{Ask, Link, Wire, too_late};

/// How long one reading waits for news, and how long it may take altogether.
const WAIT: Duration = Duration::from_millis(1000);
const READING: Duration = Duration::from_millis(2500);

/// Entries that one reading takes.
const MOST: usize = 1000;

/// How long a server that is away is left alone.
const RETRY: Duration = Duration::from_millis(300);

/// The place of an entry in the stream.
pub(super) type Place = (u64, u64);

/// Who is told how far reading has come.
pub(super) struct Progress {
    pub(super) see: watch::Sender<Place>,
    /// The place is found from which everything is read.
    pub(super) hear: watch::Sender<bool>,
}

/// Reads the stream for ever, and passes on what is there.
pub(super) async fn read(link: Arc<Link>, stream: Vec<u8>, tell: mpsc::Sender<News>, progress: Progress) {
    let mut last: Option<Place> = None;
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
    last: &mut Option<Place>,
    tell: &mpsc::Sender<News>,
    progress: &Progress,
) -> RedisResult<()> {
    let end = end_of(wire, stream).await?;
    // A stream that ends before the place that was read last is another one, none of which has been read: the server has
    // lost the old one.
    let mut place = match *last {
        Some(last) if last <= end => last,
        Some(_) => (0, 0),
        None => end,
    };
    // Noted before anybody goes by it: what is told from here on is read, whatever becomes of this connection.
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
            // Nothing new. If the stream has gone, its successor begins before our place.
            if end_of(wire, stream).await? < place {
                place = (0, 0);
            }
            continue;
        };
        for entry in read.keys.into_iter().flat_map(|key| key.ids) {
            place = place_of(&entry.id).unwrap_or(place);
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
async fn end_of(wire: &mut Wire, stream: &[u8]) -> RedisResult<Place> {
    let mut command = redis::cmd("XREVRANGE");
    command.arg(stream).arg("+").arg("-").arg("COUNT").arg(1);
    let last: Vec<(String, Value)> = wire.ask(&Ask::Command(command)).await?;
    Ok(last.first().and_then(|(id, _)| place_of(id)).unwrap_or((0, 0)))
}

pub(super) fn place_of(id: &str) -> Option<Place> {
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
