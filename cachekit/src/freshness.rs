//! The verdict on an entry: fresh, due for renewal, stale, stale but good enough where the function fails, or missing.
//!
//! A pure function of what the entry remembers, the epoch of its region, the settings and the time; it reads no clock,
//! draws no random number and does no I/O.
//!
//! ```text
//! created ──── fresh ────┬ refresh-ahead zone ┬─ ttl ─┬ stale while revalidate ┬ … stale if error … ┬ physical end
//! ```

use crate::clock::{NEVER, Nanos, nanos};
use crate::timing::{RefreshAhead, Timing, part};

/// The longest that a value is kept past its ttl for those who meet a running computation: 5 minutes.
const LONGEST_GRACE: Nanos = 300_000_000_000;

/// The invalidations of a region: the upper half counts the hard ones, the lower half the soft ones.
///
/// An entry remembers the epoch that stood when its computation began, and counts only while it still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(pub(crate) u64);

impl Epoch {
    pub(crate) const HARD: u64 = 1 << 32;
    pub(crate) const SOFT: u64 = 1;
    /// Set while the region is switched off: no entry has it.
    pub(crate) const OFF: u64 = 1 << 63;

    pub(crate) fn is_off(self) -> bool {
        self.0 & Self::OFF != 0
    }

    /// One that only a soft invalidation tells from this one.
    pub(crate) fn softly_before(self) -> Self {
        Self(self.0 ^ Self::SOFT)
    }

    fn hard(self) -> u64 {
        self.0 >> 32
    }
}

/// What an entry remembers of its making.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    /// The end of the computation.
    pub(crate) created: Nanos,
    /// Time to live; `NEVER` without one.
    pub(crate) ttl: Nanos,
    /// How long the computation took.
    pub(crate) cost: Nanos,
    /// The region's epoch at the beginning of the computation.
    pub(crate) epoch: Epoch,
}

/// What a caller may do with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Serve it.
    Fresh,
    /// Serve it, but one caller may renew it.
    Ahead,
    /// It is served to everyone while it is renewed, in the background if there is one.
    Revalidate,
    /// One caller computes; the others are served it meanwhile.
    Stale,
    /// Everyone waits for a computation, and is served it where that fails.
    IfError,
    /// As if it were not there.
    Missing,
}

impl Verdict {
    /// Whether a caller is served it without a computation.
    pub(crate) fn is_fresh(self) -> bool {
        matches!(self, Self::Fresh | Self::Ahead)
    }
}

impl Stamp {
    /// When the value stops to be fresh.
    pub(crate) fn fresh_until(&self) -> Nanos {
        self.created.saturating_add(self.ttl)
    }

    /// Whether no hard invalidation has come since the computation began.
    pub(crate) fn is_readable(&self, epoch: Epoch) -> bool {
        self.epoch.hard() == epoch.hard()
    }

    /// Until when the value is served to those who meet a computation: for as long after its ttl as the ttl itself, at
    /// most 5 minutes, unless the settings ask for more.
    fn stale_until(&self, timing: &Timing) -> Nanos {
        let grace = self.fresh_until().saturating_add(self.ttl.min(LONGEST_GRACE));
        grace.max(self.revalidated_until(timing))
    }

    /// Whether a hard invalidation that `epoch` knows of has come since the computation began.
    pub(crate) fn is_from_before(&self, epoch: Epoch) -> bool {
        // Counts go round, without the bit that no entry has.
        let since = (epoch.hard() << 33).wrapping_sub(self.epoch.hard() << 33);
        since != 0 && since < 1 << 63
    }

    /// Until when the value is served to everyone while it is renewed.
    fn revalidated_until(&self, timing: &Timing) -> Nanos {
        timing.stale_while_revalidate.map_or(0, |span| self.fresh_until().saturating_add(nanos(span)))
    }

    /// Until when the value is served where the function fails: at least as long as it is served anyway.
    fn good_enough_until(&self, timing: &Timing) -> Nanos {
        let asked = timing.stale_if_error.map(|span| self.fresh_until().saturating_add(nanos(span)));
        asked.map_or(0, |until| until.max(self.revalidated_until(timing)))
    }

    /// How long after its making the value is of use to anybody.
    pub(crate) fn kept_for(&self, timing: &Timing) -> Nanos {
        if self.ttl == NEVER {
            return NEVER;
        }
        self.stale_until(timing).max(self.good_enough_until(timing)).saturating_sub(self.created)
    }

