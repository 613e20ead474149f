//! A `memcached` of one's own.

use std::env;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::geteuid;

use crate::process::{resume, stop};
use crate::{free_port, poll_until};

/// A real memcached, empty, on a port of the loopback interface; killed when it is dropped.
#[derive(Debug)]
pub struct MemcachedServer {
    port: u16,
    arguments: Vec<String>,
    process: Child,
}

impl MemcachedServer {
    /// One as it is without arguments.
    ///
    /// # Panics
    ///
    /// When there is no `memcached`, or it does not come up.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with([""; 0])
    }

    /// One that is started with these arguments beside its own.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with(arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let arguments: Vec<String> = arguments.into_iter().map(Into::into).collect();
        // Between asking for a free port and taking it somebody else may have taken it.
        let mut servers = std::iter::repeat_with(|| {
            let port = free_port();
            Self { port, arguments: arguments.clone(), process: spawn(port, &arguments) }
        });
        let server = servers.by_ref().take(16).find_map(|mut server| server.comes_up().then_some(server));
        server.expect("memcached finds a free port")
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it is, as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("memcached://{}", self.address())
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it as it stands: connections to it come up, and nothing is answered.
    pub fn stop(&self) {
        stop(&self.process);
    }

    /// Has it go on.
    pub fn resume(&self) {
        resume(&self.process);
    }

    /// Kills it; what it held is lost.
    ///
    /// # Panics
    ///
    /// When the system does not let it.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        self.process.wait().expect("a killed process ends");
    }

    /// Starts it again, empty, on the same port.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub fn restart(&mut self) {
        self.kill();
        self.process = spawn(self.port, &self.arguments);
        assert!(self.comes_up(), "memcached did not come up again on port {}", self.port);
    }

    /// Sends commands, each with the end of its line; the answers as the protocol has them.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    #[expect(clippy::must_use_candidate, reason = "most are sent for what they do")]
    pub fn command(&self, text: &str) -> String {
        self.try_command(text).expect("memcached answers")
    }

    fn try_command(&self, text: &str) -> Option<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        stream.write_all(text.as_bytes()).ok()?;
        stream.write_all(b"quit\r\n").ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        (!answer.is_empty()).then(|| String::from_utf8_lossy(&answer).into_owned())
    }

    /// Whether it answers, rather than having ended because somebody else has the port.
    fn comes_up(&mut self) -> bool {
        let process = self.process.id();
        poll_until("memcached starts", || {
            if self.process.try_wait().ok().flatten().is_some() {
                return Some(false);
            }
            // Whoever else has the port answers otherwise.
            self.try_command("stats\r\n").map(|answer| answer.contains(&format!("STAT pid {process}\r\n")))
        })
    }
}

impl Drop for MemcachedServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(port: u16, arguments: &[String]) -> Child {
    let mut command = Command::new(env::var_os("MEMCACHED_BIN").unwrap_or_else(|| "memcached".into()));
    command.args(["-l", "127.0.0.1", "-U", "0", "-p", &port.to_string()]).args(arguments);
    if geteuid().is_root() {
        // It does not run as root unless it is told to.
        command.args(["-u", "root"]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| {
        let program = command.get_program().display();
        panic!("`{program}` cannot be started ({error}): install memcached, on Debian `apt-get install memcached`")
    })
}
