//! The small store as a backend.

use std::thread;
use std::time::Duration;

use cachekit::backend::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Patch, Put, Token};

use crate::Wrong;
use crate::model::Model;

impl Backend for Model {
    fn is_blocking(&self) -> bool {
        self.is_blocking
    }

    fn keeps_live(&self) -> bool {
        self.keeps_live
    }

    fn has_leases(&self) -> bool {
        self.has_leases
    }

    fn get<'a>(&'a self, key: &'a str, context: Context) -> Answer<'a, Option<Content>> {
        self.answer(context, || Ok(self.read(key)))
    }

    fn set<'a>(&'a self, put: Put<'a>, context: Context) -> Answer<'a, ()> {
        self.answer(context, move || self.write(put))
    }

    fn delete<'a>(&'a self, key: &'a str, context: Context) -> Answer<'a, ()> {
        self.answer(context, || {
            self.remove(key);
            Ok(())
        })
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a str], context: Context) -> Answer<'a, Vec<Option<Content>>> {
        self.answer(context, || {
            let mut keys = keys.to_vec();
            if self.is(Wrong::SortsKeys) {
                keys.sort_unstable();
            }
            let found = keys.into_iter().map(|key| self.read(key));
            Ok(found.filter(|found| found.is_some() || !self.is(Wrong::LeavesOutMissing)).collect())
        })
    }

    fn set_many<'a>(&'a self, puts: &'a [Put<'a>], context: Context) -> Answer<'a, ()> {
        self.answer(context, move || {
            if self.is(Wrong::BlocksTasks) && !context.may_block() {
                thread::sleep(Duration::from_millis(60));
            }
            let mut puts = puts.to_vec();
            if self.is(Wrong::StoresBackwards) {
                puts.reverse();
            }
            puts.into_iter().try_for_each(|put| {
                let lease = self.step(put.key, |entry| entry.lease);
                self.write(put)?;
                if self.is(Wrong::ManyKeepTheirLeases) {
                    self.step(put.key, |entry| entry.lease = lease);
                }
                Ok(())
            })
        })
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str], context: Context) -> Answer<'a, ()> {
        self.answer(context, || {
            let count = if self.is(Wrong::DeletesTheFirst) { 1 } else { keys.len() };
            keys.iter().take(count).for_each(|key| self.remove(key));
            Ok(())
        })
    }

    fn add<'a>(&'a self, put: Put<'a>, context: Context) -> Answer<'a, Content> {
        self.answer(context, move || {
            if self.is(Wrong::AddsInTwoSteps) {
                let found = self.read(put.key);
                thread::yield_now();
                if found.is_none() {
                    self.write(put)?;
                }
                return Ok(found.unwrap_or_else(|| put.content.clone()));
            }
            Ok(self.step(put.key, |entry| {
                if entry.content.is_none() || self.is(Wrong::AddOverwrites) {
                    self.store(&put, entry);
                    entry.lease = None;
                }
                let asked = put.keep.map(|keep| self.until(keep));
                let Some((stored, until)) = &mut entry.content else { return put.content.clone() };
                if !self.is(Wrong::AddDoesNotLengthen) {
                    *until = until.zip(asked).map(|(until, asked)| until.max(asked));
                }
                if self.is(Wrong::AddTellsItsOwn) { put.content.clone() } else { stored.clone() }
            }))
        })
    }

    fn patch<'a>(&'a self, key: &'a str, patch: Patch, context: Context) -> Answer<'a, bool> {
        self.answer(context, move || Ok(self.overwrite(key, patch)))
    }

    fn acquire<'a>(&'a self, key: &'a str, lease: Lease, claim: Claim<'a>, context: Context) -> Answer<'a, Acquired> {
        self.answer(context, move || Ok(self.lend(key, lease, claim)))
    }

    fn commit<'a>(&'a self, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        self.answer(context, move || Ok(self.finish(put, token)))
    }

    fn renew<'a>(&'a self, key: &'a str, lease: Lease, context: Context) -> Answer<'a, bool> {
        self.answer(context, move || {
            Ok(self.step(key, |entry| {
                let is_own = entry.is_lent_to(lease.token) || self.is(Wrong::RenewsForAnybody) && entry.lease.is_some();
                if is_own && !self.is(Wrong::RenewsInWordsOnly) {
                    entry.lease = entry.lease.map(|(owner, _)| (owner, self.until(lease.length)));
                }
                is_own || self.is(Wrong::SaysItIsRenewed)
            }))
        })
    }

    fn abandon<'a>(&'a self, key: &'a str, token: Token, context: Context) -> Answer<'a, ()> {
        self.answer(context, move || {
            self.step(key, |entry| {
                let ends =
                    !self.is(Wrong::NeverAbandons) && (entry.is_lent_to(token) || self.is(Wrong::AbandonsForAnybody));
                entry.lease = entry.lease.filter(|_| !ends);
            });
            Ok(())
        })
    }

    fn add_many<'a>(&'a self, puts: &'a [Put<'a>], context: Context) -> Answer<'a, Vec<Content>> {
        Answer::later(async move {
            let mut stored = Vec::with_capacity(puts.len());
            for put in puts {
                stored.push(self.add(*put, context).await?);
            }
            if self.is(Wrong::AddsManyAsTheyAre) {
                return Ok(puts.iter().map(|put| put.content.clone()).collect());
            }
            Ok(stored)
        })
    }

    fn acquire_many<'a>(
        &'a self,
        leases: &'a [(&'a str, Lease, Claim<'a>)],
        context: Context,
    ) -> Answer<'a, Vec<Acquired>> {
        Answer::later(async move {
            let mut acquired: Vec<Acquired> = Vec::with_capacity(leases.len());
            for (key, lease, claim) in leases {
                let busy = acquired.iter().find(|acquired| matches!(acquired, Acquired::Busy(_)));
                if let Some(busy) = busy.filter(|_| self.is(Wrong::LendsUntilOneIsBusy)) {
                    acquired.push(busy.clone());
                    continue;
                }
                let lease = if self.is(Wrong::LendsManyAsOne) { leases[0].1 } else { *lease };
                acquired.push(self.acquire(key, lease, *claim, context).await?);
            }
            Ok(acquired)
        })
    }

    fn commit_many<'a>(&'a self, puts: &'a [(Put<'a>, Token)], context: Context) -> Answer<'a, Vec<bool>> {
        Answer::later(async move {
            let own = |(put, token): &(Put<'_>, Token)| self.step(put.key, |entry| entry.is_lent_to(*token));
            if self.is(Wrong::CommitsAllOrNone) && !puts.iter().all(own) {
                return Ok(vec![false; puts.len()]);
            }
            let mut committed = Vec::with_capacity(puts.len());
            for (put, token) in puts {
                let is_committed = self.commit(*put, *token, context).await?;
                committed.push(is_committed || self.is(Wrong::CommitsManySilently));
            }
            Ok(committed)
        })
    }

    fn abandon_many<'a>(&'a self, leases: &'a [(&'a str, Token)], context: Context) -> Answer<'a, ()> {
        Answer::later(async move {
            let count = if self.is(Wrong::AbandonsTheFirst) { 1 } else { leases.len() };
            for (key, token) in leases.iter().take(count) {
                self.abandon(key, *token, context).await?;
                if self.is(Wrong::AbandonsManyForAnybody) {
                    self.step(key, |entry| entry.lease = None);
                }
            }
            Ok(())
        })
    }
}
