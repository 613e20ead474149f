//! What stands behind a call in a region with a backend: what that said of the entry, and the lease.
//!
//! A record becomes a value with a stamp of this process's clock here, and a value becomes a record; whether it is fresh is
//! judged as for any other. Of what cannot be read nothing is served: it is a miss, and counted.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::call::Call;
use super::settle::Why;
use super::stats::Event;
use crate::backend::{Claim, Content, Live};
use crate::clock::{NEVER, Nanos, nanos};
use crate::error::{Error, Kind};
use crate::events;
use crate::flight::looks::Looker;
use crate::flight::reentrance;
use crate::freshness::{Circumstances, Epoch, Stamp, Verdict};
use crate::info::FnInfo;
use crate::near::{Found, Made};
use crate::record::{self, Envelope, Record, UnixMillis};
use crate::remote::{Caller, Hold, OnBackendError, Remote, Seen};
use crate::tags::TagNames;
use crate::values::{Shared, never_bytes};

/// What stands behind a call in a region with a backend; in a box, so that a call in one without is small.
pub(super) struct Backing {
    pub(super) remote: Arc<Remote>,
    /// What the backend said; `None` where it failed, and the region makes do without it.
    pub(super) reading: Option<Reading>,
    /// The lease, once it was granted.
    pub(super) hold: Option<Arc<Hold>>,
    /// The caller has waited for somebody in this process already; it waits until then at most.
    pub(super) waits_until: Option<Nanos>,
}

impl Backing {
    /// The region makes do without its backend.
    pub(super) fn failing(remote: &Arc<Remote>) -> Box<Self> {
        Box::new(Self { remote: Arc::clone(remote), reading: None, hold: None, waits_until: None })
    }

    pub(super) fn read(remote: &Arc<Remote>, reading: Reading) -> Box<Self> {
        Box::new(Self { remote: Arc::clone(remote), reading: Some(reading), hold: None, waits_until: None })
    }
}

/// What the backend said of an entry and of the epochs that it depends on.
pub(super) struct Reading {
    /// The key, as the backend knows it.
    pub(super) key: String,
    /// The value, where somebody may be served it.
    pub(super) found: Option<Found>,
    pub(super) verdict: Verdict,
    /// The first bytes of what is stored, whatever it is.
    pub(super) head: Head,
    /// The epochs of the region.
    region: [u64; 2],
    /// The tags that the call names, with their epochs.
    tags: Vec<(String, u64)>,
    /// Whether the call names all tags of what is stored.
    is_named: bool,
    /// What is stored is a live object of another type.
    pub(super) of_another_type: Option<Error>,
}

impl Reading {
    /// The epochs that an entry carries which is computed from here on.
    pub(super) fn epochs(&self) -> ([u64; 2], &[(String, u64)]) {
        (self.region, &self.tags)
    }

    /// The epochs as a number: equal where nothing was invalidated in between.
    pub(super) fn ground(&self) -> u64 {
        use std::hash::BuildHasher;

        // Zero is for those without a backend.
        foldhash::fast::FixedState::with_seed(0).hash_one((&self.region, &self.tags)).max(1)
    }
}

/// The first bytes of what is stored.
type Head = SmallVec<[u8; record::HEAD]>;

/// What is stored under a key.
enum Stored {
    Nothing,
    /// Its first bytes.
    Unreadable(Head),
    Record(Record),
    Live(Live),
}

impl Stored {
    fn envelope(&self) -> Option<&Envelope> {
        match self {
            Self::Nothing | Self::Unreadable(_) => None,
            Self::Record(record) => Some(record.envelope()),
            Self::Live(live) => Some(live.envelope()),
        }
    }

    fn tags(&self) -> impl Iterator<Item = &String> {
        self.envelope().into_iter().flat_map(|envelope| &envelope.tags).map(|(name, _)| name)
    }

    /// What a claim names as seen.
    fn head(&self) -> Head {
        match self {
            Self::Nothing | Self::Live(_) => Head::new(),
            Self::Unreadable(head) => head.clone(),
            Self::Record(record) => Head::from_slice(Claim::seen(record.as_bytes())),
        }
    }
}

