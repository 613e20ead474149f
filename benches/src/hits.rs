//! Hits: what a call costs whose value is there, for several signatures, numbers of keys and of threads.

use crate::chart::{Bar, Chart};
use crate::child::{Allocated, allocated};
use crate::contenders::{Contender, Role, numbers, tasks, texts, values};
use crate::measure::{Costs, Effort, Figure, around, cores};
use crate::report::{Row, Section, Table, Target};

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
        about: "Nanoseconds of one core per call, the median of interleaved rounds and half of the distance of their quartiles; \
                where each thread has a core, only rounds count in which all ran at the same time and nobody else had a core; \
                a question mark stands where the machine left too few of them, and no target is judged by such a figure. The time of the processor \
                is that of all threads. Keys are met in an order that jumps; a hit of cachekit checks the ttl \
                and the epoch of its region, marks the entry for eviction where nothing has, and is counted. \
                Who has a cache per thread computes each value once per thread."
            .to_owned(),
        ..Section::default()
    };
    let few: &[usize] = effort.of(&THREADS[..2], &THREADS);
    let all = measure(effort, "numbers", numbers::contenders(texts::KEYS), texts::KEYS, &THREADS);
    section.targets.extend(targets_of_numbers(&all));
    section.charts.push(all.chart("hits.svg", "A hit of fn(u64) -> u64, 1,024 keys"));
    section.tables.push(all.table("u64 -> u64, 1,024 keys"));
    for (title, keys) in [("u64 -> u64, 1 key", 1), ("u64 -> u64, 1,000,000 keys", 1_000_000)] {
        let few_rounds = effort.with_rounds(5);
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
        let named = |threads: &usize| if *threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
        let processor = |threads: &&usize| **threads <= 2;
        let columns = self.threads.iter().map(named);
        let columns =
            columns.chain(self.threads.iter().filter(processor).map(|of| format!("processor, {}", named(of))));
        let rows = self.contenders.iter().zip(&self.costs).map(|(contender, costs)| {
            let shown = |costs: Option<Costs>, which: fn(&Costs) -> Figure| {
                costs.map_or_else(|| "-".to_owned(), |costs| which(&costs).time())
            };
            let walls = self.threads.iter().zip(costs).map(|(threads, costs)| {
                let disturbed = *threads <= cores() && costs.is_some_and(|costs| !costs.quiet);
                format!("{}{}", shown(*costs, |costs| costs.wall), if disturbed { " ?" } else { "" })
            });
            let both = self.threads.iter().zip(costs).filter(|(threads, _)| processor(threads));
            let processors = both.map(|(_, costs)| shown(*costs, |costs| costs.processor));
            let allocations = self.allocations(contender.name).map(|times| format!("{times:.2}"));
            let allocations = allocations.unwrap_or_else(|| "-".to_owned());
            Row::new(contender.name, walls.chain(processors).chain([allocations]).collect())
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
        // A ratio of a disturbed figure and another says nothing.
        self.costs[row][column].filter(|costs| costs.quiet)
    }

    fn limit(&self) -> &'static str {
        let limit = self.contenders.iter().find(|contender| contender.role == Role::Limit);
        limit.map_or("", |contender| contender.name)
    }

    /// The fastest peer that checks a ttl, among those with one cache for all threads or with one for each.
    fn fastest(&self, threads: usize, of_the_thread: bool) -> Option<(&'static str, f64)> {
        let peers = self.contenders.iter().filter(|contender| contender.role == Role::Peer { ttl: true });
        let peers = peers.filter(|peer| peer.of_the_thread == of_the_thread);
        let costs = peers.filter_map(|peer| Some((peer.name, self.wall(peer.name, threads)?)));
        costs.min_by(|one, other| one.1.total_cmp(&other.1))
    }

    /// The bars of a chart, with one thread and with two.
    fn chart(&self, file: &'static str, title: &str) -> Chart {
        let threads = [1, 2].map(|threads| move |name| self.wall(name, threads));
        let bars = self.contenders.iter().map(|contender| Bar {
            name: contender.name.to_owned(),
            lengths: threads.iter().map(|of| of(contender.name)).collect(),
        });
        Chart {
            file,
            title: title.to_owned(),
            about: "Nanoseconds of one core per call, the median of interleaved rounds; shorter is better".to_owned(),
            series: ["1 thread", "2 threads"].map(str::to_owned).into(),
            digits: 0,
            bars: bars.collect(),
        }
    }
}

fn ratio(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(one? / other?)
}

fn targets_of_numbers(hits: &Hits) -> Vec<Target> {
    let (ours, limit) = ("cachekit, ttl", hits.limit());
    let plain = "cached #[cached]";
    let growth = |name| ratio(hits.processor(name, 2), hits.processor(name, 1));
    let ahead = |threads: usize, of_the_thread, least| {
        let (name, fastest) = hits.fastest(threads, of_the_thread).unzip();
        let threads_are = if threads == 1 { "1 thread" } else { "2 threads" };
        let what = format!("{threads_are}: times faster than {}", name.unwrap_or("-"));
        Target::at_least(what, least, ratio(fastest, hits.wall(ours, threads)))
    };
    vec![
        Target::at_most(
            "1 thread: times raw papaya and the coarse clock",
            1.3,
            ratio(hits.processor(ours, 1), hits.processor(limit, 1)),
        ),
        ahead(1, false, 1.8),
        ahead(1, true, 1.8),
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
        ahead(2, false, 6.0),
        ahead(2, true, 6.0),
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
        Target::at_most(
            "String: allocations",
            1.0,
            hits.allocations(ours).map(|times| (times * 100.0).round() / 100.0),
        ),
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
        Target::at_most("async: allocations", 0.0, hits.allocations(ours).map(|times| (times * 100.0).round() / 100.0)),
    ]
}
