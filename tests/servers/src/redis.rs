//! A `redis-server` of one's own.

use std::env;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::process::{resume, stop};
use crate::{free_port, poll_until};

/// A real Redis, empty, on a port of the loopback interface; killed when it is dropped.
#[derive(Debug)]
pub struct RedisServer {
    directory: TempDir,
    port: u16,
    password: Option<String>,
    arguments: Vec<String>,
    process: Child,
}

impl RedisServer {
    /// One that everybody may use.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, or it does not come up.
    #[must_use]
    pub fn start() -> Self {
        Self::begin(None, &[])
    }

    /// One that asks for a password.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with_password(password: &str) -> Self {
        Self::begin(Some(password), &[])
    }

    /// One that is started with these arguments beside its own.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with(arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let arguments: Vec<String> = arguments.into_iter().map(Into::into).collect();
        Self::begin(None, &arguments)
    }

    fn begin(password: Option<&str>, arguments: &[String]) -> Self {
        // Between asking for a free port and taking it somebody else may have taken it.
        let mut servers = std::iter::repeat_with(|| {
            let directory = TempDir::with_prefix("cachekit-redis-").expect("there is a place for temporary files");
            let port = free_port();
            let process = spawn(&directory, port, password, arguments);
            Self { directory, port, password: password.map(str::to_owned), arguments: arguments.to_vec(), process }
        });
        let server = servers.by_ref().take(16).find_map(|mut server| server.comes_up().then_some(server));
        server.expect("redis-server finds a free port")
    }

    /// Where it is, with the password.
    #[must_use]
    pub fn url(&self) -> String {
        let password = self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("redis://{password}127.0.0.1:{}", self.port)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port of its cluster's bus, where it was started with one.
    pub(crate) fn bus(&self) -> Option<&str> {
        let mut arguments = self.arguments.iter().skip_while(|argument| *argument != "--cluster-port");
        arguments.nth(1).map(String::as_str)
    }

    /// The path of its Unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Stops it as it stands: it accepts connections, and answers nothing.
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
        self.process = spawn(&self.directory, self.port, self.password.as_deref(), &self.arguments);
        assert!(self.comes_up(), "redis-server did not come up again on port {}", self.port);
    }

    /// Sends a command, each word as it is; the answer as the protocol has it.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    #[expect(clippy::must_use_candidate, reason = "most are sent for what they do")]
    pub fn command(&self, words: &[&str]) -> String {
        self.try_command(words).expect("redis-server answers")
    }

    fn try_command(&self, words: &[&str]) -> Option<String> {
        command_at(self.port, self.password.as_deref(), words)
    }

    /// Whether it answers, rather than having ended because somebody else has the port.
    fn comes_up(&mut self) -> bool {
        poll_until("redis-server starts", || {
            if self.process.try_wait().ok().flatten().is_some() {
                return Some(false);
            }
            self.try_command(&["PING"]).filter(|answer| answer == "+PONG\r\n").map(|_| true)
        })
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends a command to what listens on a port of the loopback interface.
pub(crate) fn command_at(port: u16, password: Option<&str>, words: &[&str]) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let auth = password.map(|password| ["AUTH", password]);
    for words in auth.as_ref().map(<[_; 2]>::as_slice).into_iter().chain([words]) {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
        }
        stream.write_all(&request).ok()?;
    }
    // A sentinel does not know `QUIT`.
    stream.shutdown(Shutdown::Write).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer);
    let answer = answer.strip_prefix(if auth.is_some() { "+OK\r\n" } else { "" })?.to_owned();
    (!answer.is_empty()).then_some(answer)
}

fn spawn(directory: &TempDir, port: u16, password: Option<&str>, arguments: &[String]) -> Child {
    let mut command = program();
    command.current_dir(directory.path());
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--unixsocket", "socket"]);
    command.args(["--save", "", "--appendonly", "no"]).args(arguments);
    if let Some(password) = password {
        command.args(["--requirepass", password, "--masterauth", password]);
    }
    begun(&mut command)
}

/// `redis-server`, with nothing to do yet.
pub(crate) fn program() -> Command {
    Command::new(env::var_os("REDIS_SERVER_BIN").unwrap_or_else(|| "redis-server".into()))
}

/// Starts it, with nothing to read and nobody to talk to.
pub(crate) fn begun(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| {
        let program = command.get_program().display();
        panic!("`{program}` cannot be started ({error}): install Redis, on Debian `apt-get install redis-server`")
    })
}