impl Call {
    /// The backend that the value goes to; none where it never leaves the process.
    pub(crate) fn remote(&self) -> Option<Arc<Remote>> {
        if self.info.is_some_and(FnInfo::is_unkeyed) {
            return None;
        }
        let remote = self.core.remote()?;
        (self.policy.is_stored || remote.keeps_live()).then_some(remote)
    }

    /// The key, as the backend knows it.
    pub(super) fn backend_key(&self) -> String {
        match self.info.filter(|info| !info.has_generator(&self.core)) {
            Some(info) => self.core.backend_key_of(info, &self.key.arguments),
            None => self.core.backend_key(&self.key()),
        }
    }

    /// Asks the backend, or joins those who are about to; a fresh value is kept in this process too, where the region says so.
    pub(super) async fn look(
        &self,
        remote: &Arc<Remote>,
        caller: Caller<'_>,
        names: &TagNames,
    ) -> Result<Reading, Error> {
        let key = self.backend_key();
        let looker = self.core.looks.join(&self.key);
        let at = self.circumstances();
        // Before it is sent, so that an invalidation of this process in between is noticed.
        let marks = remote.near().map(|_| self.core.tags.read(names));
        let send = || async {
            let seen = remote.look_up(caller, Some(key.clone()), names.to_strings()).await;
            let has_failed = seen.is_err();
            let seen: Shared = Arc::new(seen);
            if has_failed { Err(seen) } else { Ok(seen) }
        };
        let (seen, is_own) = looker.result((&remote.limits, remote.settings.read_timeout), send).await;
        let seen: &Result<Seen, Error> = seen.downcast_ref().expect("only results of look-ups are shared");
        let mut seen = seen.clone()?;
        let (stored, names) = (self.stored(&mut seen), names.to_strings());
        // Tags that the call does not name are those of an entry by hand, or of a function's that was asked for by its text.
        let unknown: Vec<String> =
            stored.tags().chain(&names).filter(|name| seen.tag(name).is_none()).cloned().collect();
        if !unknown.is_empty() {
            // Boxed as it is rare: the future of a hit is small.
            seen.tags.extend(Box::pin(remote.tags(caller, unknown)).await?);
        }
        let reading = self.reading(remote, key, &stored, &seen, names, at);
        if let (true, Some(tags), Some(span)) = (is_own, marks, remote.near())
            && let Some(found) = reading.found.as_ref().filter(|_| reading.verdict.is_fresh())
            && reading.is_named
        {
            let until = at.now.saturating_add(nanos(span));
            let made = Made::new(found.stamp, tags, &at.timing);
            self.keep_looked(&looker, &found.value, &made.until(until));
        }
        Ok(reading)
    }

    /// What somebody has stored since this caller looked, if that is fresh by the epochs that it saw then.
    ///
    /// Those who joined its flight saw the same, so none of them knows of an invalidation that the value does not.
    pub(super) fn meanwhile(&self, remote: &Remote, before: &Reading, content: Content) -> Option<Reading> {
        let mut seen = Seen {
            content: Some(content),
            region: before.region,
            tags: before.tags.clone(),
            at: nanos(remote.clock.now()),
            unix: remote.unix_now(),
        };
        let stored = self.stored(&mut seen);
        let names = before.tags.iter().map(|(name, _)| name.clone()).collect();
        let reading = self.reading(remote, before.key.clone(), &stored, &seen, names, self.circumstances());
        (reading.is_named && reading.verdict.is_fresh()).then_some(reading)
    }

