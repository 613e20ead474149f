//! The backends of `cachekit-backends`, chosen by a configuration alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cachekit::{Config, Error, Invalidation, Key, Region, cache_on_arguments, configure, reconfigure, regions};
use cachekit_backends::redis::Redis;
use cachekit_backends::scoped::Scope;
use cachekit_test_servers::{MemcachedServer, RedisServer};

/// On a busy machine a server may take its time.
const LONG: Duration = Duration::from_secs(20);
const PATIENT: &str = "read_timeout = '20s'\nwrite_timeout = '20s'\n";

fn toml(text: &str) -> Config {
    toml::from_str(text).expect("the text is TOML")
}

/// The only fault of a configuration, and its error.
fn fault(text: &str) -> (String, Error) {
    let error = reconfigure(toml(text)).expect_err("the configuration is faulty");
    let lines: Vec<String> = error.to_string().lines().skip(1).map(|line| line.trim_start().to_owned()).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    (lines[0].clone(), error)
}

#[test]
fn a_region_moves_to_each_backend_by_its_configuration_alone() {
    regions! { static MOVING = Region::builder("moving"); }
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[cache_on_arguments(region = MOVING)]
    fn square(number: u64) -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst);
        number * number
    }

    let (server, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let path = folder.path().join("made when it is needed");
    let move_to = |settings: &str| reconfigure(toml(&format!("[regions.moving]\n{PATIENT}{settings}"))).unwrap();
    let runs_of_two_calls = || {
        let before = RUNS.load(Ordering::SeqCst);
        assert_eq!((square(7), square(7)), (49, 49));
        assert_eq!(MOVING.stats().backend_errors, 0);
        RUNS.load(Ordering::SeqCst) - before
    };
    let redis = format!("backend = 'redis'\nredis = {{ url = '{}' }}", server.url());
    let memcached = [(); 2].map(|()| MemcachedServer::start());
    let [one, two] = memcached.each_ref().map(MemcachedServer::address);
    let single = format!("backend = 'memcached'\nmemcached = {{ url = 'memcached://{one}' }}");
    let several = format!("backend = 'memcached'\nmemcached = {{ servers = ['{one}', '{two}'] }}");
    let files = format!("backend = 'file'\nfile = {{ path = {path:?}, limit = 1_000_000 }}");
    let backends = [
        ("none", "", 1, 1),
        ("null", "backend = 'null'", 2, 2),
        ("memory", "backend = 'memory'\nmemory = { capacity = 10, bytes = 10_000 }", 1, 1),
        ("scoped", "backend = 'scoped'", 2, 2),
        ("file", &files, 1, 0),
        ("redis", &redis, 1, 0),
        ("memcached", &single, 1, 0),
        ("memcached, several", &format!("{several}\nkey_prefix = 'several:'"), 1, 0),
    ];
    for (name, settings, first, later) in backends {
        for runs in [first, later] {
            move_to(settings);
            assert_eq!(runs_of_two_calls(), runs, "{name}");
            move_to("backend = 'none'");
            square::invalidate(7).unwrap();
        }
    }
    move_to("backend = 'scoped'\nscoped = {}");
    assert_eq!(Scope::new().enter(runs_of_two_calls), 1);
    assert!(server.command(&["EXISTS", &MOVING.backend_key(square::key(7))]).starts_with(":1"));
    assert!(path.is_dir());
}

#[test]
fn regions_that_name_a_memory_of_equal_settings_share_it() {
    regions! {
        static LEFT = Region::builder("left");
        static RIGHT = Region::builder("right");
        static APART = Region::builder("apart");
    }
    configure(toml(
        "[regions.left]
         backend = 'memory'
         memory = { capacity = 77 }
         [regions.apart]
         backend = 'memory'
         memory = { capacity = 77, bytes = 7_777 }",
    ))
    .unwrap();
    configure(toml("[regions.right]\nbackend = 'memory'\nmemory = { capacity = '77' }")).unwrap();
    let entries = |region: &Region| {
        let text = format!("{region:?}");
        let (_, rest) = text.split_once("Memory { entries: ").unwrap_or_else(|| panic!("{text}"));
        rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<u64>().unwrap()
    };
    LEFT.set("k", &1_u8).unwrap();
    assert_eq!((entries(&LEFT), entries(&RIGHT), entries(&APART)), (2, 2, 0), "an entry and an epoch");
    RIGHT.set("k", &2_u8).unwrap();
    assert_eq!((entries(&LEFT), LEFT.get::<u8>("k").unwrap(), APART.get::<u8>("k").unwrap()), (4, Some(1), None));
    for number in 0..200_u64 {
        LEFT.set(number.to_string(), &number).unwrap();
    }
    assert_eq!((entries(&LEFT), RIGHT.get::<u8>("k").unwrap()), (77, None), "they share the room, too");
}

