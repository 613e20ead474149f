//! What a hit costs in a region on Redis, beside the same server asked by its client alone.
//!
//! Threads have a blocking connection each, tasks share a multiplexed one; values have about 100 bytes.

use std::env;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use cachekit::{Region, cache_on_arguments, regions};
use cachekit_backends::redis::Redis;
use cachekit_test_servers::RedisServer;
use redis::aio::MultiplexedConnection;
use redis::{Client, Commands, Connection, IntoConnectionInfo};
use tokio::runtime::{Builder, Runtime};

use crate::median;

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

/// Says so where there is no server.
pub(crate) fn hits(rounds: usize) {
    let program = env::var_os("REDIS_SERVER_BIN").unwrap_or_else(|| "redis-server".into());
    let version = Command::new(&program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        println!("\nhits on Redis: not measured, there is no `{}`", program.display());
        return;
    }
    let server = RedisServer::start();
    let backend = Redis::connect(&server.url()).expect("it is a URL");
    SHARED.configure(|region| region.backend(backend)).expect("nobody else has configured it");
    threads(&server, rounds);
    tasks(&server, rounds);
}

fn threads(server: &RedisServer, rounds: usize) {
    let mut connection = blocking(server);
    let key = keys();
    let bare = |n: u64, connection: &mut Connection| {
        let found: String = connection.get(&key[place(n)]).expect("redis-server answers");
        assert_eq!(found.len(), 100);
    };
    fill(&mut connection);
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        times[0].push(each(2_000, |n| bare(n % TASKS, &mut connection)));
        times[1].push(each(2_000, |n| assert_eq!(text(n % TASKS).len(), 100)));
    }
    let [bare, ours] = times.each_mut().map(|times| median(times));
    println!("\n{:<52}{:>10}{:>11}{:>9}", "hit on Redis, a thread", "bare GET", "cachekit", "ratio");
    println!("{:<52}{bare:>7.1} us{ours:>8.1} us{:>9.2}", "100 bytes, each call", ours / bare);
}

fn tasks(server: &RedisServer, rounds: usize) {
    let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build().expect("threads start");
    let client = Client::open(server.url()).expect("it is a URL");
    let connection = runtime.block_on(client.get_multiplexed_async_connection()).expect("redis-server is there");
    println!("\n{:<52}{:>10}{:>11}{:>9}", "hits on Redis, 64 tasks at once", "bare GET", "cachekit", "ratio");
    for (name, keys) in [("distinct keys", TASKS), ("one key", 1)] {
        let mut rounds_of: [[Vec<f64>; 2]; 2] = Default::default();
        for _ in 0..rounds {
            let bare = at_once(&runtime, |task| bare_calls(connection.clone(), task % keys));
            let ours = at_once(&runtime, |task| calls(task % keys));
            for (rounds, round) in rounds_of.iter_mut().flatten().zip([bare, ours].into_iter().flatten()) {
                rounds.push(round);
            }
        }
        let [[bare, bare_cpu], [ours, ours_cpu]] =
            rounds_of.each_mut().map(|of| of.each_mut().map(|rounds| median(rounds)));
        let (calls, cpu) = (format!("{name}, calls a second"), format!("{name}, time of the processor a call"));
        println!("{calls:<52}{bare:>10.0}{ours:>11.0}{:>9.2}", ours / bare);
        println!("{cpu:<52}{bare_cpu:>7.1} us{ours_cpu:>8.1} us{:>9.2}", ours_cpu / bare_cpu);
    }
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
    let (start, spent) = (Instant::now(), processor_time());
    let tasks: Vec<_> = (0..TASKS).map(|number| runtime.spawn(task(number))).collect();
    for task in tasks {
        runtime.block_on(task).expect("no task panics");
    }
    let calls = f64::from(CALLS) * 64.0;
    [calls / start.elapsed().as_secs_f64(), processor_time().saturating_sub(spent).as_secs_f64() * 1e6 / calls]
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_nanos(time.tv_nsec.unsigned_abs())
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