    /// As [`look`](Self::look), for some of the calls at once; nothing of it is kept here.
    pub(super) async fn look_many(
        calls: &[Self],
        places: &[usize],
        remote: &Arc<Remote>,
        caller: Caller<'_>,
        keys: Vec<String>,
        at: Circumstances,
    ) -> Result<Vec<Reading>, Error> {
        let mut seen = remote.look_up_many(caller, keys.clone(), Vec::new()).await?;
        if remote.settings.on_error == OnBackendError::Propagate {
            let unknown = seen.iter().find_map(|seen| match &seen.content {
                Some(Content::Unknown(error)) => Some(error.clone()),
                _ => None,
            });
            unknown.map_or(Ok(()), Err)?;
        }
        let stored: Vec<_> = places.iter().zip(&mut seen).map(|(place, seen)| calls[*place].stored(seen)).collect();
        let mut tags: Vec<String> = stored.iter().flat_map(Stored::tags).cloned().collect();
        tags.sort_unstable();
        tags.dedup();
        let tags = if tags.is_empty() { Vec::new() } else { remote.tags(caller, tags).await? };
        let readings =
            places.iter().zip(keys).zip(stored.into_iter().zip(seen)).map(|((place, key), (stored, seen))| {
                let seen = Seen { tags: tags.clone(), ..seen };
                calls[*place].reading(remote, key, &stored, &seen, Vec::new(), at)
            });
        Ok(readings.collect())
    }

    /// What is stored, if it can be read.
    fn stored(&self, seen: &mut Seen) -> Stored {
        match seen.content.take() {
            None | Some(Content::Unknown(_)) => Stored::Nothing,
            Some(Content::Live(live)) => Stored::Live(live),
            Some(Content::Bytes(bytes)) => {
                let head = Head::from_slice(Claim::seen(&bytes));
                Record::read(bytes).map_or_else(
                    |why| {
                        self.unreadable(&why);
                        Stored::Unreadable(head)
                    },
                    Stored::Record,
                )
            }
        }
    }

    fn reading(
        &self,
        remote: &Remote,
        key: String,
        stored: &Stored,
        seen: &Seen,
        names: Vec<String>,
        at: Circumstances,
    ) -> Reading {
        let at = Circumstances { now: at.now.max(seen.at), ..at };
        let is_named = stored.tags().all(|name| names.contains(name));
        let (found, of_another_type) = match self.found(remote, stored, seen, &at) {
            Ok(found) => (found, None),
            Err(error) => {
                self.unreadable(&error);
                (None, Some(error).filter(Error::is_type_mismatch))
            }
        };
        let (found, verdict) = found.map_or((None, Verdict::Missing), |(found, verdict)| (Some(found), verdict));
        let tags = names.into_iter().filter_map(|name| seen.tag(&name).map(|epoch| (name, epoch))).collect();
        Reading { key, found, verdict, head: stored.head(), region: seen.region, tags, is_named, of_another_type }
    }

    /// The value of a record that still counts.
    fn found(
        &self,
        remote: &Remote,
        stored: &Stored,
        seen: &Seen,
        at: &Circumstances,
    ) -> Result<Option<(Found, Verdict)>, Error> {
        let Some(envelope) = stored.envelope() else { return Ok(None) };
        let [hard, soft] = envelope.region;
        let stands = |(name, epoch): &(String, u64)| seen.tag(name) == Some(*epoch);
        if hard != seen.region[0] || seen.unix >= envelope.keep_until || !envelope.tags.iter().all(stands) {
            return Ok(None);
        }
        let epoch = if soft == seen.region[1] { at.epoch } else { at.epoch.softly_before() };
        let stamp = stamp(envelope, seen, epoch);
        let verdict = crate::freshness::judge(&stamp, envelope.expired, at);
        if verdict == Verdict::Missing {
            return Ok(None);
        }
        let value = match stored {
            Stored::Nothing | Stored::Unreadable(_) => return Ok(None),
            Stored::Live(live) => {
                let is_of_type = self.policy.values.is(&*live.value);
                is_of_type.then(|| Arc::clone(&live.value)).ok_or_else(|| self.holds_another(live))?
            }
            Stored::Record(record) => self.decoded(remote, record)?,
        };
        Ok(Some((Found { value, stamp, expired: envelope.expired }, verdict)))
    }

