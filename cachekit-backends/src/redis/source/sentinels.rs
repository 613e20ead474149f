//! The master that sentinels name, and who it is by now.
//!
//! One of the sentinels is listened to, and tells of a fail-over as soon as it is decided; whenever there is doubt of the
//! master it is asked, and another one where it knows nothing newer. Masters are numbered: whoever has a connection
//! to one knows its number, and lets it go when that is not the last one's.
//! What it deliberately does not do: connect to the master.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use redis::aio::MultiplexedConnection;
use redis::{ConnectionAddr, ConnectionInfo};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::node::{Node, Wanted};
use crate::redis::driver::driver;
use crate::redis::fault::{Fault, FaultKind};
use crate::redis::tls::Tls;

/// How long a sentinel may take to answer before another one is asked.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long nobody asks after all sentinels have failed.
const PAUSE: Duration = Duration::from_millis(100);

/// How often a sentinel that says nothing is asked whether it is still there.
const PULSE: Duration = Duration::from_secs(5);

/// What sentinels publish when there is another master.
const SWITCHED: &str = "+switch-master";

pub(in crate::redis) struct Sentinels {
    shared: Arc<Shared>,
}

struct Shared {
    /// What the sentinels call the master.
    name: String,
    sentinels: Vec<Node>,
    /// Who asks the master, for which database; at the address of none.
    login: ConnectionInfo,
    tls: Option<Tls>,
    state: Mutex<State>,
    /// How many masters there have been.
    number: AtomicU64,
    /// For threads and for tasks: the state is another.
    told: Condvar,
    changed: Notify,
    /// Somebody doubts the master, or nobody needs it any more.
    doubted: Notify,
}

#[derive(Default)]
struct State {
    master: Option<Arc<Node>>,
    /// Why there is none.
    fault: Option<Fault>,
    follows: bool,
    is_over: bool,
}

