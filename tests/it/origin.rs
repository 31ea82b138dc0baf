//! Origins that answer whatever a test wants, byte for byte.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::raw::{Wire, read_head};
use super::world::PATIENCE;

/// An origin on a port of its own. It reads one head on each connection, answers, and closes.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Origin {
    /// Answers each head with these bytes.
    pub(crate) fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |_, stream| drop(stream.write_all(&bytes)))
    }

    /// Does this with each connection, after its first head has been read.
    pub(crate) fn start(answer: impl Fn(&str, &mut dyn Wire) + Send + Sync + 'static) -> Self {
        Self::listen(None, answer)
    }

    /// The same behind TLS.
    pub(crate) fn start_tls(
        tls: Arc<ServerConfig>,
        answer: impl Fn(&str, &mut dyn Wire) + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Some(tls), answer)
    }

    fn listen(tls: Option<Arc<ServerConfig>>, answer: impl Fn(&str, &mut dyn Wire) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let (answer, heads) = (Arc::new(answer), Arc::clone(&seen));
        // It ends with the test program: nothing waits for it.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, heads, tls) = (Arc::clone(&answer), Arc::clone(&heads), tls.clone());
                std::thread::spawn(move || {
                    let Some(mut stream) = accept(stream, tls) else { return };
                    let head = read_head(&mut *stream);
                    heads.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
                    answer(&head, &mut *stream);
                    drop(stream.flush());
                });
            }
        });
        Self { address, seen }
    }

    /// The heads of all requests so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn accept(stream: std::io::Result<TcpStream>, tls: Option<Arc<ServerConfig>>) -> Option<Box<dyn Wire>> {
    let stream = stream.ok()?;
    stream.set_read_timeout(Some(3 * PATIENCE)).ok()?;
    match tls {
        None => Some(Box::new(stream)),
        Some(tls) => Some(Box::new(StreamOwned::new(ServerConnection::new(tls).ok()?, stream))),
    }
}
