//! The example of the README does what the README says, in memory and, by its configuration alone, elsewhere.

use std::fs;
use std::path::Path;
use std::process::Command;

use cachekit_test_servers::{MemcachedServer, RedisCluster, RedisServer, Sentinels};

/// How many files were analysed in each pass of a run.
#[derive(Debug)]
struct Calls {
    first: u64,
    second: u64,
    after_forgetting_one: u64,
}

/// Runs the example, and reads its table.
fn run(configuration: Option<&Path>) -> Calls {
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--release", "--package", "cachekit-examples", "--example", "quickstart", "--"]);
    let run = command.args(configuration).output().unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{text}{}", String::from_utf8_lossy(&run.stderr));
    assert!(text.contains("backend errors 0,"), "{text}");
    let calls = |pass: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(pass)).unwrap_or_else(|| panic!("{pass}: {text}"));
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    Calls { first: calls("first"), second: calls("second"), after_forgetting_one: calls("after forgetting one file") }
}

/// One of the configurations beside the example, with another place in it; on a busy machine a store may take its time.
fn configuration(name: &str, place: &str, other: &str) -> tempfile::TempPath {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)).unwrap();
    assert!(text.contains(place) && text.contains("[regions.sources]\n"), "{text}");
    let patient = "[regions.sources]\nread_timeout = \"20s\"\nwrite_timeout = \"20s\"\n";
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    fs::write(&file, text.replace(place, other).replace("[regions.sources]\n", patient)).unwrap();
    file.into_temp_path()
}

/// Runs the example twice with one configuration.
fn run_twice(configuration: &Path) {
    let (first, second) = (run(Some(configuration)), run(Some(configuration)));
    assert!(first.first > 20 && first.second == 0 && first.after_forgetting_one == 1, "{first:?}");
    assert!(second.first == 0 && second.second == 0 && second.after_forgetting_one == 1, "{second:?}");
}

#[test]
fn the_second_pass_calls_nothing_and_the_third_once() {
    for calls in [run(None), run(None)] {
        assert!(calls.first > 20 && calls.second == 0 && calls.after_forgetting_one == 1, "{calls:?}");
    }
}

#[test]
fn on_redis_the_second_run_computes_nothing() {
    let server = RedisServer::start();
    run_twice(&configuration("redis.toml", "redis://127.0.0.1:6379/0", &server.url()));
    let keys = server.command(&["KEYS", "quickstart:sources:*analyse|*"]);
    assert!(keys.lines().count() > 20, "{keys}");
}

#[test]
fn behind_sentinels_the_second_run_computes_nothing() {
    let servers = Sentinels::start();
    let addresses = format!("{:?}", servers.addresses());
    let those_of_the_example = "[\"127.0.0.1:26379\", \"127.0.0.1:26380\", \"127.0.0.1:26381\"]";
    run_twice(&configuration("sentinels.toml", those_of_the_example, &addresses));
}

#[test]
fn on_memcached_the_second_run_computes_nothing() {
    let server = MemcachedServer::start();
    run_twice(&configuration("memcached.toml", "127.0.0.1:11211", &server.address()));
    let stats = server.command("stats\r\n");
    let items = stats.lines().find_map(|line| line.strip_prefix("STAT curr_items ")).unwrap();
    assert!(items.parse::<u32>().unwrap() > 20, "{stats}");
}

#[test]
fn on_a_cluster_the_second_run_computes_nothing() {
    let cluster = RedisCluster::start();
    let addresses = format!("{:?}", cluster.addresses());
    let those_of_the_example = "[\"127.0.0.1:7000\", \"127.0.0.1:7001\", \"127.0.0.1:7002\"]";
    run_twice(&configuration("cluster.toml", those_of_the_example, &addresses));
}

#[test]
fn on_files_the_second_run_computes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    run_twice(&configuration("files.toml", "target/quickstart", folder.path().to_str().unwrap()));
    assert!(folder.path().join("locks").is_dir());
}
