//! Accepts connections for whatever serves a few at a time: operators, metrics, practice sites.
//!
//! The listeners of the proxy have a loop of their own (`listener`): they shed load, and close without losing anybody.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How long to wait after an accept that failed: most likely there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// Gives each connection that `accept` yields to `serve`, in a task of its own, until `stop` fires. While `most` are being
/// served, further ones wait to be accepted.
pub async fn each<S, F>(
    accept: impl Fn(&mut Context<'_>) -> Poll<io::Result<S>>,
    most: usize,
    stop: &CancellationToken,
    serve: impl Fn(S) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(most));
    let next = async || {
        loop {
            // The semaphore is never closed, so there is a place sooner or later.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { continue };
            match poll_fn(&accept).await {
                Ok(stream) => return (stream, place),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    while let Some((stream, place)) = stop.run_until_cancelled(next()).await {
        let served = serve(stream);
        tokio::spawn(async move {
            served.await;
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn so_many_are_served_at_a_time_and_a_failure_ends_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, now, failed) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        let (stopped, counted) = (stop.clone(), Arc::clone(&now));
        let task = tokio::spawn(async move {
            let accept = |context: &mut Context<'_>| match failed.fetch_add(1, Ordering::Relaxed) {
                0 => Poll::Ready(Err(io::Error::other("no descriptors"))),
                _ => listener.poll_accept(context).map_ok(|(stream, _)| stream),
            };
            let serve = |mut stream: TcpStream| {
                let now = Arc::clone(&counted);
                async move {
                    now.fetch_add(1, Ordering::Relaxed);
                    drop(stream.read(&mut [0]).await);
                    now.fetch_sub(1, Ordering::Relaxed);
                }
            };
            each(accept, 2, &stopped, serve).await;
        });
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        let settle = async |wanted: usize| {
            while now.load(Ordering::Relaxed) != wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        settle(2).await;
        tokio::time::sleep(PAUSE).await;
        assert_eq!(now.load(Ordering::Relaxed), 2, "the third waits for a place");
        drop(clients.remove(0));
        drop(clients.remove(0));
        settle(1).await;
        stop.cancel();
        task.await.unwrap();
    }
}
