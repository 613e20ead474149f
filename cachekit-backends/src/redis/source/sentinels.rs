//! The master that sentinels name, and who it is by now.
//!
//! One of the sentinels is listened to, and tells of a fail-over as soon as it is decided; whenever there is doubt of the
//! master it is asked, and another one where it knows nothing newer. Masters are numbered: whoever has a connection
//! to one knows its number, and lets it go when that is not the last one's.
//! What it deliberately does not do: connect to the master.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use redis::ConnectionInfo;
use redis::aio::MultiplexedConnection;
use tokio::time::{sleep, timeout};

use super::node::{Node, Wanted};
use super::{at, host_of};
use crate::redis::driver::driver;
use crate::redis::fault::{Fault, FaultKind};
use crate::redis::tls::Tls;
use crate::redis::watched::Watched;

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
    /// Whether it is a replica that is wanted.
    wanted: Wanted,
    /// The master and its number; or the replica that takes its reads.
    master: Watched<(Arc<Node>, u64)>,
    /// How many there have been.
    number: AtomicU64,
}

impl Sentinels {
    pub(super) fn new(
        name: String,
        sentinels: Vec<Node>,
        login: ConnectionInfo,
        tls: Option<Tls>,
        wanted: Wanted,
    ) -> Self {
        let (master, number) = (Watched::default(), AtomicU64::new(0));
        Self { shared: Arc::new(Shared { name, sentinels, login, tls, wanted, master, number }) }
    }

    /// What a server has to be.
    pub(super) fn wanted(&self) -> Wanted {
        self.shared.wanted
    }

    /// The number of the master that was named last; 0 before there was one.
    pub(super) fn number(&self) -> u64 {
        self.shared.number.load(Ordering::Acquire)
    }

    /// The master and its number, as soon as a sentinel has named it.
    pub(super) fn master(&self, limit: Duration) -> Result<(Arc<Node>, u64), Fault> {
        self.shared.master.get(limit, || self.follow())
    }

    /// As [`master`](Self::master), for tasks.
    pub(super) async fn master_shared(&self) -> Result<(Arc<Node>, u64), Fault> {
        self.shared.master.get_shared(|| self.follow()).await
    }

    /// Returns when another master than that of the number is named.
    pub(super) async fn switched(&self, number: u64) {
        self.shared.master.until(|| self.number() != number).await;
    }

    /// The master does not answer, or says that it is none.
    pub(super) fn doubt(&self) {
        self.shared.master.doubt();
    }

    fn follow(&self) -> Result<(), Fault> {
        driver()?.runtime.spawn(follow(Arc::clone(&self.shared)));
        Ok(())
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
        self.shared.master.end();
    }
}

impl Shared {
    /// Somebody says who the master is; whether that is news.
    fn learn(&self, host: &str, port: u16) -> Result<bool, Fault> {
        let info = at(&self.login, host, port);
        self.master.learn(|known| {
            if known.is_some_and(|(master, _)| master.info.addr() == info.addr()) {
                return Ok(None);
            }
            let node = Node::new(&info, self.tls.clone());
            let node = node.map_err(|error| Fault::new(FaultKind::Refused, error))?;
            let number = self.number.fetch_add(1, Ordering::AcqRel) + 1;
            Ok(Some((Arc::new(node), number)))
        })
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
            shared.master.fail(fault);
            sleep(PAUSE).await;
        }
        if shared.master.is_over() {
            return;
        }
    }
}

/// Listens to a sentinel until nobody needs it any more, or it is of no use.
async fn listen(shared: &Shared, sentinel: &Node, failed: &mut usize) -> Result<(), Fault> {
    let mut connection = in_time(sentinel.open_shared(Wanted::Anyone, PATIENCE)).await?;
    // Before it is asked, so that nothing that comes after is missed.
    let mut published = in_time(sentinel.subscribe(SWITCHED)).await?;
    in_time(ask(shared, &mut connection, false)).await?;
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
                    match shared.wanted {
                        Wanted::Replica => drop(in_time(ask(shared, &mut connection, true)).await?),
                        Wanted::Anyone | Wanted::Master => drop(shared.learn(host, port)?),
                    }
                }
            }
            () = shared.master.doubted() => {
                if shared.master.is_over() {
                    return Ok(());
                }
                if !in_time(ask(shared, &mut connection, true)).await? {
                    // Others may know more; and nobody is asked all the time.
                    sleep(PAUSE).await;
                    return Err(Fault::new(FaultKind::Unable, "the sentinels name a master that is none"));
                }
            }
            () = sleep(PULSE) => {
                in_time(ask(shared, &mut connection, false)).await?;
            }
        }
    }
}

/// Asks who the master is, or a replica, another one where `doubts`; whether that is news.
async fn ask(shared: &Shared, connection: &mut MultiplexedConnection, doubts: bool) -> Result<bool, Fault> {
    if shared.wanted == Wanted::Replica
        && let Some((host, port)) = replica(shared, connection, doubts).await?
    {
        return shared.learn(&host, port);
    }
    let mut command = redis::cmd("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(&shared.name);
    let named: Option<(String, u16)> = command.query_async(connection).await.map_err(|error| Fault::of(&error))?;
    let Some((host, port)) = named else {
        return Err(Fault::new(FaultKind::Unable, format_args!("the sentinels know no master `{}`", shared.name)));
    };
    shared.learn(&host, port)
}

/// A replica that follows the master: the one that is known, unless there is doubt of it.
async fn replica(
    shared: &Shared,
    connection: &mut MultiplexedConnection,
    doubts: bool,
) -> Result<Option<(String, u16)>, Fault> {
    let mut command = redis::cmd("SENTINEL");
    command.arg("REPLICAS").arg(&shared.name);
    let told: Result<Vec<HashMap<String, String>>, _> = command.query_async(connection).await;
    let told = told.map_err(|error| Fault::of(&error))?;
    let follow = told.iter().filter(|replica| {
        let is = |field, value| replica.get(field).is_some_and(|found| found == value);
        is("flags", "slave") && is("master-link-status", "ok")
    });
    let address = |replica: &HashMap<String, String>| {
        Some((replica.get("ip")?.clone(), replica.get("port")?.parse::<u16>().ok()?))
    };
    let follow: Vec<_> = follow.filter_map(address).collect();
    let known = shared.master.known().and_then(|(node, _)| host_of(&node.info));
    let place = known.and_then(|known| follow.iter().position(|address| *address == known));
    let place = match place {
        Some(place) if doubts => (place + 1) % follow.len(),
        Some(place) => place,
        // Not all processes need the same.
        None => std::process::id() as usize % follow.len().max(1),
    };
    Ok(follow.into_iter().nth(place))
}

async fn in_time<T>(asked: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(Fault::late(PATIENCE)))
}
