//! How things are measured: interleaved rounds, of which the median counts; time of the wall and of the processor.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fs, hint, thread};

use rustix::time::{ClockId, clock_gettime};

use crate::contenders::Contender;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// A first look: fewer rounds, smaller loads.
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
}

impl Effort {
    pub(crate) fn new(quick: bool) -> Self {
        Self { quick, rounds: if quick { 9 } else { 21 } }
    }

    /// So many rounds at most.
    pub(crate) fn with_rounds(self, most: usize) -> Self {
        Self { rounds: self.rounds.min(most), ..self }
    }

    /// One of two, by the effort.
    pub(crate) fn of<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// What a thread calls.
#[derive(Clone, Debug)]
pub(crate) enum Walk {
    /// Each key once, in order.
    Each(Range<u64>),
    /// So many calls, jumping around in the first keys; `from` is another each time, or the processor knew the way.
    Around { keys: u64, from: u64, calls: u64 },
}

/// The keys of [`Walk::Around`]: the golden ratio jumps over all of them evenly, and no prefetcher follows.
#[inline]
pub(crate) fn jump(n: u64, keys: u64) -> u64 {
    let place = u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)) * u128::from(keys);
    u64::try_from(place >> 64).unwrap_or(0)
}

/// What a call cost in a round, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Of the wall, of one core: where there are more threads than cores, they share the time.
    pub(crate) wall: f64,
    /// Of the processor, per call.
    pub(crate) processor: f64,
    /// Whether somebody else had a core meanwhile.
    pub(crate) disturbed: bool,
}

/// What several rounds have told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    /// Quartiles.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Figure {
    pub(crate) fn of(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        let at = |part: usize| rounds[((rounds.len() - 1) * part).div_ceil(4)];
        Self { median: at(2), low: at(1), high: at(3) }
    }

    /// The median, and half of the distance of the quartiles.
    pub(crate) fn show(&self, digits: usize) -> String {
        let Self { median, low, high } = self;
        format!("{median:.digits$} ±{:.digits$}", (high - low) / 2.0)
    }

    /// The same, for times of which those below 100 have a digit after the point.
    pub(crate) fn time(&self) -> String {
        self.show(usize::from(self.median < 100.0))
    }
}

/// Both figures of a contender.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Costs {
    pub(crate) wall: Figure,
    pub(crate) processor: Figure,
    /// Whether only undisturbed rounds are in it.
    pub(crate) quiet: bool,
}

/// Costs of each contender with each number of threads, in interleaved rounds; `None` where it has no room for the keys.
pub(crate) fn around(
    effort: &Effort,
    contenders: &[Contender],
    keys: u64,
    threads: &[usize],
) -> Vec<Vec<Option<Costs>>> {
    let times: Vec<Option<f64>> = contenders.iter().map(|contender| warmed(contender, keys)).collect();
    let mut rounds = vec![vec![Vec::new(); threads.len()]; contenders.len()];
    for number in 0..effort.rounds {
        for ((contender, time), rounds) in contenders.iter().zip(&times).zip(&mut rounds) {
            for (threads, rounds) in threads.iter().zip(rounds) {
                // Where threads share cores, rounds are long, so there are fewer.
                if let Some(time) = time.filter(|_| *threads <= cores() || number % 3 == 0) {
                    let tries = if *threads <= cores() { TRIES } else { 1 };
                    let mut tries = (0..tries).map(|_| round(contender, keys, time, *threads));
                    let quiet = tries.by_ref().find(|cost| !cost.disturbed);
                    rounds.extend(quiet.or_else(|| Some(round(contender, keys, time, *threads))));
                }
            }
        }
    }
    rounds.into_iter().map(|of| of.into_iter().map(|rounds| costs(&rounds)).collect()).collect()
}

/// Rounds in which nobody else took a core away count alone, where there are some.
pub(crate) fn costs(rounds: &[Cost]) -> Option<Costs> {
    let quiet: Vec<Cost> = rounds.iter().filter(|cost| !cost.disturbed).copied().collect();
    let is_quiet = quiet.len() >= ENOUGH;
    let rounds = if is_quiet { &quiet } else { rounds };
    let figure = |which: fn(&Cost) -> f64| Figure::of(rounds.iter().map(which).collect());
    let (wall, processor) = (|cost: &Cost| cost.wall, |cost: &Cost| cost.processor);
    (!rounds.is_empty()).then(|| Costs { wall: figure(wall), processor: figure(processor), quiet: is_quiet })
}