    /// From when on a hit has to ask whether the value is due for renewal, or past its ttl.
    ///
    /// The gap of a probabilistic renewal is longer than 40 times the cost in one draw of 10^17.
    pub(crate) fn attention_from(&self, timing: &Timing) -> Nanos {
        match timing.refresh_ahead {
            _ if self.ttl == NEVER => NEVER,
            None => self.fresh_until(),
            Some(RefreshAhead::Fraction(of)) => self.created.saturating_add(part(self.ttl, of)),
            Some(RefreshAhead::XFetch(beta)) => {
                self.fresh_until().saturating_sub(part(self.cost, 40.0 * beta)).max(self.created)
            }
        }
    }

    /// Whether the value, though fresh, is due for renewal; `random` is drawn evenly from 0 to 1.
    fn is_due(&self, timing: &Timing, now: Nanos, random: f64) -> bool {
        match timing.refresh_ahead {
            None => false,
            _ if self.ttl == NEVER => false,
            Some(RefreshAhead::Fraction(_)) => now >= self.attention_from(timing),
            Some(RefreshAhead::XFetch(beta)) => {
                let gap = part(self.cost, -beta * random.max(f64::MIN_POSITIVE).ln());
                now.saturating_add(gap) >= self.fresh_until()
            }
        }
    }

    /// Whether the value is served in place of an error of the function: it is good enough for that, or it is served while
    /// somebody else, `in_background`, renews it.
    pub(crate) fn covers_failure(&self, verdict: Verdict, at: &Circumstances, in_background: bool) -> bool {
        match verdict {
            Verdict::Ahead => true,
            Verdict::Revalidate if in_background => true,
            _ => self.is_good_enough(at.epoch, at.now, &at.timing),
        }
    }

    /// Whether the value is served where the function fails.
    fn is_good_enough(&self, epoch: Epoch, now: Nanos, timing: &Timing) -> bool {
        let asked = timing.stale_if_error.is_some();
        asked && self.is_readable(epoch) && (self.ttl == NEVER || now < self.good_enough_until(timing))
    }
}

/// What a verdict depends on beside the entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    pub(crate) epoch: Epoch,
    pub(crate) now: Nanos,
    pub(crate) timing: Timing,
    /// Drawn evenly from 0 to 1.
    pub(crate) random: f64,
}