    fn decoded(&self, remote: &Remote, record: &Record) -> Result<Shared, Error> {
        let codec = &*remote.settings.codec;
        let wrote = record.envelope().codec;
        if wrote != codec.id() {
            return Err(Error::codec(format_args!("the codec {wrote} wrote it, and {} is to read it", codec.id())));
        }
        self.expect_stored()?;
        // What is stored is no reason for a caller to panic.
        let decoded = reentrance::caught(|| self.policy.values.decode(record.value(), codec));
        decoded
            .unwrap_or_else(|payload| Err(Error::codec(format_args!("it panicked: {}", reentrance::message(&payload)))))
    }

    fn expect_stored(&self) -> Result<(), Error> {
        if self.policy.is_stored { Ok(()) } else { Err(never_bytes()) }
    }

    fn holds_another(&self, live: &Live) -> Error {
        let (wanted, holds) = (self.policy.values.type_name(), live.type_name);
        Error::new(
            Kind::Type,
            format!("the entry `{}` holds a `{holds}`, not a `{wanted}`: ask for the type that was stored", self.key()),
        )
    }

    /// Counts and tells what cannot be read.
    fn unreadable(&self, why: &dyn fmt::Display) {
        self.core.counters.count(Event::Unreadable);
        events::unreadable(self.subject(&|| self.key()), why);
    }

    /// What a backend is to keep of a value, and for how long.
    pub(super) fn content(
        &self,
        remote: &Remote,
        value: &Shared,
        made: &Made,
        (region, tags): ([u64; 2], &[(String, u64)]),
    ) -> Result<(Content, Option<Duration>), Error> {
        let created = remote.unix_now();
        let after = |span: Nanos| if span == NEVER { record::NEVER } else { created.saturating_add(millis_up(span)) };
        let kept = made.stamp.kept_for(&self.core.timing(self.policy.timing));
        let mut envelope = Envelope {
            expired: false,
            created,
            fresh_until: after(made.stamp.ttl),
            keep_until: after(kept),
            cost: made.stamp.cost / 1_000,
            region,
            codec: 0,
            tags: tags.to_vec(),
        };
        let content = if remote.keeps_live() {
            Content::Live(Live { envelope, value: Arc::clone(value), type_name: self.policy.values.type_name() })
        } else {
            let codec = &*remote.settings.codec;
            self.expect_stored()?;
            envelope.codec = codec.id();
            // What cannot be written is no reason for a caller to lose its value.
            let encoded = reentrance::caught(|| self.policy.values.encode(value, codec)).unwrap_or_else(|payload| {
                Err(Error::codec(format_args!("it panicked: {}", reentrance::message(&payload))))
            });
            Content::Bytes(Record::new(envelope, &encoded?).into_bytes())
        };
        Ok((content, (kept != NEVER).then(|| Duration::from_millis(millis_up(kept)))))
    }

    /// Keeps in this process what a look-up has found, unless an invalidation of this process has come since.
    fn keep_looked(&self, looker: &Looker, value: &Shared, made: &Made) {
        self.store_near(value, made, Why::Missing, &mut |store| looker.commit(store));
    }
}

/// What this process's clock would have shown for a record.
fn stamp(envelope: &Envelope, seen: &Seen, epoch: Epoch) -> Stamp {
    const MILLI: Nanos = 1_000_000;
    let local = |unix: UnixMillis| {
        let ahead = unix.saturating_sub(seen.unix).saturating_mul(MILLI);
        seen.at.saturating_add(ahead).saturating_sub(seen.unix.saturating_sub(unix).saturating_mul(MILLI))
    };
    let created = local(envelope.created.min(seen.unix));
    let ttl = match envelope.fresh_until {
        record::NEVER => NEVER,
        until => local(until).saturating_sub(created),
    };
    Stamp { created, ttl, cost: envelope.cost.saturating_mul(1_000), epoch }
}

/// Milliseconds, rounded up: no value is dropped before its time for a fraction of one.
fn millis_up(span: Nanos) -> UnixMillis {
    span.div_ceil(1_000_000)
}
