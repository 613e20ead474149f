//! Requests of tasks, on the connection that they share.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::fault::{Fault, FaultKind};
use super::patience::Patience;
use super::protocol::{Pipeline, Response};
use super::server::Server;
use super::stream::{self, Order, Reason};
use super::welcome::Welcome;
use crate::net::driver::{self, Driver};
use crate::net::link;

pub(super) type Link = link::Link<Wire>;

/// A connection that is up.
#[derive(Clone)]
pub(super) struct Wire {
    orders: mpsc::UnboundedSender<Order>,
    welcome: Welcome,
    /// How often it has answered.
    answers: Arc<AtomicU64>,
    /// Why it has ended, if it has.
    reason: Reason,
}

fn driver() -> Result<&'static Driver, Fault> {
    driver::driver().map_err(|error| missing(&error))
}

fn missing(error: &io::Error) -> Fault {
    Fault::new(FaultKind::Unable, format_args!("the thread of the connections could not be started: {error}"))
}

/// Waits for a request, on any executor or none, as long as there is patience.
pub(super) async fn in_time<F>(asked: Pin<&mut F>, patience: Patience) -> Result<(), Fault>
where
    F: Future<Output = Result<(), Fault>>,
{
    let timer = driver::timer(patience.rest()).map_err(|error| missing(&error))?;
    let asked = async {
        tokio::select! {
            biased;
            walked = asked => walked,
            () = timer => Err(patience.late()),
        }
    };
    driver()?.wakes.with_others(std::pin::pin!(asked)).await
}

impl Wire {
    /// A connection, and whether it was there before.
    pub(super) async fn open(server: &Arc<Server>, patience: Patience) -> Result<(Self, bool), Fault> {
        let connects = |limit| {
            driver()?.runtime.spawn(connect(Arc::clone(server), limit));
            Ok(())
        };
        server.link.wire(&server.gate, || 0, patience.limit, connects).await
    }

    pub(super) fn welcome(&self) -> Welcome {
        self.welcome
    }

    pub(super) async fn exchange(
        &self,
        link: &Link,
        pipeline: &Pipeline,
        patience: Patience,
    ) -> Result<Vec<Response>, Fault> {
        let (answer, answered) = oneshot::channel();
        let sent = link.sent(self, patience.limit);
        let order = Order { bytes: pipeline.bytes().to_vec(), count: pipeline.len(), answer };
        // What is given while the other end goes may stay where it is for as long as anybody could give more.
        if self.orders.send(order).is_err() || self.orders.is_closed() {
            return Err(self.reason());
        }
        let answers = answered.await.map_err(|_| self.reason());
        sent.answered();
        answers
    }

    fn reason(&self) -> Fault {
        self.reason.get().cloned().unwrap_or_else(Fault::ended)
    }
}

/// Brings a connection up, for all who wait for one.
async fn connect(server: Arc<Server>, limit: Duration) {
    let coming = server.link.coming();
    let Ok(pass) = server.gate.enter(0, Instant::now()) else { return };
    let opened = tokio::time::timeout(limit, open(&server)).await;
    let opened = opened.unwrap_or_else(|_| Err(Fault::late(limit)));
    if let Ok(wire) = pass.tell(opened, Instant::now()) {
        coming.came_up(wire);
    }
}

async fn open(server: &Server) -> Result<Wire, Fault> {
    let address = &server.address;
    let mut stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
    stream.set_nodelay(true)?;
    let (parser, welcome) = stream::greet(&mut stream).await?;
    let (orders, given) = mpsc::unbounded_channel();
    let reason = Reason::default();
    tokio::spawn(stream::serve(stream, parser, given, Arc::clone(&reason)));
    Ok(Wire { orders, welcome, answers: Arc::default(), reason })
}

impl link::Wire for Wire {
    fn answers(&self) -> &Arc<AtomicU64> {
        &self.answers
    }

    fn leads_to(&self, _: u64) -> bool {
        !self.orders.is_closed()
    }
}
