//! A program that ends does not wait for renewals in the background, not even for one that hangs.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use cachekit::testing::ManualClock;
use cachekit::{Region, cache_on_arguments, regions};

const MINUTE: Duration = Duration::from_secs(60);

regions! { static REPORTS = Region::builder("reports").ttl(MINUTE).refresh_ahead(0.5); }

#[cache_on_arguments(region = REPORTS, background, skip(hangs))]
fn report(id: u64, hangs: bool) -> u64 {
    if hangs {
        loop {
            std::thread::park();
        }
    }
    id
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("child") {
        return leave_a_renewal_behind();
    }
    // Under the runner of tests there are arguments of its own.
    if std::env::args().any(|argument| argument == "--list") {
        println!("exits: test");
        return ExitCode::SUCCESS;
    }
    let program = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(program).arg("child").spawn().expect("it starts again");
    let patience = Instant::now() + MINUTE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("its end can be asked for") {
            break status;
        }
        if Instant::now() > patience {
            let _ = child.kill();
            panic!("the program waits for its renewals");
        }
        std::thread::yield_now();
    };
    assert!(status.success(), "{status}");
    println!("a program ends while a renewal hangs: ok");
    ExitCode::SUCCESS
}

fn leave_a_renewal_behind() -> ExitCode {
    let clock = ManualClock::new();
    REPORTS.reconfigure(|r| r.clock(clock.clone())).expect("the settings make sense");
    assert_eq!(report(1, false), 1);
    clock.advance(MINUTE / 2);
    assert_eq!(report(1, true), 1);
    assert_eq!(REPORTS.stats().renewals, 1);
    ExitCode::SUCCESS
}