#[test]
fn a_key_that_is_not_known_is_named_with_its_path() {
    regions! { static KEYS = Region::builder("keys"); }
    for (backend, settings, known) in [
        ("null", "", "none"),
        ("scoped", "", "none"),
        ("memory", "", "one of `capacity`, `bytes`"),
        ("file", "path = 'somewhere'\n", "one of `path`, `limit`"),
        ("redis", "url = 'redis://localhost'\n", "`user`, `password`, `database`, `tls`"),
        ("memcached", "url = 'localhost'\n", "one of `url`, `servers`"),
    ] {
        let (line, error) = fault(&format!(
            "[regions.keys]\nbackend = '{backend}'\n[regions.keys.{backend}]\n{settings}colour = 'red'"
        ));
        assert!(line.starts_with(&format!("regions.keys.{backend}.colour: ")), "{line}");
        assert!(line.ends_with(known) && error.is_settings(), "{line}");
    }
    for (backend, settings, path, part) in [
        ("memory", "capacity = 0", ".capacity", "nonzero"),
        ("memory", "bytes = -5", ".bytes", "nonzero"),
        ("file", "", "", "`path` is missing"),
        ("file", "path = ''", "", "`path` is empty"),
        ("file", "path = 'x'\nlimit = '1 GiB'", ".limit", "nonzero"),
        ("redis", "", "", "one of `url`, `sentinels` with `master`, and `cluster`"),
        ("redis", "url = 'redis://localhost'\ndatabase = -1", ".database", "u32"),
        ("memcached", "", "", "either `url = "),
        ("memcached", "url = 'localhost'\nservers = ['localhost']", "", "either `url = "),
        ("memcached", "servers = []", "", "no servers are named"),
        ("memcached", "servers = ['localhost:0']", "", "from 1 to 65535"),
    ] {
        let (line, _) = fault(&format!("[regions.keys]\nbackend = '{backend}'\n[regions.keys.{backend}]\n{settings}"));
        assert!(line.starts_with(&format!("regions.keys.{backend}{path}: ")) && line.contains(part), "{line}");
    }
    assert!(KEYS.configure(|r| r).is_ok(), "nothing of all that was applied");
}

#[test]
fn a_malformed_address_is_told_without_its_password() {
    regions! { static PLACES = Region::builder("places"); }
    let told = |settings: &str, part: &str| {
        let (line, error) = fault(&format!("[regions.places]\nbackend = 'redis'\n[regions.places.redis]\n{settings}"));
        assert!(error.is_refused(), "{line}");
        assert!(line.starts_with("regions.places.redis: the backend cannot be used: "), "{line}");
        assert!(line.contains(part) && !line.contains("hunter2") && !line.contains("top"), "{settings}: {line}");
    };
    told("url = 'localhost:6379'", "begins with");
    told("url = 'http://top:hunter2@localhost'", "begins with");
    told("url = 'rediss://top:hunter2@'", "URL");
    told("url = 'rediss://localhost'\ntls = { roots = '/nowhere/ca.pem' }", "the file of `roots` cannot be read");
    told("url = 'rediss://localhost'\ntls = { key = 'me.key' }", "`certificate` and `key` go together");
    told("url = 'redis://localhost'\ntls = {}", "`rediss://`");
    told("url = 'redis://top:hunter2@'", "URL");
    told("url = 'redis://top:hunter2@host:port'", "URL");
    told("url = 'redis://top:hunter2@localhost/first'", "URL");
    told("url = 'redis+sentinel://top:hunter2@localhost'", "sentinels");
    told("sentinels = ['top:hunter2']", "one of `url`, `sentinels` with `master`, and `cluster`");
    told("url = 'redis://localhost'\nmaster = 'top'", "one of `url`, `sentinels` with `master`, and `cluster`");
    told("url = 'redis://localhost'\nsentinel_password = 'hunter2'", "need `sentinels`");
    told("url = 'redis://localhost'\nread_from_replicas = true", "need `sentinels`");
    told("url = 'redis://localhost'\ncluster = ['localhost']", "one of `url`");
    told("cluster = []", "no servers of the cluster are named");
    told("cluster = ['redis://top:hunter2@']", "URL");
    told("cluster = ['localhost']\ndatabase = 1\npassword = 'hunter2'", "the database 0 only");
    told("sentinels = []\nmaster = 'm'", "no sentinels are named");
    told("sentinels = ['redis://top:hunter2@']\nmaster = 'm'", "URL");
    told(
        "url = 'redis://:hunter2@localhost'\npassword = 'hunter2 too'",
        "the password is in the URL and apart from it",
    );
    told("url = 'redis://top:hunter2@localhost'\nuser = 'topper'", "the user is in the URL and apart from it");
    told("url = 'redis://localhost/1'\ndatabase = 2\npassword = 'hunter2'", "the database is in the URL");
    told("url = 'redis://localhost'\nuser = 'top'", "no password");
    assert!(PLACES.configure(|r| r).is_ok());
}

