//! Hits: what a call costs whose value is there, for several signatures, numbers of keys and of threads.

use crate::child::{Allocated, allocated};
use crate::contenders::{Contender, Role, numbers, tasks, texts, values};
use crate::measure::{Costs, Effort, around};
use crate::report::{Row, Section, Table, Target, nanoseconds};

const THREADS: [usize; 4] = [1, 2, 4, 8];

/// One list of contenders, measured.
struct Hits {
    contenders: Vec<Contender>,
    threads: Vec<usize>,
    costs: Vec<Vec<Option<Costs>>>,
    allocated: Vec<Allocated>,
}

pub(crate) fn section(effort: &Effort) -> Section {
    let mut section = Section {
        title: "Hits",
        about: "Nanoseconds of one core per call, the median of interleaved rounds with their quartiles; the time of the \
                processor is that of all threads. Keys are met in an order that jumps; a hit of cachekit checks the ttl \
                and the epoch of its region, marks the entry for eviction where nothing has, and is counted. \
                Who has a cache per thread computes each value once per thread."
            .to_owned(),
        ..Section::default()
    };
    let few: &[usize] = effort.of(&THREADS[..2], &THREADS);
    let all = measure(effort, "numbers", numbers::contenders(texts::KEYS), texts::KEYS, &THREADS);
    section.targets.extend(targets_of_numbers(&all));
    section.tables.push(all.table("u64 -> u64, 1,024 keys"));
    for (title, keys) in [("u64 -> u64, 1 key", 1), ("u64 -> u64, 1,000,000 keys", 1_000_000)] {
        let few_rounds = effort.with_rounds(7);
        let hits = measure(&few_rounds, "", numbers::contenders(keys), keys, few);
        section.tables.push(hits.table(title));
    }
    let hits = measure(effort, "texts", texts::contenders(), texts::KEYS, few);
    section.targets.extend(targets_of_texts(&hits));
    section.tables.push(hits.table("(&str, u32) -> String, 1,024 keys"));
    let hits = measure(effort, "shared", values::shared(), texts::KEYS, few);
    section.tables.push(hits.table("u64 -> Arc<Vec<u64>>, 1,024 keys"));
    let hits = measure(effort, "results", values::results(), texts::KEYS, few);
    section.tables.push(hits.table("u64 -> Result<u64, String>, 1,024 keys"));
    let hits = measure(effort, "tasks", tasks::contenders(), texts::KEYS, few);
    section.targets.extend(targets_of_tasks(&hits));
    section.tables.push(hits.table("async u64 -> u64, 1,024 keys, under tokio"));
    section
}

fn measure(effort: &Effort, list: &str, contenders: Vec<Contender>, keys: u64, threads: &[usize]) -> Hits {
    let costs = around(effort, &contenders, keys, threads);
    let allocated = if list.is_empty() { Vec::new() } else { allocated(list) };
    Hits { contenders, threads: threads.to_vec(), costs, allocated }
}

impl Hits {
    fn table(&self, title: &str) -> Table {
        let columns = self.threads.iter().flat_map(|threads| {
            let threads = if *threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
            [threads, "quartiles".to_owned(), "processor".to_owned()]
        });
        let rows = self.contenders.iter().zip(&self.costs).map(|(contender, costs)| {
            let cells = costs.iter().flat_map(|costs| match costs {
                Some(Costs { wall, processor }) => [
                    nanoseconds(wall.median),
                    format!("{}-{}", nanoseconds(wall.low), nanoseconds(wall.high)),
                    nanoseconds(processor.median),
                ],
                None => ["-".to_owned(), "-".to_owned(), "-".to_owned()],
            });
            let allocations = self.allocations(contender.name).map(|times| format!("{times:.2}"));
            Row::new(contender.name, cells.chain([allocations.unwrap_or_else(|| "-".to_owned())]).collect())
        });
        Table {
            title: title.to_owned(),
            columns: columns.chain(["allocations".to_owned()]).collect(),
            rows: rows.collect(),
        }
    }

    fn allocations(&self, name: &str) -> Option<f64> {
        self.allocated.iter().find(|allocated| allocated.contender == name).map(|allocated| allocated.times)
    }

    /// The time of the wall of a contender.
    fn wall(&self, name: &str, threads: usize) -> Option<f64> {
        self.of(name, threads).map(|costs| costs.wall.median)
    }

    /// The time of the processor, which others on the machine disturb less; right where nobody blocks.
    fn processor(&self, name: &str, threads: usize) -> Option<f64> {
        self.of(name, threads).map(|costs| costs.processor.median)
    }

    fn of(&self, name: &str, threads: usize) -> Option<Costs> {
        let row = self.contenders.iter().position(|contender| contender.name == name)?;
        let column = self.threads.iter().position(|number| *number == threads)?;
        self.costs[row][column]
    }

    fn limit(&self) -> &'static str {
        let limit = self.contenders.iter().find(|contender| contender.role == Role::Limit);
        limit.map_or("", |contender| contender.name)
    }

    /// The fastest peer that checks a ttl.
    fn fastest(&self, threads: usize) -> Option<(&'static str, f64)> {
        let peers = self.contenders.iter().filter(|contender| contender.role == Role::Peer { ttl: true });
        let costs = peers.filter_map(|peer| Some((peer.name, self.wall(peer.name, threads)?)));
        costs.min_by(|one, other| one.1.total_cmp(&other.1))
    }
}

fn ratio(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(one? / other?)
}

fn targets_of_numbers(hits: &Hits) -> Vec<Target> {
    let (ours, limit) = ("cachekit, ttl", hits.limit());
    let plain = "cached #[cached]";
    let growth = |name| ratio(hits.processor(name, 2), hits.processor(name, 1));
    let ahead = |threads, least| {
        let (name, fastest) = hits.fastest(threads).unzip();
        let what = format!("{threads} thread(s): times faster than {}, the fastest with a ttl", name.unwrap_or("-"));
        Target::at_least(what, least, ratio(fastest, hits.wall(ours, threads)))
    };
    vec![
        Target::at_most(
            "1 thread: times raw papaya and the coarse clock",
            1.3,
            ratio(hits.processor(ours, 1), hits.processor(limit, 1)),
        ),
        ahead(1, 1.8),
        Target::at_most(
            "1 thread, no ttl: times #[cached] without ttl",
            1.0,
            ratio(hits.wall("cachekit, no ttl", 1), hits.wall(plain, 1)),
        ),
        Target::at_most(
            "2 threads: growth of the cost, times that of raw papaya",
            1.1,
            ratio(growth(ours), growth(limit)),
        ),
        ahead(2, 6.0),
        Target::at_least(
            "2 threads: times faster than #[cached] without ttl",
            4.0,
            ratio(hits.wall(plain, 2), hits.wall(ours, 2)),
        ),
    ]
}

fn targets_of_texts(hits: &Hits) -> Vec<Target> {
    let ours = "cachekit, ttl";
    vec![
        Target::at_most(
            "String: times raw papaya, String::clone and the coarse clock",
            1.3,
            ratio(hits.processor(ours, 1), hits.processor(hits.limit(), 1)),
        ),
        Target::at_most("String: allocations", 1.0, hits.allocations(ours)),
    ]
}

fn targets_of_tasks(hits: &Hits) -> Vec<Target> {
    let ours = "cachekit, ttl, async fn";
    vec![
        Target::at_most(
            "async: times the sync hit",
            1.3,
            ratio(hits.processor(ours, 1), hits.processor("cachekit, ttl, fn", 1)),
        ),
        Target::at_most("async: allocations", 0.0, hits.allocations(ours).map(f64::round)),
    ]
}
