//! A way to a server, such as that from one node to the Redis that it shares: it can be slow, and it can be cut.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// A way that bytes take.
pub(crate) struct Link {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_cut: AtomicBool,
    /// Milliseconds that bytes take, each way.
    delay: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Link {
    /// A way to the server at this port of ours.
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<State>::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if shared.is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    shared.open.lock().unwrap().push(to.try_clone().unwrap());
                    let state = Arc::clone(&shared);
                    std::thread::spawn(move || state.carry(from, to));
                }
            }
        });
        Self { address, state }
    }

    /// Where it begins.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lines for a node's configuration.
    pub(crate) fn config(&self) -> String {
        let address = self.address;
        format!(
            "[session.redis]\nservers = [\"redis://{address}\"]\nsecret = \"a secret that all nodes of this test have\"\n"
        )
    }

    /// Lets bytes take so long, each way.
    pub(crate) fn slow_down(&self, delay: Duration) {
        self.state.delay.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Nothing comes through any more.
    pub(crate) fn cut(&self) {
        self.state.is_cut.store(true, Ordering::SeqCst);
        for stream in self.state.open.lock().unwrap().drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    pub(crate) fn mend(&self) {
        self.state.is_cut.store(false, Ordering::SeqCst);
    }
}

impl State {
    /// Carries bytes. They arrive in order, each as late as the way is long: what comes one after the other is on its way
    /// together.
    fn carry(self: &Arc<Self>, mut from: TcpStream, to: TcpStream) {
        let (put, arriving) = mpsc::channel();
        let state = Arc::clone(self);
        std::thread::spawn(move || state.deliver(&arriving, to));
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            let due = Instant::now() + Duration::from_millis(self.delay.load(Ordering::SeqCst));
            if put.send((due, bytes[..length].to_vec())).is_err() {
                break;
            }
        }
    }

    fn deliver(&self, arriving: &mpsc::Receiver<(Instant, Vec<u8>)>, mut to: TcpStream) {
        for (due, bytes) in arriving {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if self.is_cut.load(Ordering::SeqCst) || to.write_all(&bytes).is_err() {
                break;
            }
        }
        drop(to.shutdown(Shutdown::Both));
    }
}
