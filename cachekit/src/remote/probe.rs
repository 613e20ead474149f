//! Finding out, in the background, when a backend that has failed works again.
//!
//! A probe does what has failed: a store may answer a ping and no read, or take a value and lend no lease.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Wake, Waker};
use std::time::Duration;

use super::breaker::Change;
use super::lease::unique;
use super::{Caller, Kind, Remote};
use crate::backend::{Claim, Content, Lease, Put, Token};
use crate::clock::{Alarm, block_on};
use crate::error::Error;

/// When probes are due: the last alarm for each kind of operation, by its number.
#[derive(Default)]
pub(super) struct Alarms {
    last: Mutex<[Option<(u64, Alarm)>; 3]>,
    set: AtomicU64,
}

impl Remote {
    /// Tries now, and then at intervals until it works.
    pub(super) fn probe(self: &Arc<Self>, kind: Kind) {
        let remote = Arc::downgrade(self);
        blocking::unblock(move || {
            let Some(remote) = remote.upgrade() else { return };
            let works = block_on(remote.works(kind));
            if works && remote.state(kind).succeeded() == Change::Recovered {
                remote.recovered();
            }
            // Other processes serve until then what is owed. Where that cannot be removed, removals do not work.
            let is_paid = works && block_on(remote.pay_all()).is_ok();
            let is_over = if kind == Kind::Removal { is_paid } else { works };
            if !is_over || remote.state(kind).probed() == Change::Probe {
                remote.probe_later(kind);
            } else if kind == Kind::Removal && remote.owed.any() {
                // By somebody who has seen this probe under way.
                remote.changed(kind, remote.state(kind).needed());
            }
        })
        .detach();
    }

    async fn pay_all(self: &Arc<Self>) -> Result<(), Error> {
        while self.owed.any() {
            self.pay(Caller::Thread, &[]).await?;
        }
        Ok(())
    }

    async fn works(self: &Arc<Self>, kind: Kind) -> bool {
        let limit = self.limit(kind);
        let probed = match kind {
            Kind::Read => {
                let key = self.names.region_epoch();
                let read = self.limited(limit, Caller::Thread, |backend, context| async move {
                    backend.get_many(&[&key], context).await.map(drop)
                });
                read.await
            }
            Kind::Write => {
                let (key, leases) = (self.names.probe(), self.has_leases());
                let lease = Lease { token: Token(unique()), length: Duration::from_secs(1) };
                let written = self.limited(limit, Caller::Thread, move |backend, context| async move {
                    let content = Content::Bytes(Vec::new());
                    let put = Put { key: &key, content: &content, keep: Some(Duration::from_secs(1)) };
                    if !leases {
                        return backend.set(put, context).await;
                    }
                    backend.acquire(&key, lease, Claim::Always, context).await?;
                    backend.commit(put, lease.token, context).await.map(drop)
                });
                written.await
            }
            Kind::Removal => {
                let key = self.names.probe();
                let removed = self.limited(limit, Caller::Thread, |backend, context| async move {
                    backend.delete(&key, context).await
                });
                removed.await
            }
        };
        // A part that is lost says nothing of the others.
        probed.inspect_err(|error| self.tell(error)).map_or_else(|error| error.is_partial(), |()| true)
    }

    fn probe_later(self: &Arc<Self>, kind: Kind) {
        let again = Arc::new(Again { remote: Arc::downgrade(self), kind });
        let at = self.clock.now().saturating_add(self.settings.breaker.pause);
        let number = self.alarms.set.fetch_add(1, Ordering::Relaxed);
        let alarm = self.clock.wake_at(at, &Waker::from(again));
        let mut last = self.alarms.last.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut last[kind as usize];
        // It may have rung already, and the next one may be set.
        let is_latest = slot.as_ref().is_none_or(|(latest, _)| *latest < number);
        let _rung = if is_latest { slot.replace((number, alarm)) } else { Some((number, alarm)) };
        drop(last);
    }
}

/// Probes when it is woken.
struct Again {
    remote: Weak<Remote>,
    kind: Kind,
}

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        if let Some(remote) = self.remote.upgrade() {
            remote.probe(self.kind);
        }
    }
}
