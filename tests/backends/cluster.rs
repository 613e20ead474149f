//! Several nodes in virtual time, with many callers each.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use cachekit::testing::{Cluster, waiting};
use cachekit_backends::memory::Memory;

use crate::support::{Counted, Gate, TTL, until};

/// The longest pause of those who wait for another node.
const POLL: Duration = Duration::from_millis(200);

fn cluster() -> Cluster {
    Cluster::new(4, |clock| Memory::new().clock(clock.clone()), |node| node.ttl(TTL)).unwrap()
}

/// Moves the time until all have ended.
fn join<T>(cluster: &Cluster, callers: Vec<thread::JoinHandle<T>>) -> Vec<T> {
    while callers.iter().any(|caller| !caller.is_finished()) {
        cluster.advance(POLL);
        // Who has been woken by that is to come before the next.
        thread::park_timeout(Duration::from_millis(2));
    }
    callers.into_iter().map(|caller| caller.join().unwrap()).collect()
}

#[test]
fn callers_of_all_nodes_on_a_cold_key_compute_once() {
    let (cluster, made, gate) = (cluster(), Arc::new(Counted::default()), Arc::new(Gate::default()));
    let caller = |node: usize| {
        let (region, made, gate) = (cluster.node(node).clone(), Arc::clone(&made), Arc::clone(&gate));
        thread::spawn(move || {
            region.get_or_create("k", || {
                gate.pass();
                made.run()
            })
        })
    };
    let callers: Vec<_> = (0..32).map(|caller_number| caller(caller_number % 4)).collect();
    gate.wait_for_somebody();
    // Time that passes before they have come would have leases lapse, and values too.
    let waiting = || cluster.nodes().iter().map(|node| waiting(node, "k")).sum::<usize>();
    until("all but one of each node wait", || waiting() == 28);
    gate.open();
    let is_done =
        |callers: &[thread::JoinHandle<u64>]| callers.iter().filter(|caller| caller.is_finished()).count() >= 8;
    until("one node has the value", || is_done(&callers));
    assert_eq!(join(&cluster, callers), [1; 32]);
    assert_eq!(made.runs(), 1);
}

#[test]
fn while_one_node_renews_a_value_nobody_else_waits() {
    let (cluster, made, gate) = (cluster(), Arc::new(Counted::default()), Arc::new(Gate::default()));
    cluster.node(0).set("k", &100_u64).unwrap();
    cluster.advance(TTL);
    let (told, answers) = channel();
    let callers: Vec<_> = (0..32)
        .map(|caller| {
            let (region, made, gate) = (cluster.node(caller % 4).clone(), Arc::clone(&made), Arc::clone(&gate));
            let told = told.clone();
            thread::spawn(move || {
                let value = region.get_or_create("k", || {
                    gate.pass();
                    made.run()
                });
                told.send(value).unwrap();
            })
        })
        .collect();
    // All but the one who computes, before that one may end, and without any time.
    for _ in 1..32 {
        assert_eq!(answers.recv().unwrap(), 100);
    }
    gate.open();
    assert_eq!(answers.recv().unwrap(), 1);
    join(&cluster, callers);
    assert_eq!((made.runs(), cluster.node(3).get::<u64>("k").unwrap()), (1, Some(1)));
}
