//! HTTP/1.1 on one client connection, until it closes or is told to finish.

use std::convert::Infallible;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::Limits;

/// Answers every request on `stream` with `answer`. After `finish` fires, the exchange under way is the last.
pub async fn serve<S, A, F, B>(stream: S, limits: &Limits, finish: &CancellationToken, answer: A)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>>,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let service = service_fn(|request| {
        let answered = answer(request);
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let connection = limits.server().serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::pin!(connection);
    // What goes wrong on a client's connection is the client's business, and recorded with its request.
    tokio::select! {
        ended = connection.as_mut() => drop(ended),
        () = finish.cancelled() => {
            connection.as_mut().graceful_shutdown();
            drop(connection.await);
        }
    }
}
