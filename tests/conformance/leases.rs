//! The leases of the small store.

use std::thread;
use std::time::Duration;

use cachekit::backend::{Acquired, Claim, Lease, Put, Token};

use crate::Wrong;
use crate::model::Model;

impl Model {
    pub(super) fn lend(&self, key: &str, lease: Lease, claim: Claim<'_>) -> Acquired {
        let now = self.store.now();
        if self.is(Wrong::LendsInTwoSteps) {
            let is_lent = self.step(key, |entry| entry.lease.is_some_and(|(token, _)| token != lease.token));
            thread::yield_now();
            if !is_lent {
                self.step(key, |entry| entry.lease = None);
            }
        }
        let until = self.until(lease.length);
        if self.is(Wrong::KeepsLeasesBesideContents) {
            let key = format!("{key}:lease");
            self.step(&key, |entry| entry.content = Some((lease.token.0.to_le_bytes().to_vec().into(), Some(until))));
        }
        self.step(key, |entry| {
            let busy = match entry.lease {
                Some((token, until)) if until > now || self.is(Wrong::NeverLapses) => {
                    let is_own = match self.wrong {
                        Some(Wrong::CutsTokens) => token.0 << 64 == lease.token.0 << 64,
                        Some(Wrong::BusyForItsOwner) => false,
                        _ => token == lease.token,
                    };
                    (!is_own).then_some(until)
                }
                _ => None,
            };
            let busy = busy.filter(|_| !self.is(Wrong::LendsToAll));
            let left = |until: Duration| match self.wrong {
                Some(Wrong::TellsAnotherTime) => until + Duration::from_secs(86_400),
                _ => until.saturating_sub(now),
            };
            match busy {
                Some(until) if self.is(Wrong::BusyBeforeStored) && claim != Claim::Always => {
                    return Acquired::Busy(left(until));
                }
                Some(until) if self.is(Wrong::NeverInAnyCase) && claim == Claim::Always => {
                    return Acquired::Busy(left(until));
                }
                _ => {}
            }
            if let Some((content, _)) = &entry.content {
                let stored = content.as_bytes().unwrap_or_default();
                let is_met = match (self.wrong, claim) {
                    (Some(Wrong::LendsOverNewer), _) => false,
                    (Some(Wrong::ComparesAllBytes), Claim::Unseen(seen)) => seen != stored,
                    (Some(Wrong::ComparesFewBytes), Claim::Unseen(seen)) => {
                        !stored.starts_with(seen) || seen.is_empty() && !stored.is_empty()
                    }
                    _ => claim.is_met_by(Some(stored)),
                };
                if is_met {
                    if self.is(Wrong::LendsToThoseItTells) {
                        entry.lease = Some((lease.token, until));
                    }
                    return Acquired::Stored(content.clone());
                }
            }
            match busy {
                Some(until) if claim != Claim::Always => Acquired::Busy(left(until)),
                _ => {
                    entry.lease = Some((lease.token, until));
                    Acquired::Granted
                }
            }
        })
    }

    pub(super) fn finish(&self, put: Put<'_>, token: Token) -> bool {
        if self.is(Wrong::CommitsInTwoSteps) {
            if !self.step(put.key, |entry| entry.is_lent_to(token)) {
                return false;
            }
            thread::yield_now();
            self.step(put.key, |entry| self.store(&put, entry));
            self.step(put.key, |entry| entry.lease = entry.lease.filter(|(owner, _)| *owner != token));
            return true;
        }
        self.step(put.key, |entry| {
            let allowed = match self.wrong {
                Some(Wrong::CommitsWithoutLease) => entry.lease.is_none() || entry.is_lent_to(token),
                Some(Wrong::CommitsForAnybody) => entry.lease.is_some(),
                Some(Wrong::CommitsSilently) => true,
                _ => entry.is_lent_to(token),
            };
            if allowed {
                if !self.is(Wrong::CommitsSilently) || entry.is_lent_to(token) {
                    self.store(&put, entry);
                }
                entry.lease = entry.lease.filter(|_| self.is(Wrong::CommitKeepsTheLease));
            }
            allowed
        })
    }
}
