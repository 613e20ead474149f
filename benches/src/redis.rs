//! What a hit costs in a region on Redis, beside the same server asked by its client alone.
//!
//! Threads have a blocking connection each, tasks share a multiplexed one; values have about 100 bytes.

use std::env;
use std::fmt::Write;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use cachekit::{Region, cache_on_arguments, regions};
use cachekit_backends::redis::Redis;
use cachekit_test_servers::RedisServer;
use redis::aio::MultiplexedConnection;
use redis::{Client, Commands, Connection, IntoConnectionInfo};
use rustix::time::ClockId;
use tokio::runtime::{Builder, Runtime};

use crate::measure::{Effort, median, processor_time};
use crate::report::{Row, Section, Table, Target};

/// Tasks that call at once.
const TASKS: u64 = 64;

/// Workers of the runtime.
const WORKERS: usize = 2;

regions! {
    static SHARED = Region::builder("shared").ttl(Duration::from_hours(1));
}

#[cache_on_arguments(region = SHARED)]
fn text(n: u64) -> String {
    value(n)
}

#[cache_on_arguments(region = SHARED)]
async fn text_async(n: u64) -> String {
    value(n)
}

fn value(n: u64) -> String {
    format!("{n:0100}")
}

pub(crate) fn section(effort: &Effort) -> Section {
    let mut section = Section {
        title: "Hits on Redis",
        about: "A region on a Redis of this machine, beside the same server asked by its client alone; values of 100 bytes. \
                A thread has a blocking connection, 64 tasks share a multiplexed one."
            .to_owned(),
        ..Section::default()
    };
    let program = env::var_os("REDIS_SERVER_BIN").unwrap_or_else(|| "redis-server".into());
    let version = Command::new(&program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        write!(section.about, " Not measured: there is no `{}`.", program.display()).expect("a text takes words");
        section.targets = vec![Target::at_most(THREAD, 1.3, None), Target::at_least(TASKS_AT_ONCE, 0.8, None)];
        return section;
    }
    let server = RedisServer::start();
    let backend = Redis::connect(&server.url()).expect("it is a URL");
    SHARED.configure(|region| region.backend(backend)).expect("nobody else has configured it");
    let mut rows = Vec::new();
    section.targets.push(threads(&server, effort, &mut rows));
    section.targets.push(tasks(&server, effort, &mut rows));
    let columns = ["bare GET", "cachekit", "ratio"].map(str::to_owned).into();
    section.tables.push(Table { title: "hit on Redis".to_owned(), columns, rows });
    section
}

const THREAD: &str = "a thread: times a bare GET";
const TASKS_AT_ONCE: &str = "64 tasks, distinct keys: calls a second, times those of the bare client";

fn threads(server: &RedisServer, effort: &Effort, rows: &mut Vec<Row>) -> Target {
    let mut connection = blocking(server);
    let key = keys();
    let bare = |n: u64, connection: &mut Connection| {
        let found: String = connection.get(&key[place(n)]).expect("redis-server answers");
        assert_eq!(found.len(), 100);
    };
    fill(&mut connection);
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..effort.rounds {
        times[0].push(each(1_000, |n| bare(n % TASKS, &mut connection)));
        times[1].push(each(1_000, |n| assert_eq!(text(n % TASKS).len(), 100)));
    }
    let [bare, ours] = times.map(|times| median(&times));
    rows.push(row("a thread, us a call", bare, ours, 1));
    Target::at_most(THREAD, 1.3, Some(ours / bare))
}

fn row(name: &str, bare: f64, ours: f64, digits: usize) -> Row {
    Row::new(name, vec![format!("{bare:.digits$}"), format!("{ours:.digits$}"), format!("{:.2}", ours / bare)])
}

fn tasks(server: &RedisServer, effort: &Effort, rows: &mut Vec<Row>) -> Target {
    let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build().expect("threads start");
    let client = Client::open(server.url()).expect("it is a URL");
    let connection = runtime.block_on(client.get_multiplexed_async_connection()).expect("redis-server is there");
    let mut distinct = None;
    for (name, keys) in [("distinct keys", TASKS), ("one key", 1)] {
        let mut rounds_of: [[Vec<f64>; 2]; 2] = Default::default();
        for _ in 0..effort.rounds {
            let bare = at_once(&runtime, |task| bare_calls(connection.clone(), task % keys));
            let ours = at_once(&runtime, |task| calls(task % keys));
            for (rounds, round) in rounds_of.iter_mut().flatten().zip([bare, ours].into_iter().flatten()) {
                rounds.push(round);
            }
        }
        let [[bare, bare_cpu], [ours, ours_cpu]] = rounds_of.map(|of| of.map(|rounds| median(&rounds)));
        rows.push(row(&format!("64 tasks, {name}, calls a second"), bare, ours, 0));
        rows.push(row(&format!("64 tasks, {name}, us of the processor a call"), bare_cpu, ours_cpu, 1));
        distinct.get_or_insert(ours / bare);
    }
    Target::at_least(TASKS_AT_ONCE, 0.8, distinct)
}

/// Calls of each task in a round.
const CALLS: u32 = 300;

async fn calls(n: u64) {
    for _ in 0..CALLS {
        assert_eq!(text_async(n).await.len(), 100);
    }
}

async fn bare_calls(mut connection: MultiplexedConnection, n: u64) {
    let key = &keys()[place(n)];
    for _ in 0..CALLS {
        let found: String = redis::AsyncCommands::get(&mut connection, key).await.expect("redis-server answers");
        assert_eq!(found.len(), 100);
    }
}

/// Calls a second of all tasks, and microseconds that the processor spends on each in this process.
fn at_once<F: Future<Output = ()> + Send + 'static>(runtime: &Runtime, task: impl Fn(u64) -> F) -> [f64; 2] {
    let (start, spent) = (Instant::now(), processor_time(ClockId::ProcessCPUTime));
    let tasks: Vec<_> = (0..TASKS).map(|number| runtime.spawn(task(number))).collect();
    for task in tasks {
        runtime.block_on(task).expect("no task panics");
    }
    let calls = f64::from(CALLS) * 64.0;
    [
        calls / start.elapsed().as_secs_f64(),
        processor_time(ClockId::ProcessCPUTime).saturating_sub(spent).as_secs_f64() * 1e6 / calls,
    ]
}

/// Microseconds each.
fn each(calls: u32, mut call: impl FnMut(u64)) -> f64 {
    let start = Instant::now();
    (0..calls).for_each(|n| call(u64::from(n)));
    start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

fn blocking(server: &RedisServer) -> Connection {
    let info = server.url().into_connection_info().expect("it is a URL");
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    let client = Client::open(info.set_tcp_settings(tcp)).expect("it is an address");
    client.get_connection().expect("redis-server is there")
}

fn fill(connection: &mut Connection) {
    for (n, key) in (0..).zip(keys()) {
        let _: () = connection.set(key, value(n)).expect("redis-server stores");
    }
}

/// As long as those of a region.
fn keys() -> &'static [String] {
    static KEYS: LazyLock<Vec<String>> =
        LazyLock::new(|| (0..TASKS).map(|n| format!("shared:bare::redis::text|{n}")).collect());
    &KEYS
}

fn place(n: u64) -> usize {
    usize::try_from(n).expect("a key is below 64")
}
