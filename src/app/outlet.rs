//! The address from which metrics are fetched.

use std::io;
use std::net::SocketAddr;

use axum::body::Body;
use http::{Method, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::net::{Limits, accept};
use crate::wire::serve;

/// How many connections may fetch metrics at the same time.
const MAX_CONNECTIONS: usize = 16;

/// The address of the metrics, bound.
#[derive(Debug)]
pub(super) struct Outlet {
    listener: TcpListener,
}

impl Outlet {
    /// Binds `address`. Must be called in a Tokio runtime.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener: TcpListener::from_std(listener)? })
    }

    /// The address that is bound.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Answers each request by `answer`, from its method and path, until `stop` fires.
    pub(super) async fn run<A>(self, answer: A, limits: Limits, stop: CancellationToken)
    where
        A: Fn(&Method, &str) -> Response<Body> + Clone + Send + Sync + 'static,
    {
        let each = |(stream, _)| {
            let (answer, stop) = (answer.clone(), stop.clone());
            async move {
                let answered = serve(stream, None, &limits, &stop, |request| {
                    let response = answer(request.method(), request.uri().path());
                    async move { response }
                });
                // Bounded in time, so that nobody holds a place by saying nothing.
                drop(tokio::time::timeout(limits.body_idle, answered).await);
            }
        };
        accept::each(|context| self.listener.poll_accept(context), MAX_CONNECTIONS, &stop, each).await;
    }
}