/// How often a round is tried until it is undisturbed.
const TRIES: usize = 4;

/// Undisturbed rounds that a median needs.
const ENOUGH: usize = 3;

/// How long a thread calls in a round: short where each has a core, since who shares the machine leaves gaps of some
/// milliseconds; long enough for all to get their turn where there are fewer cores than threads.
const SHORT: f64 = 2e6;
const LONG: f64 = 6e6;

/// Warms a contender; nanoseconds of a call then, `None` where it has no room.
fn warmed(contender: &Contender, keys: u64) -> Option<f64> {
    if keys > contender.room {
        return None;
    }
    (contender.run)(Walk::Each(0..keys));
    let trial = 20_000;
    let spent = processor_time(ClockId::ThreadCPUTime);
    (contender.run)(Walk::Around { keys, from: 0, calls: trial });
    let spent = processor_time(ClockId::ThreadCPUTime).saturating_sub(spent);
    Some((spent.as_secs_f64() * 1e9 / as_float(trial)).max(1.0))
}

/// Where the next walk begins.
static NEXT: AtomicU64 = AtomicU64::new(0);

fn round(contender: &Contender, keys: u64, time: f64, threads: usize) -> Cost {
    let length = if threads <= cores() { SHORT } else { LONG };
    let calls = whole(length / time).clamp(2_000, 4_000_000);
    let arrived = AtomicUsize::new(0);
    let of_each = thread::scope(|scope| {
        let work = || {
            if contender.of_the_thread {
                (contender.run)(Walk::Each(0..keys));
            }
            let from = NEXT.fetch_add(calls, Ordering::Relaxed);
            meet(&arrived, threads);
            let (start, spent, evicted) = (Instant::now(), processor_time(ClockId::ThreadCPUTime), evictions());
            (contender.run)(Walk::Around { keys, from, calls });
            let (end, spent) = (Instant::now(), processor_time(ClockId::ThreadCPUTime).saturating_sub(spent));
            (start, end, spent, evictions() > evicted)
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no contender panics")).collect::<Vec<_>>()
    });
    let start = of_each.iter().map(|(start, ..)| *start).min().expect("there is a thread");
    let end = of_each.iter().map(|(_, end, ..)| *end).max().expect("there is a thread");
    // Who begins late shared the core of another, and did not call at the same time.
    let last = of_each.iter().map(|(start, ..)| *start).max().expect("there is a thread");
    let spent: Duration = of_each.iter().map(|(_, _, spent, _)| *spent).sum();
    let all = as_float(calls) * as_float(threads as u64);
    let cores = threads.min(cores()) as u64;
    Cost {
        wall: (end - start).as_secs_f64() * 1e9 * as_float(cores) / all,
        processor: spent.as_secs_f64() * 1e9 / all,
        disturbed: last.duration_since(start) > end.duration_since(start) / 10
            || of_each.iter().any(|(.., evicted)| *evicted),
    }
}

/// Waits for all to be here, busily, so that they leave at once.
fn meet(arrived: &AtomicUsize, threads: usize) {
    arrived.fetch_add(1, Ordering::SeqCst);
    let mut turns = 0_u32;
    while arrived.load(Ordering::SeqCst) < threads {
        turns += 1;
        if turns.is_multiple_of(1_000) {
            thread::yield_now();
        } else {
            hint::spin_loop();
        }
    }
}

/// How often this thread was made to leave its core.
pub(crate) fn evictions() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let count = status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

/// The whole part of a positive number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive and not that large")]
fn whole(number: f64) -> u64 {
    number as u64
}

/// Time that the processor has spent on this thread, or on the process.
pub(crate) fn processor_time(of: ClockId) -> Duration {
    let time = clock_gettime(of);
    Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_nanos(time.tv_nsec.unsigned_abs())
}

pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Exact for all numbers below 2^53, as those of a measurement are.
#[expect(clippy::cast_precision_loss, reason = "nothing is counted that far")]
pub(crate) fn as_float(number: u64) -> f64 {
    number as f64
}

pub(crate) fn median(rounds: &[f64]) -> f64 {
    Figure::of(rounds.to_vec()).median
}
