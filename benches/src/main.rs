//! `cargo xtask bench [--quick] [--redis]`: what a hit costs, beside its peers, on the same work in the same run;
//! `--redis` measures those on a Redis alone.
//!
//! Nanoseconds a call, the median of interleaved rounds; in each round every contender runs with one thread and with
//! two. Ratios within a run count, not the figures.

mod contenders;
mod redis;
mod tags;

use std::hint::black_box;
use std::time::Instant;

use contenders::{Contender, contenders};

/// Keys that the calls go round, all of them present.
pub(crate) const KEYS: u64 = 1_024;

fn main() {
    let asked_for = |what: &str| std::env::args().any(|argument| argument == what);
    let quick = asked_for("--quick");
    let (rounds, calls) = if quick { (5, 1_000_000) } else { (15, 4_000_000_u32) };
    if asked_for("--redis") {
        redis::hits(rounds);
        return;
    }
    let contenders = contenders();
    let mut times = vec![[const { Vec::new() }; 2]; contenders.len()];
    for _ in 0..rounds {
        for (contender, times) in contenders.iter().zip(&mut times) {
            for (threads, times) in [1, 2].into_iter().zip(times) {
                times.push(measure(contender, threads, calls));
            }
        }
    }
    println!("{:<52}{:>10}{:>11}{:>9}", "hit, 1,024 keys", "1 thread", "2 threads", "ratio");
    for (contender, [one, two]) in contenders.iter().zip(&mut times) {
        let (one, two) = (median(one), median(two));
        println!("{:<52}{one:>7.1} ns{two:>8.1} ns{:>9.2}", contender.name, two / one);
    }
    tags::invalidation(rounds);
    redis::hits(rounds);
}

/// Nanoseconds a call, of the slowest thread.
fn measure(contender: &Contender, threads: usize, calls: u32) -> f64 {
    let call = &contender.call;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(move || {
                    (0..KEYS).for_each(|key| _ = black_box(call(key)));
                    let start = Instant::now();
                    (0..calls).for_each(|n| _ = black_box(call(black_box(u64::from(n) % KEYS))));
                    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no contender panics")).fold(0.0, f64::max)
    })
}

pub(crate) fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
