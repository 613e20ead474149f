use cachekit::{Error, Invalidation, Region};

fn region() -> Region {
    Region::builder("hand").build().unwrap()
}

#[test]
fn set_get_and_delete() -> Result<(), Error> {
    let region = region();
    assert_eq!(region.get::<String>("k")?, None);
    region.set("k", &"value".to_owned())?;
    assert_eq!(region.get::<String>("k")?.as_deref(), Some("value"));
    region.delete("k")?;
    region.delete("k")?;
    assert_eq!(region.get::<String>("k")?, None);
    Ok(())
}

#[test]
fn a_live_value_of_another_type_is_an_error_that_names_both() -> Result<(), Error> {
    let region = region();
    region.set("k", &1_u64)?;
    let error = region.get::<String>("k").unwrap_err();
    assert!(error.is_type_mismatch());
    let text = error.to_string();
    assert!(text.contains("u64") && text.contains("String") && text.contains("`k`"), "{text}");
    assert_eq!(region.get_or_create("k", || "replaced".to_owned()), "replaced");
    assert_eq!(region.get::<String>("k")?.as_deref(), Some("replaced"));
    assert_eq!(region.stats().entries, 1);
    Ok(())
}

#[test]
fn many_at_once_in_order() -> Result<(), Error> {
    let region = region();
    region.set_many([("a", &1_u64), ("c", &3)])?;
    assert_eq!(region.get_many::<u64>(&["a", "b", "c"])?, [Some(1), None, Some(3)]);
    region.delete_many(["a", "b"])?;
    assert_eq!(region.get_many::<u64>(["a".to_owned(), "c".to_owned()])?, [None, Some(3)]);
    Ok(())
}

#[test]
fn an_error_is_not_stored_and_may_be_of_any_type() {
    struct Unique;
    let region = region();
    assert!(region.try_get_or_create("k", || Err::<u64, _>(Unique)).is_err());
    assert!(matches!(region.try_get_or_create("k", || Ok::<_, Unique>(2_u64)), Ok(2)));
    assert!(matches!(region.try_get_or_create::<u64, Unique>("k", || unreachable!()), Ok(2)));
}

#[test]
fn invalidation_covers_entries_by_hand() -> Result<(), Error> {
    let region = region();
    for how in [Invalidation::Hard, Invalidation::Soft] {
        region.set("k", &1_u64)?;
        region.invalidate(how)?;
        assert_eq!(region.get::<u64>("k")?, None, "{how:?}");
        assert_eq!(region.get_or_create("k", || 2_u64), 2);
        assert_eq!(region.get::<u64>("k")?, Some(2));
    }
    Ok(())
}

#[test]
fn a_hard_invalidation_frees_memory_at_once() -> Result<(), Error> {
    let region = region();
    let value = std::sync::Arc::new(());
    region.get_or_create("held", || Counted(value.clone()));
    region.invalidate(Invalidation::Hard)?;
    assert_eq!(region.stats().entries, 0);
    Ok(())
}

/// A value that shows by its reference count whether it is still somewhere.
#[derive(Clone)]
struct Counted(#[expect(dead_code)] std::sync::Arc<()>);

impl serde::Serialize for Counted {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> serde::Deserialize<'de> for Counted {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer).map(|()| Self(std::sync::Arc::default()))
    }
}

#[tokio::test]
async fn each_has_a_twin_for_tasks() -> Result<(), Error> {
    let region = region();
    region.set_async("k", &1_u64).await?;
    assert_eq!(region.get_async::<u64>("k").await?, Some(1));
    region.delete_async("k").await?;
    assert_eq!(region.get_or_create_async("k", || async { 2_u64 }).await, 2);
    assert_eq!(region.try_get_or_create_async("e", || async { Err::<u64, _>("no") }).await, Err("no"));
    region.set_many_async([("a", &1_u64)]).await?;
    assert_eq!(region.get_many_async::<u64>(&["a", "b"]).await?, [Some(1), None]);
    region.delete_many_async(&["a"]).await?;
    region.invalidate_async(Invalidation::Hard).await?;
    assert_eq!(region.get_async::<u64>("k").await?, None);
    Ok(())
}

#[test]
fn what_is_counted_adds_up() -> Result<(), Error> {
    let region = region();
    region.get_or_create("k", || 1_u64);
    region.get_or_create("k", || 1_u64);
    std::thread::scope(|scope| {
        scope.spawn(|| region.get_or_create("k", || 1_u64));
    });
    let _ = region.try_get_or_create("e", || Err::<u64, _>(()));
    region.delete("k")?;
    let stats = region.stats();
    assert_eq!((stats.hits, stats.misses, stats.creations, stats.creation_failures), (2, 2, 1, 1));
    assert_eq!((stats.invalidations, stats.entries, stats.stale_hits, stats.coalesced), (1, 0, 0, 0));
    Ok(())
}
