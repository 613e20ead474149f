//! Another process that a test has to do with: the test's own program once more.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::poll_until;

/// Tells a process what it is to do.
const ORDER: &str = "CACHEKIT_TESTS_ORDER";

/// What each line begins with that a process says, among those that the harness of tests prints.
const SAID: &str = "said: ";

/// This program once more, which runs one of its tests only, and that with an order; killed when it is dropped.
///
/// The test asks for its [`order`](Self::order), and does nothing where there is none.
#[derive(Debug)]
pub struct Process {
    child: Child,
    told: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Process {
    /// Starts the process with the test that it runs, named with its modules, and what that is to do.
    ///
    /// # Panics
    ///
    /// When the system has no room for it.
    #[must_use]
    pub fn start(test: &str, order: &str) -> Self {
        let mut command = Command::new(env::current_exe().expect("this program has a path"));
        command.args(["--exact", test, "--nocapture"]).env(ORDER, order);
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.expect("the program starts once more");
        let (told, said) = (child.stdin.take(), child.stdout.take());
        let (told, said) = (told.expect("it was piped"), said.expect("it was piped"));
        Self { child, told, said: BufReader::new(said) }
    }

    /// What this process is to do, if it is one that a test has started.
    #[must_use]
    pub fn order() -> Option<String> {
        env::var(ORDER).ok()
    }

    /// Says something to the test that has started this process.
    pub fn say(line: &str) {
        println!("{SAID}{line}");
    }

    /// Waits for what the test that has started this process tells it.
    ///
    /// # Panics
    ///
    /// When that test is gone.
    #[must_use]
    pub fn listen() -> String {
        let mut line = String::new();
        let length = std::io::stdin().read_line(&mut line).expect("the test can be listened to");
        assert_ne!(length, 0, "the test is gone");
        line.trim_end().to_owned()
    }

    /// The number that the system knows it by.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it something.
    ///
    /// # Panics
    ///
    /// When the process is gone.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.told, "{line}").expect("the process listens");
    }

    /// Waits for what it says next.
    ///
    /// # Panics
    ///
    /// When the process is gone.
    #[must_use]
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let length = self.said.read_line(&mut line).expect("the process can be listened to");
            assert_ne!(length, 0, "the process is gone");
            // The harness says the name of the test before the first of them, on the same line.
            if let Some((_, said)) = line.split_once(SAID) {
                return said.trim_end().to_owned();
            }
        }
    }

    /// Waits until it ends.
    ///
    /// # Panics
    ///
    /// When its test fails, or does not end.
    pub fn await_end(mut self) {
        let status = poll_until("the process ends", || self.child.try_wait().expect("its end can be asked for"));
        assert!(status.success(), "{status}");
    }

    /// Ends it as the kernel does: nothing of its own runs any more.
    ///
    /// # Panics
    ///
    /// When the system does not let it.
    pub fn kill(mut self) {
        self.child.kill().expect("a process can be killed");
        self.child.wait().expect("a killed process ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Stops a process as it stands, and returns when all of its threads do nothing any more.
pub(crate) fn stop(process: &Child) {
    let id = Pid::from_child(process);
    let stopped = kill_process(id, Signal::STOP).and_then(|()| waitpid(Some(id), WaitOptions::UNTRACED));
    stopped.expect("a process that runs can be stopped");
}

/// Has a stopped process go on.
pub(crate) fn resume(process: &Child) {
    let _ = kill_process(Pid::from_child(process), Signal::CONT);
}
