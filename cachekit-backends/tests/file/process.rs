//! Another process, which does what it is told: the test binary once more, with its standard input for orders.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use cachekit::backend::{Acquired, Backend, Claim, Content, Context, Lease, Put, Token};
use cachekit_backends::file::FileStore;
use pollster::block_on;

/// Says to a process that it is one, and where its folder is.
const FOLDER: &str = "CACHEKIT_TESTS_FOLDER";

/// What an answer begins with, among the lines that the harness of tests prints.
const ANSWER: &str = "answer: ";

pub(super) struct Process {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    pub(super) fn start(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process::obey", "--nocapture"])
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (orders, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, orders, answers: BufReader::new(answers) }
    }

    pub(super) fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.answer()
    }

    pub(super) fn tell(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    pub(super) fn answer(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.answers.read_line(&mut line).unwrap(), 0, "the process is gone");
            // The harness says the name of the test before the first answer, on the same line.
            if let Some((_, answer)) = line.split_once(ANSWER) {
                return answer.trim_end().to_owned();
            }
        }
    }

    /// Ends it as the kernel does: nothing of its own runs any more.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What such a process does; as a test it does nothing.
#[test]
fn obey() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = FileStore::new(folder);
    for order in std::io::stdin().lines() {
        println!("{ANSWER}{}", carry_out(&store, &order.unwrap()));
    }
}

fn carry_out(store: &FileStore, order: &str) -> String {
    let context = Context::blocking(Duration::from_secs(60));
    let bytes = |text: &str| Content::from(text.as_bytes().to_vec());
    let token = |text: &str| Token(text.parse().unwrap());
    match order.split(' ').collect::<Vec<_>>()[..] {
        ["get", key] => {
            let found = block_on(store.get(key, context)).unwrap();
            found.map_or("nothing".to_owned(), |found| String::from_utf8_lossy(found.as_bytes().unwrap()).into_owned())
        }
        ["set", key, value] => {
            let put = Put { key, content: &bytes(value), keep: None };
            format!("{:?}", block_on(store.set(put, context)).unwrap())
        }
        ["delete", key] => format!("{:?}", block_on(store.delete(key, context)).unwrap()),
        ["acquire", key, of] => {
            let lease = Lease { token: token(of), length: Duration::from_secs(3600) };
            format!("{:?}", block_on(store.acquire(key, lease, Claim::Unseen(&[]), context)).unwrap())
        }
        ["commit", key, value, of] => {
            let put = Put { key, content: &bytes(value), keep: None };
            block_on(store.commit(put, token(of), context)).unwrap().to_string()
        }
        ["replace", key, times] => {
            for byte in (b'a'..=b'z').cycle().take(times.parse().unwrap()) {
                let put = Put { key, content: &Content::from(vec![byte; 100_000]), keep: None };
                block_on(store.set(put, context)).unwrap();
            }
            "replaced".to_owned()
        }
        ["count", key, times, of] => {
            count(store, key, times.parse().unwrap(), token(of));
            "counted".to_owned()
        }
        _ => panic!("`{order}` is no order"),
    }
}

/// Adds one under a lease until it was the one to do so so many times.
pub(super) fn count(store: &FileStore, key: &str, times: u32, token: Token) {
    let context = Context::blocking(Duration::from_secs(60));
    let lease = Lease { token, length: Duration::from_secs(3600) };
    let mut left = times;
    while left > 0 {
        let seen = block_on(store.get(key, context)).unwrap();
        let seen = seen.as_ref().and_then(Content::as_bytes).unwrap_or_default();
        let acquired = block_on(store.acquire(key, lease, Claim::Unseen(Claim::seen(seen)), context)).unwrap();
        if let Acquired::Granted = acquired {
            let old = seen.try_into().map_or(0, u64::from_le_bytes);
            let new = Content::from((old + 1_u64).to_le_bytes().to_vec());
            assert!(block_on(store.commit(Put { key, content: &new, keep: None }, token, context)).unwrap());
            left -= 1;
        }
    }
}
