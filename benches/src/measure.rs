//! How things are measured: interleaved rounds, of which the median counts; time of the wall and of the processor.

use std::ops::Range;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::contenders::Contender;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// A first look: fewer rounds, smaller loads.
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
    /// How long a thread calls in a round, about.
    round: Duration,
}

impl Effort {
    pub(crate) fn new(quick: bool) -> Self {
        let (rounds, milliseconds) = if quick { (7, 8) } else { (21, 15) };
        Self { quick, rounds, round: Duration::from_millis(milliseconds) }
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
    /// So many calls, jumping around in the first keys.
    Around { keys: u64, calls: u64 },
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
}

/// Both figures of a contender.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Costs {
    pub(crate) wall: Figure,
    pub(crate) processor: Figure,
}

/// Costs of each contender with each number of threads, in interleaved rounds; `None` where it has no room for the keys.
pub(crate) fn around(
    effort: &Effort,
    contenders: &[Contender],
    keys: u64,
    threads: &[usize],
) -> Vec<Vec<Option<Costs>>> {
    let calls: Vec<Option<u64>> =
        contenders.iter().map(|contender| calls_of_a_round(effort, contender, keys)).collect();
    let mut rounds = vec![vec![Vec::new(); threads.len()]; contenders.len()];
    for _ in 0..effort.rounds {
        for ((contender, calls), rounds) in contenders.iter().zip(&calls).zip(&mut rounds) {
            for (threads, rounds) in threads.iter().zip(rounds) {
                if let Some(calls) = *calls {
                    rounds.push(round(contender, keys, calls, *threads));
                }
            }
        }
    }
    rounds.into_iter().map(|of| of.into_iter().map(|rounds| costs(&rounds)).collect()).collect()
}

pub(crate) fn costs(rounds: &[Cost]) -> Option<Costs> {
    let figure = |which: fn(&Cost) -> f64| Figure::of(rounds.iter().map(which).collect());
    (!rounds.is_empty()).then(|| Costs { wall: figure(|cost| cost.wall), processor: figure(|cost| cost.processor) })
}

/// Warms a contender, and finds how many calls fill a round.
fn calls_of_a_round(effort: &Effort, contender: &Contender, keys: u64) -> Option<u64> {
    if keys > contender.room {
        return None;
    }
    (contender.run)(Walk::Each(0..keys));
    let trial = 20_000;
    let start = Instant::now();
    (contender.run)(Walk::Around { keys, calls: trial });
    let fit = effort.round.as_nanos() * u128::from(trial) / start.elapsed().as_nanos().max(1);
    Some(u64::try_from(fit).unwrap_or(trial).clamp(trial, 2_000_000))
}

fn round(contender: &Contender, keys: u64, calls: u64, threads: usize) -> Cost {
    let all_are_here = Barrier::new(threads);
    let of_each = thread::scope(|scope| {
        let work = || {
            if contender.of_the_thread {
                (contender.run)(Walk::Each(0..keys));
            }
            all_are_here.wait();
            let (start, spent) = (Instant::now(), processor_time(ClockId::ThreadCPUTime));
            (contender.run)(Walk::Around { keys, calls });
            (start, Instant::now(), processor_time(ClockId::ThreadCPUTime) - spent)
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no contender panics")).collect::<Vec<_>>()
    });
    let start = of_each.iter().map(|(start, ..)| *start).min().expect("there is a thread");
    let end = of_each.iter().map(|(_, end, _)| *end).max().expect("there is a thread");
    let spent: Duration = of_each.iter().map(|(.., spent)| *spent).sum();
    let all = as_float(calls) * as_float(threads as u64);
    let cores = threads.min(cores()) as u64;
    Cost { wall: (end - start).as_secs_f64() * 1e9 * as_float(cores) / all, processor: spent.as_secs_f64() * 1e9 / all }
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
