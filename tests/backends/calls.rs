//! One caller after the other, in several processes.

use std::time::Duration;

use cachekit::{Invalidation, Key};

use crate::support::{Counted, Processes, TTL};

#[test]
fn what_one_process_computes_others_read() {
    let (processes, made) = (Processes::new(), Counted::default());
    let (one, other) = (processes.region(), processes.region());
    assert_eq!(one.get_or_create("k", || made.run()), 1);
    assert_eq!(other.get_or_create("k", || made.run()), 1);
    assert_eq!(other.get::<u64>("k").unwrap(), Some(1));
    assert_eq!(made.runs(), 1);
    assert_eq!((one.stats().misses, one.stats().creations, other.stats().hits), (1, 1, 2));
}

#[test]
fn what_one_process_invalidates_is_gone_for_others() {
    let (processes, made) = (Processes::new(), Counted::default());
    let (one, other) = (processes.region(), processes.region());
    let call = |expected| {
        assert_eq!(one.get_or_create(Key::from("k").tagged(["tag"]), || made.run()), expected);
        assert_eq!(other.get_or_create(Key::from("k").tagged(["tag"]), || made.run()), expected);
    };
    call(1);
    other.delete("k").unwrap();
    call(2);
    other.invalidate(Invalidation::Hard).unwrap();
    call(3);
    one.invalidate_tag("tag").unwrap();
    call(4);
    one.set("k", &10_u64).unwrap();
    call(10);
    assert_eq!(made.runs(), 4);
}

#[test]
fn a_soft_invalidation_keeps_the_value_for_those_who_meet_its_renewal() {
    let (processes, made) = (Processes::new(), Counted::default());
    let (one, other) = (processes.region(), processes.region());
    one.get_or_create("k", || made.run());
    other.invalidate(Invalidation::Soft).unwrap();
    let value = one.get_or_create("k", || {
        assert_eq!(other.get_or_create("k", || made.run()), 1, "served the old value");
        made.run()
    });
    assert_eq!((value, other.get_or_create("k", || made.run())), (2, 2));
}

#[test]
fn a_value_past_its_ttl_is_renewed_once() {
    let (processes, made) = (Processes::new(), Counted::default());
    let (one, other) = (processes.region(), processes.region());
    one.get_or_create("k", || made.run());
    processes.clock.advance(TTL);
    assert_eq!(other.get::<u64>("k").unwrap(), None);
    let value = one.get_or_create("k", || {
        assert_eq!(other.get_or_create("k", || made.run()), 1, "served the old value");
        made.run()
    });
    assert_eq!((value, other.get_or_create("k", || made.run()), made.runs()), (2, 2, 2));
}

#[test]
fn a_computation_that_another_process_has_overtaken_is_not_stored() {
    let (processes, made) = (Processes::new(), Counted::default());
    let (one, other) = (processes.region(), processes.region());
    for invalidate in [
        &|| other.delete("k").unwrap() as (),
        &|| other.invalidate(Invalidation::Hard).unwrap(),
        &|| other.invalidate_tag("tag").unwrap(),
        &|| other.set("k", &100_u64).unwrap(),
    ] as [&dyn Fn(); 4]
    {
        let runs = made.runs();
        one.delete("k").unwrap();
        let value = one.get_or_create(Key::from("k").tagged(["tag"]), || {
            invalidate();
            made.run()
        });
        assert_eq!(value, runs + 1, "its own caller gets it");
        let next = one.get_or_create(Key::from("k").tagged(["tag"]), || made.run());
        assert!(next == runs + 2 || next == 100, "{next}");
    }
}

#[test]
fn values_are_kept_in_the_process_as_long_as_the_region_says() {
    let (processes, made) = (Processes::new(), Counted::default());
    let (one, other) = (processes.with(|region| region.near(Duration::from_secs(5))), processes.region());
    one.get_or_create("k", || made.run());
    other.set("k", &10_u64).unwrap();
    assert_eq!(one.get_or_create("k", || made.run()), 1, "within 5 s");
    processes.clock.advance(Duration::from_secs(5));
    assert_eq!(one.get_or_create("k", || made.run()), 10);
    one.set("k", &11_u64).unwrap();
    assert_eq!(one.get_or_create("k", || made.run()), 11, "its own at once");
    one.delete("k").unwrap();
    assert_eq!(one.get_or_create("k", || made.run()), 2);
    one.invalidate(Invalidation::Hard).unwrap();
    assert_eq!(one.get_or_create("k", || made.run()), 3);
}

#[test]
fn what_is_kept_in_the_process_leaves_it_as_others_come() {
    let processes = Processes::new();
    let near = Duration::from_secs(5);
    let one = processes.with(|region| region.near(near).ttl(Duration::from_hours(24)).capacity(usize::MAX));
    for number in 0..1_000_u64 {
        one.get_or_create(format!("old {number}"), || number);
    }
    // As long again as it is fresh, an old value may be of use.
    processes.clock.advance(2 * near);
    for number in 0..2_000_u64 {
        one.get_or_create(format!("new {number}"), || number);
    }
    assert_eq!(one.stats().entries, 2_000);
}

#[test]
fn many_keys_are_read_and_written_at_once() {
    let processes = Processes::new();
    let (one, other) = (processes.region(), processes.region());
    one.set_many([("a", &1_u64), ("b", &2)]).unwrap();
    assert_eq!(other.get_many::<u64>(["b", "c", "a"]).unwrap(), [Some(2), None, Some(1)]);
    other.delete_many(["a", "b"]).unwrap();
    assert_eq!(one.get_many::<u64>(["a", "b"]).unwrap(), [None, None]);
}

#[tokio::test]
async fn tasks_share_what_threads_store() {
    let (processes, made) = (Processes::new(), Counted::default());
    let (one, other) = (processes.region(), processes.region());
    assert_eq!(one.get_or_create_async("k", || async { made.run() }).await, 1);
    assert_eq!(other.get_or_create("k", || made.run()), 1);
    other.delete_async("k").await.unwrap();
    assert_eq!(one.get_async::<u64>("k").await.unwrap(), None);
    one.set_async("k", &7_u64).await.unwrap();
    assert_eq!(other.get_or_create_async("k", || async { made.run() }).await, 7);
}

#[test]
fn a_failure_is_covered_by_the_old_value() {
    let processes = Processes::new();
    let one = processes.with(|region| region.stale_if_error(Duration::from_secs(1_000)));
    one.set("k", &1_u64).unwrap();
    processes.clock.advance(TTL);
    let call = || one.try_get_or_create("k", || Err::<u64, _>("down"));
    assert_eq!((call(), call()), (Ok(1), Ok(1)));
    assert_eq!(one.stats().creation_failures, 1, "the second call comes during the pause");
}
