//! What `check()` says of servers that can never be used as they are asked: each with its region, and none with a secret.

use std::fs;
use std::time::Duration;

use cachekit::{Region, StaticRegion, check, regions};
use cachekit_backends::memcached::Memcached;
use cachekit_backends::redis::{Redis, Tls};
use cachekit_test_servers::{MASTER, RedisCluster, RedisServer, Sentinels, free_port};
use rcgen::{CertifiedKey, generate_simple_self_signed};

regions! {
    static WRONG_PASSWORD = Region::builder("wrong password");
    static WRONG_PASSWORD_OF_SENTINELS = Region::builder("wrong password of sentinels");
    static WRONG_PASSWORD_OF_A_MASTER = Region::builder("wrong password of a master");
    static WRONG_PASSWORD_OF_A_CLUSTER = Region::builder("wrong password of a cluster");
    static WRONG_CERTIFICATE = Region::builder("wrong certificate");
    static ASKED_FOR_A_CERTIFICATE = Region::builder("asked for a certificate");
    static WRONG_NAME = Region::builder("wrong name");
    static NOT_ENCRYPTED = Region::builder("not encrypted");
    static NO_MEMCACHED = Region::builder("no memcached");
    static NO_CLUSTER = Region::builder("no cluster");
    static FINE = Region::builder("fine");
    static AWAY = Region::builder("away");
}

const RIGHT: &str = "the-right-one";
const WRONG: &str = "hunter2";

/// A server that encrypts, with the file of its certificate, which nobody else has signed.
struct Encrypted {
    _server: RedisServer,
    _files: tempfile::TempDir,
    port: u16,
    certificate: String,
}

impl Encrypted {
    fn start(asks: &str) -> Self {
        let (files, port) = (tempfile::tempdir().unwrap(), free_port());
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let file = |name: &str, text: String| {
            let path = files.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (certificate, key) = (file("server.pem", cert.pem()), file("server.key", signing_key.serialize_pem()));
        let port_text = port.to_string();
        let server = RedisServer::start_with([
            "--tls-port",
            &port_text,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &certificate,
            "--tls-auth-clients",
            asks,
        ]);
        Self { _server: server, _files: files, port, certificate: cert.pem() }
    }

    fn asked_as(&self, host: &str) -> Redis {
        let trusted = Tls::new().roots(self.certificate.as_str());
        Redis::connect_with_tls(&format!("rediss://{host}:{}", self.port), trusted).unwrap()
    }
}

fn on(region: &StaticRegion, redis: Redis) {
    let limit = Duration::from_secs(10);
    region.configure(|region| region.backend(redis).read_timeout(limit).write_timeout(limit)).unwrap();
}

#[test]
fn each_server_that_refuses_is_told_with_its_region_and_without_a_secret() {
    let guarded = RedisServer::start_with_password(RIGHT);
    let plain = RedisServer::start();
    let sentinels = Sentinels::start_with_passwords(RIGHT, RIGHT);
    let cluster = RedisCluster::start();
    for server in &cluster.servers {
        server.command(&["CONFIG", "SET", "requirepass", RIGHT]);
    }
    let (encrypted, asking) = (Encrypted::start("no"), Encrypted::start("yes"));

    let wrong = guarded.url().replace(RIGHT, WRONG);
    on(&WRONG_PASSWORD, Redis::connect(&wrong).unwrap());
    let watched = || Redis::sentinels(MASTER, sentinels.addresses());
    on(&WRONG_PASSWORD_OF_SENTINELS, watched().password(RIGHT).sentinel_password(WRONG).connect().unwrap());
    on(&WRONG_PASSWORD_OF_A_MASTER, watched().password(WRONG).sentinel_password(RIGHT).connect().unwrap());
    on(&WRONG_PASSWORD_OF_A_CLUSTER, Redis::cluster(cluster.addresses()).password(WRONG).connect().unwrap());
    on(&WRONG_CERTIFICATE, Redis::connect(&format!("rediss://:{WRONG}@localhost:{}", encrypted.port)).unwrap());
    on(&ASKED_FOR_A_CERTIFICATE, asking.asked_as("localhost"));
    on(&WRONG_NAME, encrypted.asked_as("127.0.0.1"));
    on(&NOT_ENCRYPTED, Redis::connect(&format!("rediss://:{WRONG}@localhost:{}", plain.port())).unwrap());
    on(&NO_CLUSTER, Redis::cluster([format!("localhost:{}", plain.port())]).connect().unwrap());
    on(&FINE, encrypted.asked_as("localhost"));
    on(&AWAY, Redis::connect(&format!("redis://localhost:{}", free_port())).unwrap());
    NO_MEMCACHED
        .configure(|region| region.backend(Memcached::connect(&format!("127.0.0.1:{}", plain.port())).unwrap()))
        .unwrap();

    let told = check().unwrap_err().to_string();
    let lines: Vec<&str> = told.lines().collect();
    for (region, why) in [
        ("wrong password", "WRONGPASS"),
        ("wrong password of sentinels", "WRONGPASS"),
        ("wrong password of a master", "WRONGPASS"),
        ("wrong password of a cluster", "WRONGPASS"),
        ("wrong certificate", "TLS"),
        ("asked for a certificate", "TLS"),
        ("wrong name", "TLS"),
        ("not encrypted", "does not encrypt"),
        ("no memcached", "not one of memcached"),
        ("no cluster", "no part of a cluster"),
    ] {
        let named = format!("`{region}`");
        assert!(lines.iter().any(|line| line.contains(&named) && line.contains(why)), "{region}: {told}");
    }
    assert!(!told.contains(WRONG) && !told.contains(RIGHT), "{told}");
    assert!(!told.contains("`fine`") && !told.contains("`away`"), "{told}");
}
