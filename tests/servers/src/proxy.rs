//! A TCP proxy that counts what passes, and disturbs it when it is told to.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Stands between a client and a server on the loopback interface.
///
/// A round trip is a burst of bytes to the server that is followed by bytes from it. Dropped, it cuts what is connected.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    mode: Mutex<Mode>,
    changed: Condvar,
    round_trips: AtomicU64,
    connections: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Forward,
    BlackHole,
    Refuse,
    Delay(Duration),
    Over,
}

impl Proxy {
    /// One before a port of the loopback interface.
    ///
    /// # Panics
    ///
    /// When the system has no port left.
    #[must_use]
    pub fn before(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of the loopback interface is free");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            target: (Ipv4Addr::LOCALHOST, port).into(),
            mode: Mutex::new(Mode::Forward),
            changed: Condvar::new(),
            round_trips: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            open: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept(&listener));
        Self { address, shared }
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many round trips there were.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        self.shared.round_trips.load(Ordering::SeqCst)
    }

    /// How many connections there were, refused ones among them.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many connections there are.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open().len()
    }

    /// Everything passes.
    pub fn forward(&self) {
        self.shared.set(Mode::Forward);
    }

    /// Connections are accepted and stay; what is sent waits until [`forward`](Self::forward).
    pub fn black_hole(&self) {
        self.shared.set(Mode::BlackHole);
    }

    /// Connections end, and new ones at once.
    pub fn refuse(&self) {
        self.shared.set(Mode::Refuse);
        self.cut();
    }

    /// Answers come so much later.
    pub fn delay(&self, by: Duration) {
        self.shared.set(Mode::Delay(by));
    }

    /// Connections end; new ones are forwarded as before.
    pub fn cut(&self) {
        for stream in self.shared.open().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.set(Mode::Over);
        self.cut();
        // Whoever accepts looks up.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            let Ok(client) = client else { continue };
            self.connections.fetch_add(1, Ordering::SeqCst);
            let mode = *self.mode();
            match mode {
                Mode::Over => return,
                Mode::Refuse => continue,
                _ => {}
            }
            let Ok(server) = TcpStream::connect(self.target) else { continue };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let both = (client.try_clone(), server.try_clone(), client.try_clone());
            let (Ok(from_client), Ok(from_server), Ok(kept)) = both else { continue };
            self.open().push(kept);
            // A burst is under way to the server, and nothing has come back yet.
            let burst = Arc::new(AtomicBool::new(false));
            let (there, back) = (Arc::clone(self), Arc::clone(self));
            let begun = Arc::clone(&burst);
            thread::spawn(move || there.pass(from_client, server, || begun.store(true, Ordering::SeqCst), false));
            thread::spawn(move || {
                let answered = || {
                    if burst.swap(false, Ordering::SeqCst) {
                        back.round_trips.fetch_add(1, Ordering::SeqCst);
                    }
                };
                back.pass(from_server, client, answered, true);
            });
        }
    }

    /// Hands on what comes, until either side ends.
    fn pass(&self, mut from: TcpStream, mut to: TcpStream, seen: impl Fn(), is_answer: bool) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            match self.await_passage() {
                Mode::Delay(by) if is_answer => self.hold(by),
                Mode::Forward | Mode::Delay(_) => {}
                Mode::BlackHole | Mode::Refuse | Mode::Over => break,
            }
            seen();
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        let peers = [from.peer_addr().ok(), to.peer_addr().ok()];
        self.open().retain(|open| open.peer_addr().is_ok_and(|peer| !peers.contains(&Some(peer))));
    }

    /// Waits while everything vanishes.
    fn await_passage(&self) -> Mode {
        let mut mode = self.mode();
        while *mode == Mode::BlackHole {
            mode = self.changed.wait(mode).unwrap_or_else(PoisonError::into_inner);
        }
        *mode
    }

    /// Waits a while, or until something else is wanted.
    fn hold(&self, by: Duration) {
        let delays = |mode: &mut Mode| matches!(mode, Mode::Delay(_));
        let mode = self.mode();
        drop(self.changed.wait_timeout_while(mode, by, delays).unwrap_or_else(PoisonError::into_inner));
    }

    fn set(&self, mode: Mode) {
        *self.mode() = mode;
        self.changed.notify_all();
    }

    fn mode(&self) -> MutexGuard<'_, Mode> {
        self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
