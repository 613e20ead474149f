//! A herd on a cold key: how often it is computed, and how long it takes until everyone has the value.
//!
//! The computation ends only when all have called and have had time to wait; what counts begins then.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use cached::macros::cached;
use cachekit::{Region, cache_on_arguments, regions};
use rustix::time::ClockId;
use tokio::runtime::{self, Runtime};

use crate::chart::{Bar, Chart};
use crate::contenders::TTL;
use crate::measure::{Effort, Figure, as_float, cores, processor_time};
use crate::report::{Row, Section, Table, Target};

const TASKS: u64 = 10_000;
const THREADS: u64 = 2_000;

/// How long the computation goes on after the last has called.
const PAUSE: Duration = Duration::from_millis(60);

regions! {
    static HERD = Region::builder("herd").ttl(TTL);
}

/// Who has called, how many have begun to compute and have done so, and when the first computation was done and the last caller had the value.
static CALLED: AtomicU64 = AtomicU64::new(0);
static COMPUTING: AtomicU64 = AtomicU64::new(0);
static COMPUTED: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicU64 = AtomicU64::new(u64::MAX);
static SPENT: AtomicU64 = AtomicU64::new(u64::MAX);
static LAST: AtomicU64 = AtomicU64::new(0);
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

fn since_origin() -> u64 {
    u64::try_from(ORIGIN.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn spent() -> u64 {
    u64::try_from(processor_time(ClockId::ProcessCPUTime).as_nanos()).unwrap_or(u64::MAX)
}

fn computed() -> u64 {
    COMPUTED.fetch_add(1, Ordering::Relaxed);
    DONE.fetch_min(since_origin(), Ordering::Relaxed);
    SPENT.fetch_min(spent(), Ordering::Relaxed);
    7
}

/// The first who computes waits until all have called; where more do, the others keep the processor free.
async fn compute() -> u64 {
    let first = COMPUTING.fetch_add(1, Ordering::Relaxed) == 0;
    while first && CALLED.load(Ordering::Relaxed) < TASKS {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(PAUSE).await;
    computed()
}

fn compute_in_a_thread() -> u64 {
    let first = COMPUTING.fetch_add(1, Ordering::Relaxed) == 0;
    while first && CALLED.load(Ordering::Relaxed) < THREADS {
        thread::sleep(Duration::from_millis(2));
    }
    thread::sleep(PAUSE);
    computed()
}

/// The same function for each way to cache it.
macro_rules! functions {
    ($($(#[$attribute:meta])+ $task:ident, $thread:ident;)+) => {$(
        $(#[$attribute])+
        async fn $task(_n: u64) -> u64 {
            compute().await
        }

        $(#[$attribute])+
        fn $thread(_n: u64) -> u64 {
            compute_in_a_thread()
        }
    )+};
}

functions! {
    #[cache_on_arguments(region = HERD)] ours, ours_in_a_thread;
    #[cached(ttl_secs = 3600, sync_writes = "by_key")] cached_by_key, cached_by_key_in_a_thread;
    #[cached(ttl_secs = 3600)] cached_plain, cached_plain_in_a_thread;
}

/// What a herd did.
struct Herd {
    computations: u64,
    /// Milliseconds from the end of the computation until the last had the value.
    woken: f64,
    /// Milliseconds of the processor in that time.
    processor: f64,
}

fn measured(calls: impl FnOnce()) -> Herd {
    for counter in [&CALLED, &COMPUTING, &COMPUTED, &LAST] {
        counter.store(0, Ordering::Relaxed);
    }
    for least in [&DONE, &SPENT] {
        least.store(u64::MAX, Ordering::Relaxed);
    }
    calls();
    let spent = spent().saturating_sub(SPENT.load(Ordering::Relaxed));
    let woken = LAST.load(Ordering::Relaxed).saturating_sub(DONE.load(Ordering::Relaxed));
    Herd {
        computations: COMPUTED.load(Ordering::Relaxed),
        woken: as_float(woken) / 1e6,
        processor: as_float(spent) / 1e6,
    }
}

fn of_tasks<F: Future<Output = u64> + Send>(runtime: &Runtime, call: impl Fn() -> F + Send + Sync + 'static) -> Herd {
    let call = Arc::new(call);
    measured(|| {
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let call = Arc::clone(&call);
                runtime.spawn(async move {
                    CALLED.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(call().await, 7);
                    LAST.fetch_max(since_origin(), Ordering::Relaxed);
                })
            })
            .collect();
        for task in tasks {
            runtime.block_on(task).expect("no contender panics");
        }
    })
}

fn of_threads(call: impl Fn() -> u64 + Sync) -> Herd {
    measured(|| {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                let called = || {
                    CALLED.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(call(), 7);
                    LAST.fetch_max(since_origin(), Ordering::Relaxed);
                };
                thread::Builder::new().stack_size(64 * 1024).spawn_scoped(scope, called).expect("a thread starts");
            }
        });
    })
}

/// A herd of a contender, on the key of that number.
type Gather<'a> = Box<dyn Fn(u64) -> Herd + 'a>;

pub(crate) fn section(effort: &Effort) -> Section {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(cores()).enable_time().build();
    let runtime = &runtime.expect("threads start");
    let moka: &'static _ = Box::leak(Box::new(moka::future::Cache::builder().time_to_live(TTL).build()));
    let quick: &'static _ = Box::leak(Box::new(quick_cache::sync::Cache::<u64, u64>::new(1_000)));
    let tasks: Vec<(&str, Gather<'_>)> = vec![
        ("cachekit, ttl", Box::new(|n| of_tasks(runtime, move || ours(n)))),
        ("moka get_with, ttl", Box::new(|n| of_tasks(runtime, move || moka.get_with(n, compute())))),
        (
            "quick_cache get_or_insert_async",
            Box::new(|n| {
                of_tasks(runtime, move || async move {
                    quick.get_or_insert_async(&n, async { Ok::<_, Infallible>(compute().await) }).await.unwrap_or(0)
                })
            }),
        ),
        ("cached #[cached], ttl, sync_writes by_key", Box::new(|n| of_tasks(runtime, move || cached_by_key(n)))),
        ("cached #[cached], ttl", Box::new(|n| of_tasks(runtime, move || cached_plain(n)))),
    ];
    let moka_of_threads = moka::sync::Cache::builder().time_to_live(TTL).build();
    let quick_of_threads = quick_cache::sync::Cache::<u64, u64>::new(1_000);
    let threads: Vec<(&str, Gather<'_>)> = vec![
        ("cachekit, ttl", Box::new(|n| of_threads(|| ours_in_a_thread(n)))),
        ("moka get_with, ttl", Box::new(|n| of_threads(|| moka_of_threads.get_with(n, compute_in_a_thread)))),
        (
            "quick_cache get_or_insert_with",
            Box::new(|n| {
                let compute = || Ok::<_, Infallible>(compute_in_a_thread());
                of_threads(|| quick_of_threads.get_or_insert_with(&n, compute).unwrap_or(0))
            }),
        ),
        ("cached #[cached], ttl, sync_writes by_key", Box::new(|n| of_threads(|| cached_by_key_in_a_thread(n)))),
        ("cached #[cached], ttl", Box::new(|n| of_threads(|| cached_plain_in_a_thread(n)))),
    ];
    let mut section = Section {
        title: "Herds on a cold key",
        about:
            "All call at once; the computation ends when everyone waits. The time is that from its end until the last \
                has the value, the median of interleaved rounds and half of the distance of their \
                quartiles."
                .to_owned(),
        ..Section::default()
    };
    let rounds = effort.of(5, 11);
    for (title, herds) in [("10,000 tasks", tasks), ("2,000 threads", threads)] {
        measure(rounds, title, &herds, &mut section);
    }
    section
}

fn measure(rounds: u64, title: &str, herds: &[(&str, Gather<'_>)], section: &mut Section) {
    let mut seen: Vec<Vec<Herd>> = herds.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for ((_, gather), seen) in herds.iter().zip(&mut seen) {
            seen.push(gather(round));
        }
    }
    let woken: Vec<Figure> = seen.iter().map(|of| Figure::of(of.iter().map(|herd| herd.woken).collect())).collect();
    let most = |of: &[Herd]| of.iter().map(|herd| herd.computations).max().unwrap_or(0);
    let rows = herds.iter().zip(&seen).zip(&woken).map(|(((name, _), of), woken)| {
        let processor = Figure::of(of.iter().map(|herd| herd.processor).collect());
        Row::new(*name, vec![most(of).to_string(), woken.show(1), processor.show(1)])
    });
    section.targets.push(Target::at_most(format!("{title}: computations"), 1.0, Some(as_float(most(&seen[0])))));
    let ratio = woken[0].median / woken[1].median;
    section.targets.push(Target::at_most(format!("{title}: time to wake everyone, times moka's"), 1.0, Some(ratio)));
    let columns = ["computations", "ms to wake", "processor ms"].map(str::to_owned).into();
    section.tables.push(Table { title: title.to_owned(), columns, rows: rows.collect() });
    let bars = herds.iter().zip(&woken).map(|((name, _), woken)| Bar::new(*name, [woken.median]));
    section.charts.push(Chart {
        file: if title.ends_with("tasks") { "herd-tasks.svg" } else { "herd-threads.svg" },
        title: format!("A herd of {title} on a cold key"),
        about: "Milliseconds from the end of the computation until the last has the value; shorter is better"
            .to_owned(),
        series: vec!["ms".to_owned()],
        digits: 1,
        bars: bars.collect(),
    });
}
