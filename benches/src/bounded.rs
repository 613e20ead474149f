//! The throughput of bounded caches under a skewed load, hits and misses as they come.

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use cached::macros::concurrent_cached;
use cachekit::{Region, cache_on_arguments, regions};
use fastrand::Rng;

use crate::chart::{Bar, Chart};
use crate::contenders::TTL;
use crate::measure::{Effort, Figure, as_float};
use crate::report::{Row, Section, Table, Target};
use crate::traces::Zipf;

/// Keys that are drawn; capacities are one and ten percent of that.
const UNIVERSE: u64 = 1_000_000;

regions! {
    static ONE_PERCENT = Region::builder("one percent").ttl(TTL).capacity(10_000);
    static TEN_PERCENT = Region::builder("ten percent").ttl(TTL).capacity(100_000);
}

/// Computations since the counter was read last.
static COMPUTED: AtomicU64 = AtomicU64::new(0);

fn compute(n: u64) -> u64 {
    COMPUTED.fetch_add(1, Ordering::Relaxed);
    n.wrapping_mul(n)
}

/// The same function for each way to cache it.
macro_rules! squares {
    ($($(#[$attribute:meta])+ $name:ident;)+) => {$(
        $(#[$attribute])+
        fn $name(n: u64) -> u64 {
            compute(n)
        }
    )+};
}

squares! {
    #[cache_on_arguments(region = ONE_PERCENT)] one_percent;
    #[cache_on_arguments(region = TEN_PERCENT)] ten_percent;
    #[concurrent_cached(max_size = 10_000, ttl_secs = 3600)] concurrent_one_percent;
    #[concurrent_cached(max_size = 100_000, ttl_secs = 3600)] concurrent_ten_percent;
}

/// Plays the keys.
type Play = Box<dyn Fn(&[u64]) + Sync>;

fn player(call: impl Fn(u64) -> u64 + Sync + 'static) -> Play {
    Box::new(move |keys| keys.iter().for_each(|key| _ = black_box(call(*key))))
}

fn contenders(capacity: u64) -> Vec<(&'static str, Play)> {
    let quick = quick_cache::sync::Cache::<u64, u64>::new(crate::contenders::size(capacity));
    let moka = moka::sync::Cache::<u64, u64>::builder().max_capacity(capacity).time_to_live(TTL).build();
    let (ours, concurrent) = if capacity == UNIVERSE / 100 {
        (player(one_percent), player(concurrent_one_percent))
    } else {
        (player(ten_percent), player(concurrent_ten_percent))
    };
    vec![
        ("cachekit, ttl", ours),
        ("quick_cache get_or_insert_with", {
            player(move |n| quick.get_or_insert_with(&n, || Ok::<_, Infallible>(compute(n))).unwrap_or(0))
        }),
        ("moka get_with, ttl", player(move |n| moka.get_with(n, || compute(n)))),
        ("cached #[concurrent_cached], size and ttl", concurrent),
    ]
}

pub(crate) fn section(effort: &Effort) -> Section {
    let mut section = Section {
        title: "Throughput of a bounded region",
        about:
            "Millions of calls a second, of all threads, the median of interleaved rounds and half of the distance of their quartiles; each \
                thread draws keys of its own from 1,000,000 by zipf 0.99, and what is missing is computed in no time."
                .to_owned(),
        ..Section::default()
    };
    let zipf = Zipf::new(UNIVERSE, 0.99);
    let mut rng = Rng::with_seed(3);
    let calls = effort.of(100_000, 300_000);
    let loads: Vec<Vec<u64>> = (0..2).map(|_| (0..calls * 8).map(|_| zipf.draw(&mut rng)).collect()).collect();
    for (name, capacity) in [("1 %", UNIVERSE / 100), ("10 %", UNIVERSE / 10)] {
        measure(effort, name, capacity, &loads, &mut section);
    }
    section
}

fn measure(effort: &Effort, name: &str, capacity: u64, loads: &[Vec<u64>], section: &mut Section) {
    let contenders = contenders(capacity);
    for (_, play) in &contenders {
        for load in loads {
            play(load);
        }
    }
    let mut rates = vec![[const { Vec::new() }; 2]; contenders.len()];
    let mut found = vec![(0, 0); contenders.len()];
    for round in 0..effort.rounds {
        for (place, (_, play)) in contenders.iter().enumerate() {
            for threads in [1, 2] {
                COMPUTED.store(0, Ordering::Relaxed);
                let (calls, seconds) = together(play, &loads[..threads], round % 8);
                rates[place][threads - 1].push(as_float(calls) / seconds / 1e6);
                found[place].0 += calls - COMPUTED.load(Ordering::Relaxed);
                found[place].1 += calls;
            }
        }
    }
    let rates: Vec<[Figure; 2]> = rates.into_iter().map(|of| of.map(Figure::of)).collect();
    let rows = contenders.iter().zip(&rates).zip(&found).map(|(((name, _), rates), (found, calls))| {
        let rates = rates.iter().map(|of| of.show(2));
        let ratio = format!("{:.1} %", 100.0 * as_float(*found) / as_float(*calls));
        Row::new(*name, rates.chain([ratio]).collect())
    });
    for peer in [1, 2] {
        let what = format!("{name}, 2 threads: times the throughput of {}", contenders[peer].0);
        section.targets.push(Target::at_least(what, 1.0, Some(rates[0][1].median / rates[peer][1].median)));
    }
    let columns = ["1 thread", "2 threads", "hit ratio"].map(str::to_owned).into();
    let table = Table { title: format!("capacity {name} of the keys"), columns, rows: rows.collect() };
    section.tables.push(table);
    let bars = contenders.iter().zip(&rates).map(|((name, _), rates)| Bar::new(*name, rates.map(|of| of.median)));
    section.charts.push(Chart {
        file: if capacity == UNIVERSE / 100 { "bounded-1.svg" } else { "bounded-10.svg" },
        title: format!("Throughput of a bounded region, capacity {name} of the keys"),
        about: "Millions of calls a second, keys by zipf 0.99; longer is better".to_owned(),
        series: ["1 thread", "2 threads"].map(str::to_owned).into(),
        digits: 1,
        bars: bars.collect(),
    });
}

/// Calls, and the seconds that they took; a thread for each load, of which the eighth with that number is played.
fn together(play: &Play, loads: &[Vec<u64>], eighth: usize) -> (u64, f64) {
    let all_are_here = Barrier::new(loads.len());
    let times: Vec<(Instant, Instant)> = thread::scope(|scope| {
        let threads: Vec<_> = loads
            .iter()
            .map(|load| {
                let part = load.len() / 8;
                let keys = &load[eighth * part..(eighth + 1) * part];
                let all_are_here = &all_are_here;
                scope.spawn(move || {
                    all_are_here.wait();
                    let start = Instant::now();
                    play(keys);
                    (start, Instant::now())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no contender panics")).collect()
    });
    let start = times.iter().map(|(start, _)| *start).min().expect("there is a thread");
    let end = times.iter().map(|(_, end)| *end).max().expect("there is a thread");
    (loads.iter().map(|load| load.len() as u64 / 8).sum(), (end - start).as_secs_f64())
}
