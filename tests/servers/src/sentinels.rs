//! A master, a replica, and three sentinels that watch over them.

use std::fs;
use std::process::Child;

use tempfile::TempDir;

use crate::redis::{self, RedisServer};
use crate::{free_port, poll_until};

/// How the sentinels call the master.
pub const MASTER: &str = "mymaster";

/// The file that a sentinel keeps its settings in.
const SETTINGS: &str = "sentinel.conf";

/// After how many milliseconds of silence a sentinel takes the master for dead.
const DEAD_AFTER: &str = "500";

/// Two servers of which one is the master, and three sentinels; all are killed when it is dropped.
#[derive(Debug)]
pub struct Sentinels {
    /// The master, and its replica.
    pub servers: [RedisServer; 2],
    watchers: Vec<(Child, u16, TempDir)>,
    /// That of the sentinels.
    password: Option<String>,
    /// Where the sentinels take encrypted connections, if they do.
    encrypted: Vec<u16>,
}

/// What is special about servers and sentinels.
#[derive(Clone, Copy, Default)]
struct Settings<'a> {
    /// Of servers, and of sentinels.
    passwords: Option<[&'a str; 2]>,
    /// The files of a certificate, its key, and who has signed it.
    tls: Option<[&'a str; 3]>,
}

impl Sentinels {
    /// Starts all of them, and waits until each sentinel knows the others.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, or they do not come up.
    #[must_use]
    pub fn start() -> Self {
        Self::begin(Settings::default())
    }

    /// As [`start`](Self::start), where servers and sentinels ask for a password each.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with_passwords(of_servers: &str, of_sentinels: &str) -> Self {
        Self::begin(Settings { passwords: Some([of_servers, of_sentinels]), ..Settings::default() })
    }

    /// As [`start`](Self::start), where all that they say is encrypted, with the files of a certificate for `localhost` and
    /// `127.0.0.1`, its key, and who has signed it.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with_tls(files: [&str; 3]) -> Self {
        Self::begin(Settings { tls: Some(files), ..Settings::default() })
    }

    fn begin(settings: Settings<'_>) -> Self {
        let Settings { passwords, tls } = settings;
        let ports = [free_port(), free_port()];
        let server = |port: u16| match (passwords, tls) {
            (Some([password, _]), _) => RedisServer::start_with_password(password),
            (None, Some(files)) => {
                let arguments = encryption(port, files).map(|(name, value)| [format!("--{name}"), value]);
                RedisServer::start_with(arguments.concat())
            }
            (None, None) => RedisServer::start(),
        };
        let servers = ports.map(server);
        let master = if tls.is_some() { ports[0] } else { servers[0].port() };
        let master = master.to_string();
        servers[1].command(&["REPLICAOF", "127.0.0.1", &master]);
        poll_until("the replica follows", || {
            servers[1].command(&["INFO", "replication"]).contains("master_link_status:up").then_some(())
        });
        let encrypted: Vec<u16> = tls.iter().flat_map(|_| [free_port(), free_port(), free_port()]).collect();
        let watchers = (0..3).map(|place| sentinel(&master, settings, encrypted.get(place).copied())).collect();
        let password = passwords.map(|[_, password]| password.to_owned());
        let started = Self { servers, watchers, password, encrypted };
        poll_until("the sentinels find one another", || {
            let knows = |port: u16| {
                let seen = started.ask(port, &["SENTINEL", "MASTER", MASTER]);
                seen.contains("num-other-sentinels\r\n$1\r\n2") && seen.contains("num-slaves\r\n$1\r\n1")
            };
            started.ports().all(knows).then_some(())
        });
        started
    }

    /// Where the sentinels are, as `host:port`.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        if !self.encrypted.is_empty() {
            return self.encrypted.iter().map(|port| format!("localhost:{port}")).collect();
        }
        self.ports().map(|port| format!("127.0.0.1:{port}")).collect()
    }

    /// Kills the sentinels.
    ///
    /// # Panics
    ///
    /// When the system does not let it.
    pub fn kill_sentinels(&mut self) {
        for (process, ..) in &mut self.watchers {
            let _ = process.kill();
            process.wait().expect("a killed process ends");
        }
    }

    /// Starts them again, as they were.
    ///
    /// # Panics
    ///
    /// When they do not come up.
    pub fn restart_sentinels(&mut self) {
        for (process, port, directory) in &mut self.watchers {
            *process = spawn(directory);
            assert!(comes_up(process, *port, self.password.as_deref()), "a sentinel did not come up again");
        }
    }

    /// The port of the master that the first sentinel names.
    ///
    /// # Panics
    ///
    /// When it names none.
    #[must_use]
    pub fn master(&self) -> u16 {
        let port = self.ports().next().expect("there are three");
        let named = self.ask(port, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER]);
        named.trim_end().rsplit("\r\n").next().and_then(|port| port.parse().ok()).expect("it names a port")
    }

    /// Waits until a sentinel names this server.
    ///
    /// # Panics
    ///
    /// When none does in time.
    pub fn await_master(&self, port: u16) {
        poll_until("the fail-over", || (self.master() == port).then_some(()));
    }

    fn ask(&self, port: u16, words: &[&str]) -> String {
        redis::command_at(port, self.password.as_deref(), words).expect("a sentinel answers")
    }

    fn ports(&self) -> impl Iterator<Item = u16> {
        self.watchers.iter().map(|(_, port, _)| *port)
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        for (process, ..) in &mut self.watchers {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The settings of who takes encrypted connections at a port, and talks to others by them.
pub(crate) fn encryption(port: u16, [certificate, key, authority]: [&str; 3]) -> [(&'static str, String); 7] {
    [
        ("tls-port", port.to_string()),
        ("tls-cert-file", certificate.to_owned()),
        ("tls-key-file", key.to_owned()),
        ("tls-ca-cert-file", authority.to_owned()),
        ("tls-replication", "yes".to_owned()),
        ("tls-cluster", "yes".to_owned()),
        ("tls-auth-clients", "no".to_owned()),
    ]
}

fn sentinel(master: &str, settings: Settings<'_>, encrypted: Option<u16>) -> (Child, u16, TempDir) {
    let Settings { passwords, tls } = settings;
    let encryption = tls
        .zip(encrypted)
        .map(|(files, port)| encryption(port, files).map(|(name, value)| format!("{name} {value}\n")).concat());
    let encryption = encryption.unwrap_or_default();
    let password = passwords.map(|[_, of_sentinels]| of_sentinels);
    let secrets = passwords.map(|[of_servers, of_sentinels]| {
        format!(
            "sentinel auth-pass {MASTER} {of_servers}\nrequirepass {of_sentinels}\nsentinel sentinel-pass {of_sentinels}\n"
        )
    });
    let secrets = secrets.unwrap_or_default();
    // Between asking for a free port and taking it somebody else may have taken it.
    let mut sentinels = std::iter::repeat_with(|| {
        let directory = TempDir::with_prefix("cachekit-sentinel-").expect("there is a place for temporary files");
        let port = free_port();
        let settings = format!(
            "port {port}\nbind 127.0.0.1\ndir {directory}\n\
             sentinel monitor {MASTER} 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds {MASTER} {DEAD_AFTER}\n\
             sentinel failover-timeout {MASTER} 2000\n{secrets}{encryption}",
            directory = directory.path().display()
        );
        fs::write(directory.path().join(SETTINGS), settings).expect("a temporary file can be written");
        let process = spawn(&directory);
        (process, port, directory)
    });
    let started = sentinels.by_ref().take(16).find_map(|(mut process, port, directory)| {
        comes_up(&mut process, port, password).then_some((process, port, directory))
    });
    started.expect("a sentinel finds a free port")
}

fn spawn(directory: &TempDir) -> Child {
    redis::begun(redis::program().arg(directory.path().join(SETTINGS)).arg("--sentinel"))
}

/// Whether it answers, rather than having ended because somebody else has the port.
fn comes_up(process: &mut Child, port: u16, password: Option<&str>) -> bool {
    let itself = format!("process_id:{}\r\n", process.id());
    poll_until("a sentinel starts", || {
        if process.try_wait().ok().flatten().is_some() {
            return Some(false);
        }
        let server = redis::command_at(port, password, &["INFO", "server"])?;
        server.contains(&itself).then_some(true)
    })
}