#[test]
fn who_asks_stands_in_the_address_or_apart_from_it() {
    regions! { static LOGINS = Region::builder("logins"); }
    let server = RedisServer::start_with_password("hunter2/@:%20");
    let acl = server.command(&["ACL", "SETUSER", "app", "on", ">let me in", "~logins*", "+@all"]);
    assert_eq!(acl, "+OK\r\n");
    let url = format!("redis://127.0.0.1:{}", server.port());
    for (number, settings) in [
        "password = 'hunter2/@:%20'",
        "password = 'hunter2/@:%20'\ndatabase = 3",
        "user = 'app'\npassword = 'let me in'\ndatabase = '4'",
    ]
    .into_iter()
    .enumerate()
    {
        let text =
            format!("[regions.logins]\n{PATIENT}backend = 'redis'\n[regions.logins.redis]\nurl = '{url}'\n{settings}");
        let config = toml(&text);
        assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
        reconfigure(config).unwrap();
        assert_eq!(LOGINS.get::<usize>("k").unwrap(), None, "each is a database of its own");
        LOGINS.set("k", &number).unwrap();
        assert_eq!(LOGINS.get::<usize>("k").unwrap(), Some(number));
        let shown = format!("{:?}", *LOGINS);
        assert!(shown.contains("Redis") && !shown.contains("hunter2") && !shown.contains("let me in"), "{shown}");
    }
    assert_eq!(LOGINS.stats().backend_errors, 0);
    reconfigure(toml(&format!(
        "[regions.logins]\nbackend = 'redis'\nredis = {{ url = '{url}', password = 'hunter3' }}"
    )))
    .unwrap();
    let error = LOGINS.set("k", &1_usize).unwrap_err();
    assert!(error.is_refused() && !error.to_string().contains("hunter"), "{error}");
}

#[test]
fn the_rights_that_the_documentation_names_are_enough_and_no_more_than_that() {
    let server = RedisServer::start();
    let text = include_str!("../../docs/backends.md");
    let rights = text.lines().find(|line| line.starts_with("ACL SETUSER ")).unwrap();
    assert_eq!(server.command(&rights.split(' ').collect::<Vec<_>>()), "+OK\r\n");
    let url = format!("redis://myapp:secret@127.0.0.1:{}/1", server.port());
    let region = |prefix: &str| {
        let redis = Redis::connect(&url).unwrap();
        let region = Region::builder("users").backend(redis).key_prefix(prefix).read_timeout(LONG).write_timeout(LONG);
        region.ttl(Duration::from_secs(60)).build().unwrap()
    };
    let users = region("myapp:");
    for name in ["k", "{tagged} k", "{} k", "}{", "", "%epoch"] {
        let key = || Key::from(name).tagged(["a tag", "{}", ""]);
        assert_eq!(users.get_or_create(key(), || 5), 5);
        assert_eq!(users.get_or_create(key(), || 6), 5, "{name}");
        users.set(key(), &7).unwrap();
        assert_eq!(users.get_many::<i32>([key(), Key::from("none")]).unwrap(), [Some(7), None], "{name}");
        users.delete(key()).unwrap();
        assert_eq!(users.try_get_or_create(key(), || Err::<i32, _>("down")), Err("down"));
        users.set(key(), &7).unwrap();
        users.invalidate_tags(["a tag", "{}"]).unwrap();
        assert_eq!(users.get_or_create(key(), || 8), 8, "{name}");
        users.delete_many([key(), Key::from("none")]).unwrap();
    }
    users.set_many([("a", &1), ("}", &2)]).unwrap();
    users.invalidate(Invalidation::Soft).unwrap();
    users.invalidate(Invalidation::Hard).unwrap();
    assert_eq!(users.stats().backend_errors, 0);
    let error = region("other:").set("k", &1).unwrap_err();
    assert!(error.is_refused(), "{error}");
}