impl Sentinels {
    pub(super) fn new(name: String, sentinels: Vec<Node>, login: ConnectionInfo, tls: Option<Tls>) -> Self {
        let shared = Shared {
            name,
            sentinels,
            login,
            tls,
            state: Mutex::default(),
            number: AtomicU64::new(0),
            told: Condvar::new(),
            changed: Notify::new(),
            doubted: Notify::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The number of the master that was named last; 0 before there was one.
    pub(super) fn number(&self) -> u64 {
        self.shared.number.load(Ordering::Acquire)
    }

    /// The master and its number, as soon as a sentinel has named it.
    pub(super) fn master(&self, limit: Duration) -> Result<(Arc<Node>, u64), Fault> {
        let begun = Instant::now();
        let mut state = self.begun()?;
        loop {
            if let Some(known) = self.shared.known(&state) {
                return known;
            }
            let rest = limit.saturating_sub(begun.elapsed());
            if rest.is_zero() {
                return Err(Fault::late(limit));
            }
            state = self.shared.told.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// As [`master`](Self::master), for tasks.
    pub(super) async fn master_shared(&self) -> Result<(Arc<Node>, u64), Fault> {
        loop {
            let changed = self.shared.changed.notified();
            let known = self.shared.known(&*self.begun()?);
            if let Some(known) = known {
                return known;
            }
            changed.await;
        }
    }

    /// Returns when another master than that of the number is named.
    pub(super) async fn switched(&self, number: u64) {
        loop {
            let changed = self.shared.changed.notified();
            if self.number() != number {
                return;
            }
            changed.await;
        }
    }

    /// The master does not answer, or says that it is none.
    pub(super) fn doubt(&self) {
        self.shared.doubted.notify_one();
    }

    /// The state, where somebody follows the sentinels by now.
    fn begun(&self) -> Result<MutexGuard<'_, State>, Fault> {
        let mut state = self.shared.lock();
        if !state.follows {
            driver()?.runtime.spawn(follow(Arc::clone(&self.shared)));
            state.follows = true;
        }
        Ok(state)
    }

    pub(super) fn name(&self) -> &str {
        &self.shared.name
    }

    pub(super) fn sentinels(&self) -> &[Node] {
        &self.shared.sentinels
    }

    pub(super) fn login(&self) -> &ConnectionInfo {
        &self.shared.login
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.doubted.notify_one();
    }
}

impl Shared {
    fn known(&self, state: &State) -> Option<Result<(Arc<Node>, u64), Fault>> {
        match (&state.master, &state.fault) {
            (Some(master), _) => Some(Ok((Arc::clone(master), self.number.load(Ordering::Acquire)))),
            (None, Some(fault)) => Some(Err(fault.clone())),
            (None, None) => None,
        }
    }

    /// Somebody says who the master is; whether that is news.
    fn learn(&self, host: &str, port: u16) -> Result<bool, Fault> {
        let host = host.to_owned();
        let address = match self.login.addr() {
            ConnectionAddr::TcpTls { insecure, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: None }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        let mut state = self.lock();
        state.fault = None;
        if state.master.as_ref().is_some_and(|master| *master.info.addr() == address) {
            return Ok(false);
        }
        let node = Node::new(&self.login.clone().set_addr(address), self.tls.clone());
        let node = node.map_err(|error| Fault::new(FaultKind::Refused, error))?;
        state.master = Some(Arc::new(node));
        self.number.fetch_add(1, Ordering::AcqRel);
        self.tell(state);
        Ok(true)
    }

    /// All sentinels have failed.
    fn fail(&self, fault: Fault) {
        let mut state = self.lock();
        state.fault = Some(fault);
        self.tell(state);
    }

    fn tell(&self, state: MutexGuard<'_, State>) {
        drop(state);
        self.told.notify_all();
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens to one sentinel after the other, until nobody needs the master any more.
async fn follow(shared: Arc<Shared>) {
    let mut failed = 0;
    for sentinel in shared.sentinels.iter().cycle() {
        let fault = match listen(&shared, sentinel, &mut failed).await {
            Ok(()) => return,
            Err(fault) => fault,
        };
        failed += 1;
        if failed >= shared.sentinels.len() {
            failed = 0;
            shared.fail(fault);
            sleep(PAUSE).await;
        }
        if shared.lock().is_over {
            return;
        }
    }
}

/// Listens to a sentinel until nobody needs it any more, or it is of no use.
async fn listen(shared: &Shared, sentinel: &Node, failed: &mut usize) -> Result<(), Fault> {
    let mut connection = in_time(sentinel.open_shared(Wanted::Anyone, PATIENCE)).await?;
    // Before it is asked, so that nothing that comes after is missed.
    let mut published = in_time(sentinel.subscribe(SWITCHED)).await?;
    in_time(ask(shared, &mut connection)).await?;
    *failed = 0;
    let mut messages = published.on_message();
    loop {
        tokio::select! {
            message = messages.next() => {
                let Some(message) = message else {
                    return Err(Fault::new(FaultKind::Broken, "the sentinel has left"));
                };
                let text: String = message.get_payload().unwrap_or_default();
                // The name, the old address and the new one.
                if let [name, _, _, host, port] = text.split(' ').collect::<Vec<_>>()[..]
                    && name == shared.name
                    && let Ok(port) = port.parse()
                {
                    shared.learn(host, port)?;
                }
            }
            () = shared.doubted.notified() => {
                if shared.lock().is_over {
                    return Ok(());
                }
                if !in_time(ask(shared, &mut connection)).await? {
                    // Others may know more; and nobody is asked all the time.
                    sleep(PAUSE).await;
                    return Err(Fault::new(FaultKind::Unable, "the sentinels name a master that is none"));
                }
            }
            () = sleep(PULSE) => {
                in_time(ask(shared, &mut connection)).await?;
            }
        }
    }
}

/// Asks who the master is; whether that is news.
async fn ask(shared: &Shared, connection: &mut MultiplexedConnection) -> Result<bool, Fault> {
    let mut command = redis::cmd("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(&shared.name);
    let named: Option<(String, u16)> = command.query_async(connection).await.map_err(|error| Fault::of(&error))?;
    let Some((host, port)) = named else {
        return Err(Fault::new(FaultKind::Unable, format_args!("the sentinels know no master `{}`", shared.name)));
    };
    shared.learn(&host, port)
}

async fn in_time<T>(asked: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(Fault::late(PATIENCE)))
}
