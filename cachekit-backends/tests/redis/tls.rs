//! Encrypted connections, to a server with certificates that the test has made.

use std::fs;
use std::path::PathBuf;

use cachekit::testing::Conformance;
use cachekit_backends::redis::{Redis, Tls};
use cachekit_test_servers::{MASTER, RedisCluster, RedisServer, Sentinels, free_port};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::support::{callers, get, set};

/// A server that encrypts, and who has signed its certificate.
struct Encrypted {
    server: RedisServer,
    port: u16,
    authority: Authority,
    _files: TempDir,
}

struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate for somebody of these names, and its key.
    fn sign<const N: usize>(&self, names: [&str; N]) -> [String; 2] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names.map(str::to_owned)).unwrap();
        params.distinguished_name.push(DnType::CommonName, names[0]);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        [certificate.pem(), key.serialize_pem()]
    }

    /// The files of a certificate for somebody of these names, of its key, and of the authority's certificate.
    fn files<const N: usize>(&self, names: [&str; N]) -> (TempDir, [String; 3]) {
        let (files, [certificate, key]) = (TempDir::new().unwrap(), self.sign(names));
        let texts = [("server.pem", &certificate), ("server.key", &key), ("ca.pem", &self.certificate)];
        let paths = texts.map(|(name, text)| {
            let path: PathBuf = files.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        });
        (files, paths)
    }

    fn trusted(&self) -> Tls {
        Tls::new().roots(self.certificate.as_str())
    }
}

impl Encrypted {
    fn start(asks_for_certificates: bool) -> Self {
        let (authority, port) = (Authority::new(), free_port());
        let (files, [certificate, key, roots]) = authority.files(["localhost"]);
        let asks = if asks_for_certificates { "yes" } else { "no" };
        let server = RedisServer::start_with([
            "--tls-port".to_owned(),
            port.to_string(),
            "--tls-cert-file".to_owned(),
            certificate,
            "--tls-key-file".to_owned(),
            key,
            "--tls-ca-cert-file".to_owned(),
            roots,
            "--tls-auth-clients".to_owned(),
            asks.to_owned(),
        ]);
        Self { server, port, authority, _files: files }
    }

    fn url(&self) -> String {
        format!("rediss://localhost:{}", self.port)
    }
}

fn works(redis: &Redis) {
    for caller in callers() {
        set(redis, "k", "v", caller).unwrap();
        assert_eq!(get(redis, "k", caller).unwrap().as_deref(), Some("v"));
    }
}

/// No caller gets through, and why not is told.
fn is_refused(redis: &Redis, why: &str) {
    for caller in callers() {
        let error = get(redis, "k", caller).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains(why), "{error}");
    }
}

#[test]
fn the_suite_passes_over_encrypted_connections() {
    let encrypted = Encrypted::start(false);
    let connect = || Redis::connect_with_tls(&encrypted.url(), encrypted.authority.trusted()).unwrap();
    Conformance::new(connect).shared().run();
}

#[test]
fn who_asks_says_so_by_a_certificate() {
    let encrypted = Encrypted::start(true);
    let trusted = || encrypted.authority.trusted();
    let [certificate, key] = encrypted.authority.sign(["me"]);
    let own = trusted().certificate(certificate, key.clone());
    let shown = format!("{own:?}");
    works(&Redis::connect_with_tls(&encrypted.url(), own).unwrap());
    assert!(!shown.contains("KEY") && !shown.contains(&key), "{shown}");
    is_refused(&Redis::connect_with_tls(&encrypted.url(), trusted()).unwrap(), "CertificateRequired");
    let [certificate, key] = Authority::new().sign(["me"]);
    is_refused(&Redis::connect_with_tls(&encrypted.url(), trusted().certificate(certificate, key)).unwrap(), "alert");
}

#[test]
fn a_server_that_nobody_vouches_for_is_refused() {
    let encrypted = Encrypted::start(false);
    is_refused(&Redis::connect(&encrypted.url()).unwrap(), "certificate");
    is_refused(&Redis::connect_with_tls(&encrypted.url(), Authority::new().trusted()).unwrap(), "certificate");
    let by_address = encrypted.url().replace("localhost", "127.0.0.1");
    is_refused(&Redis::connect_with_tls(&by_address, encrypted.authority.trusted()).unwrap(), "not valid for name");
}

#[test]
fn a_server_that_does_not_encrypt_is_refused() {
    let encrypted = Encrypted::start(false);
    let plain = format!("rediss://localhost:{}", encrypted.server.port());
    is_refused(&Redis::connect_with_tls(&plain, encrypted.authority.trusted()).unwrap(), "TLS");
}

#[test]
fn certificates_that_cannot_be_read_are_refused() {
    let told = |tls: Tls| Redis::connect_with_tls("rediss://localhost", tls).unwrap_err();
    let [certificate, _] = Authority::new().sign(["me"]);
    for tls in [Tls::new().roots("hunter2"), Tls::new().certificate(certificate, "hunter2")] {
        let error = told(tls);
        assert!(error.is_refused() && !error.to_string().contains("hunter2"), "{error}");
    }
    let plain =
        Redis::connect_with_tls("redis://localhost", Tls::new().roots(Authority::new().certificate)).unwrap_err();
    assert!(plain.to_string().contains("rediss://"), "{plain}");
}

#[test]
fn sentinels_and_the_servers_that_they_name_are_asked_over_encrypted_connections() {
    let authority = Authority::new();
    // Sentinels name servers by their addresses.
    let (_files, paths) = authority.files(["localhost", "127.0.0.1"]);
    let servers = Sentinels::start_with_tls(paths.each_ref().map(String::as_str));
    let sentinels = || Redis::sentinels(MASTER, servers.addresses());
    works(&sentinels().tls(authority.trusted()).connect().unwrap());
    works(&sentinels().tls(authority.trusted()).read_from_replicas().connect().unwrap());
    is_refused(&sentinels().tls(Authority::new().trusted()).connect().unwrap(), "TLS");
}

#[test]
fn the_servers_of_a_cluster_are_asked_over_encrypted_connections() {
    let authority = Authority::new();
    let (_files, paths) = authority.files(["127.0.0.1"]);
    let servers = RedisCluster::start_with_tls(paths.each_ref().map(String::as_str));
    let cluster =
        |authority: &Authority| Redis::cluster(servers.addresses()).tls(authority.trusted()).connect().unwrap();
    let redis = cluster(&authority);
    works(&redis);
    for number in 0..20 {
        for caller in callers() {
            set(&redis, &number.to_string(), "v", caller).unwrap();
        }
    }
    is_refused(&cluster(&Authority::new()), "TLS");
}
