use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cachekit::testing::ManualClock;
use cachekit::{Error, Key, KeyContext, Region, cache_on_arguments, generate, mangle, regions};

regions! {
    static GENERATED = Region::builder("generated");
    static REGION_GENERATED = Region::builder("region generated").key_generator(keywords);
}

fn keywords(context: &KeyContext<'_>) -> String {
    let arguments: Vec<String> = context.arguments().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}?{}", context.function(), arguments.join("&"))
}

#[test]
fn a_key_generator_makes_the_key() -> Result<(), Error> {
    #[cache_on_arguments(region = "generated", key_generator = keywords)]
    fn page(user: u64, name: &str) -> String {
        format!("{name} {user}")
    }

    assert_eq!(page::key(5, "ann").to_string(), r#"page?user=5&name="ann""#);
    assert_eq!(page(5, "ann"), "ann 5");
    assert_eq!(page::get(5, "ann")?.as_deref(), Some("ann 5"));
    assert_eq!(GENERATED.get::<String>(page::key(5, "ann"))?.as_deref(), Some("ann 5"));
    page::set(5, "ann", "set".into())?;
    assert_eq!(page(5, "ann"), "set");
    page::invalidate(5, "ann")?;
    assert_eq!(page(5, "ann"), "ann 5");
    Ok(())
}

#[test]
fn a_region_may_generate_the_keys_of_its_functions() -> Result<(), Error> {
    #[cache_on_arguments(region = "region generated")]
    fn page(user: u64) -> u64 {
        user
    }

    assert_eq!(page::key(5).to_string(), "page?user=5");
    assert_eq!(page(5), 5);
    assert_eq!(REGION_GENERATED.get::<u64>("page?user=5")?, Some(5));
    Ok(())
}

#[test]
fn keys_by_keywords_name_module_function_and_arguments() -> Result<(), Error> {
    struct Org {
        id: u64,
    }
    #[cache_on_arguments(region = "generated", key_generator = generate::keywords, version = 3)]
    fn page(user: u64, name: &str, limit: Option<u8>) -> String {
        format!("{name} {user} {limit:?}")
    }
    #[cache_on_arguments(region = "generated", key_generator = generate::keywords, key(org.id, page % 10))]
    fn members(org: &Org, page: u32) -> String {
        format!("{} {page}", org.id)
    }

    let module = module_path!();
    let key = page::key(5, "ann, lee", Some(2)).to_string();
    assert_eq!(key, format!(r#"{module}::page@3(limit=some(2), name="ann, lee", user=5)"#));
    assert_eq!(members::key(&Org { id: 3 }, 14).to_string(), format!("{module}::members(org.id=3, page%10=4)"));
    assert_eq!(page(5, "ann, lee", Some(2)), "ann, lee 5 Some(2)");
    assert_eq!(GENERATED.get::<String>(key)?.as_deref(), Some("ann, lee 5 Some(2)"));
    assert_eq!(members(&Org { id: 3 }, 14), "3 14");
    members::invalidate(&Org { id: 3 }, 4)?;
    assert_eq!(members(&Org { id: 3 }, 24), "3 24");
    Ok(())
}

#[test]
fn plain_keys_are_what_other_programs_write() -> Result<(), Error> {
    #[cache_on_arguments(region = "generated", key_generator = generate::plain)]
    fn page(user: u64, name: &str, share: f64) -> String {
        format!("{name} {user} {share}")
    }
    #[cache_on_arguments(region = "generated", key_generator = generate::plain, namespace = "user", key(id.to_string()))]
    fn load(id: std::net::Ipv4Addr) -> String {
        id.to_string()
    }

    assert_eq!(page::key(5, "ann", 1.0).to_string(), "page:5:ann:1");
    assert_eq!(load::key([10, 0, 0, 1].into()).to_string(), "user:10.0.0.1");
    assert_eq!(page(5, "ann", 0.5), "ann 5 0.5");
    assert_eq!(GENERATED.get::<String>("page:5:ann:0.5")?.as_deref(), Some("ann 5 0.5"));
    assert_eq!(load([10, 0, 0, 1].into()), "10.0.0.1");
    load::invalidate([10, 0, 0, 1].into())?;
    assert_eq!(GENERATED.get::<String>("user:10.0.0.1")?, None);
    Ok(())
}

#[test]
fn a_generator_that_comes_later_leaves_nothing_behind() -> Result<(), Error> {
    regions! { static LATE = Region::builder("late generator"); }
    static RUNS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    #[cache_on_arguments(region = "late generator")]
    fn load(_id: u64) -> u64 {
        RUNS.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
    }

    assert_eq!(load(5), 0);
    LATE.configure(|r| r.key_generator(keywords))?;
    load::invalidate(5)?;
    assert_eq!(load(5), 1);
    Ok(())
}

#[test]
fn key_expressions_form_the_key_in_place_of_the_arguments() -> Result<(), Error> {
    struct Org {
        id: u64,
        name: &'static str,
    }
    #[cache_on_arguments(region = "generated", key(org.id, page % 10))]
    fn members(org: &Org, page: u32, limit: usize) -> String {
        format!("{} {page} {limit}", org.name)
    }

    let org = Org { id: 3, name: "acme" };
    assert_eq!(members(&org, 1, 20), "acme 1 20");
    assert_eq!(members(&Org { id: 3, name: "other" }, 11, 99), "acme 1 20", "the same key");
    assert_eq!(members::get(&org, 21)?.as_deref(), Some("acme 1 20"), "companions take what the key mentions");
    members::invalidate(&org, 1)?;
    assert_eq!(members(&org, 11, 5), "acme 11 5");
    Ok(())
}

#[test]
fn the_version_of_a_region_is_part_of_keys() -> Result<(), Error> {
    regions! { static VERSIONED = Region::builder("versioned").version(1); }
    #[cache_on_arguments(region = "versioned")]
    fn plain(id: u64) -> u64 {
        id
    }
    #[cache_on_arguments(region = "versioned", version = 7)]
    fn own(id: u64) -> u64 {
        id
    }

    assert!(plain::key(1).to_string().ends_with("plain@1|1"));
    assert!(own::key(1).to_string().ends_with("own@7|1"));
    assert_eq!(own(1), 1);
    plain(1);
    let old = plain::key(1);
    VERSIONED.configure(|r| r.version(2))?;
    assert!(plain::key(1).to_string().ends_with("plain@2|1"));
    assert_eq!(plain::get(1)?, None, "another version is another key");
    plain(1);
    assert_ne!(old, plain::key(1));
    assert_eq!(VERSIONED.get::<u64>(&old)?, None, "and the old key does not find the new entry");
    Ok(())
}

#[test]
fn a_backend_sees_prefix_region_and_key_through_the_mangler() -> Result<(), Error> {
    #[cache_on_arguments(region = "generated", namespace = "a|b")]
    fn load(id: u64) -> u64 {
        id
    }

    let region = Region::builder("one:two").key_prefix("myapp:").build()?;
    assert_eq!(region.backend_key("k"), "myapp:one%3Atwo:k");
    let call = load::key(5);
    assert_eq!(GENERATED.backend_key(&call), call.to_string());
    assert_eq!(load(5), 5);
    assert_eq!(call.to_string(), format!("generated:{}::load[a%7Cb]|5", module_path!()));
    assert_eq!(region.backend_key(&call), format!("myapp:one%3Atwo:{call}"), "in another region it is a text");

    let mangled = Region::builder("m").key_mangler(mangle::length_conditional(20, mangle::sha1)).build()?;
    assert_eq!(mangled.backend_key("short"), "m:short");
    let long = mangled.backend_key("longer than twenty bytes");
    assert_eq!(long, mangle::sha1("m:longer than twenty bytes"));
    assert_eq!(mangle::sha1("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    let own = Region::builder("own").key_mangler(str::to_uppercase).build()?;
    assert_eq!(own.backend_key("k"), "OWN:K");
    Ok(())
}

#[test]
fn a_hand_key_equal_to_a_functions_key_text_is_that_entry() -> Result<(), Error> {
    #[cache_on_arguments(region = "generated")]
    fn load(id: u64) -> u64 {
        id
    }

    let text = load::key(5).to_string();
    GENERATED.set(text.as_str(), &50_u64)?;
    assert_eq!(load(5), 50);
    assert_eq!(GENERATED.get::<u64>(load::key(5))?, Some(50));
    assert_eq!(GENERATED.get_or_create(text.as_str(), || 0_u64), 50);
    GENERATED.delete(&text)?;
    assert_eq!(load(5), 5);
    assert!(GENERATED.get::<String>(load::key(5)).unwrap_err().is_type_mismatch());
    assert!(GENERATED.set(load::key(5), &"text".to_owned()).unwrap_err().is_type_mismatch());
    assert_eq!(GENERATED.get_or_create(load::key(5), || "mine".to_owned()), "mine");
    assert_eq!(load(5), 5);
    assert_eq!(Key::from(text), load::key(5));
    Ok(())
}

#[test]
fn entries_of_generated_keys_are_kept_for_as_long_as_their_function_says() {
    static FAILS: AtomicBool = AtomicBool::new(false);
    regions! { static KEPT = Region::builder("kept by generated keys").ttl(Duration::from_secs(10)); }
    #[cache_on_arguments(region = KEPT, stale_if_error = "6h", key_generator = keywords)]
    fn load(id: u64) -> Result<u64, &'static str> {
        if FAILS.load(Ordering::SeqCst) { Err("down") } else { Ok(id) }
    }

    let clock = ManualClock::new();
    KEPT.reconfigure(|r| r.clock(clock.clone())).unwrap();
    assert_eq!(load(1), Ok(1));
    clock.advance(Duration::from_secs(3_600));
    FAILS.store(true, Ordering::SeqCst);
    // Whoever stores looks whether others are of any use still.
    (0..20_u64).for_each(|number| KEPT.set(format!("other {number}"), &number).unwrap());
    assert_eq!(load(1), Ok(1));
}