/// Judges an entry, which somebody may have `expired`.
pub(crate) fn judge(stamp: &Stamp, expired: bool, at: &Circumstances) -> Verdict {
    let Circumstances { epoch, now, ref timing, random } = *at;
    if !stamp.is_readable(epoch) {
        return Verdict::Missing;
    }
    let ages = stamp.ttl != NEVER;
    let is_old = ages && now >= stamp.fresh_until();
    if !is_old && !expired && stamp.epoch == epoch {
        return if stamp.is_due(timing, now, random) { Verdict::Ahead } else { Verdict::Fresh };
    }
    if !is_old || now < stamp.revalidated_until(timing) {
        Verdict::Revalidate
    } else if now < stamp.stale_until(timing) {
        Verdict::Stale
    } else if now < stamp.good_enough_until(timing) {
        Verdict::IfError
    } else {
        Verdict::Missing
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const EPOCH: Epoch = Epoch(7 * Epoch::HARD + 3);
    const SECOND: Nanos = 1_000_000_000;

    fn at(now: Nanos, timing: Timing) -> Circumstances {
        Circumstances { epoch: EPOCH, now, timing, random: 0.5 }
    }

    /// Judges an entry made at 100 s with this ttl, `after` seconds later.
    fn verdict(ttl: Nanos, timing: Timing, after: Nanos) -> Verdict {
        let stamp = Stamp { created: 100 * SECOND, ttl, cost: SECOND, epoch: EPOCH };
        judge(&stamp, false, &at((100 + after) * SECOND, timing))
    }

    #[test]
    fn a_value_is_fresh_before_its_ttl_stale_for_as_long_again_then_missing() {
        let verdict = |after| verdict(10 * SECOND, Timing::default(), after);
        assert_eq!([verdict(0), verdict(9)], [Verdict::Fresh; 2]);
        assert_eq!([verdict(10), verdict(19)], [Verdict::Stale; 2]);
        assert_eq!(verdict(20), Verdict::Missing);
    }

    #[test]
    fn the_grace_after_a_long_ttl_is_five_minutes() {
        let ttl = 10 * LONGEST_GRACE;
        assert_eq!(verdict(ttl, Timing::default(), 3_299), Verdict::Stale);
        assert_eq!(verdict(ttl, Timing::default(), 3_300), Verdict::Missing);
    }

    #[test]
    fn settings_ask_for_longer_staleness() {
        let timing = Timing {
            stale_while_revalidate: Some(Duration::from_secs(30)),
            stale_if_error: Some(Duration::from_secs(60)),
            ..Timing::default()
        };
        let verdict = |after| verdict(10 * SECOND, timing, after);
        assert_eq!([verdict(10), verdict(39)], [Verdict::Revalidate; 2]);
        assert_eq!([verdict(40), verdict(69)], [Verdict::IfError; 2]);
        assert_eq!(verdict(70), Verdict::Missing);
    }

    #[test]
    fn a_value_without_ttl_never_ages() {
        assert_eq!(verdict(NEVER, Timing::default(), 1_000_000_000), Verdict::Fresh);
    }

    #[test]
    fn a_value_is_due_after_a_fraction_of_its_ttl() {
        let timing = Timing { refresh_ahead: Some(RefreshAhead::Fraction(0.9)), ..Timing::default() };
        assert_eq!(verdict(10 * SECOND, timing, 8), Verdict::Fresh);
        assert_eq!(verdict(10 * SECOND, timing, 9), Verdict::Ahead);
        assert_eq!(verdict(10 * SECOND, timing, 10), Verdict::Stale);
    }

    #[test]
    fn a_value_is_due_at_random_by_the_cost_of_its_computation() {
        let timing = Timing { refresh_ahead: Some(RefreshAhead::XFetch(1.0)), ..Timing::default() };
        let stamp = Stamp { created: 0, ttl: 100 * SECOND, cost: 2 * SECOND, epoch: EPOCH };
        let verdict = |now: Nanos, random| judge(&stamp, false, &Circumstances { random, ..at(now * SECOND, timing) });
        // The gap is the cost times -ln(random): e^-1 gives two seconds, e^-5 ten.
        assert_eq!(verdict(97, (-1.0_f64).exp()), Verdict::Fresh);
        assert_eq!(verdict(98, (-1.0_f64).exp() * 0.99), Verdict::Ahead);
        assert_eq!(verdict(90, (-5.0_f64).exp() * 0.99), Verdict::Ahead);
        assert_eq!(verdict(99, 1.0), Verdict::Fresh);
        assert_eq!(stamp.attention_from(&timing), 20 * SECOND);
    }

    #[test]
    fn a_soft_invalidation_makes_stale_and_a_hard_one_missing_and_soft_never_turns_hard_back() {
        let verdict = |epoch| {
            let stamp = Stamp { created: 0, ttl: NEVER, cost: 0, epoch: Epoch(epoch) };
            judge(&stamp, false, &at(SECOND, Timing::default()))
        };
        assert_eq!(verdict(EPOCH.0 - Epoch::SOFT), Verdict::Revalidate);
        assert_eq!(verdict(EPOCH.0 - Epoch::HARD), Verdict::Missing);
        assert_eq!(verdict(EPOCH.0 - Epoch::HARD - Epoch::SOFT), Verdict::Missing);
    }

    #[test]
    fn jitter_lengthens_a_ttl_and_nothing_else() {
        let timing = Timing { jitter: Some(0.1), ..Timing::default() };
        assert_eq!(timing.jittered(100 * SECOND, || 0.0), 100 * SECOND);
        assert_eq!(timing.jittered(100 * SECOND, || 0.5), 105 * SECOND);
        assert_eq!(timing.jittered(NEVER, || 0.5), NEVER);
    }

    /// A thousand nodes that share an entry and nothing else, a hundred requests a second over all of them, and a
    /// computation of one second: whoever draws early renews, and until that is done others may draw early too.
    /// By the paper the number of renewals per expiry is geometric with mean e^(1/beta).
    #[test]
    fn independent_nodes_renew_as_often_as_the_paper_says() {
        const CYCLES: u32 = 2_000;
        let mut rng = fastrand::Rng::with_seed(7);
        for beta in [1.0, 2.0, 3.0] {
            let timing = Timing { refresh_ahead: Some(RefreshAhead::XFetch(beta)), ..Timing::default() };
            let stamp = Stamp { created: 0, ttl: 1_000 * SECOND, cost: SECOND, epoch: EPOCH };
            let mut renewals = 0_u32;
            for _ in 0..CYCLES {
                let mut now = stamp.attention_from(&timing);
                let mut renewed_at = NEVER;
                while now < renewed_at {
                    let request = Circumstances { random: rng.f64(), ..at(now, timing) };
                    if matches!(judge(&stamp, false, &request), Verdict::Ahead | Verdict::Stale) {
                        renewals += 1;
                        renewed_at = renewed_at.min(now + stamp.cost);
                    }
                    now += part(SECOND, -rng.f64().ln() / 100.0);
                }
            }
            let (mean, expected) = (f64::from(renewals) / f64::from(CYCLES), (1.0 / beta).exp());
            assert!((mean / expected - 1.0).abs() < 0.1, "beta {beta}: {mean} renewals, {expected} expected");
        }
    }
}
