//! What `check()` says of stores: in a process of its own, since one of its regions can never be used.

use cachekit::backend::{Backend, Context};
use cachekit::{Region, regions};
use cachekit_backends::redis::Redis;
use cachekit_test_servers::{RedisServer, free_port};

regions! {
    static UNREACHABLE = Region::builder("unreachable");
    static REFUSED = Region::builder("refused");
}

#[test]
fn a_store_that_cannot_be_reached_may_be_later_and_one_that_refuses_never_will() {
    let unreachable = Redis::connect(&format!("redis://127.0.0.1:{}", free_port())).unwrap();
    UNREACHABLE.configure(|region| region.backend(unreachable)).unwrap();
    cachekit::check().unwrap();
    assert_eq!(UNREACHABLE.get_or_create("k", || 1_u64), 1);
    assert!(UNREACHABLE.stats().backend_errors > 0);

    let server = RedisServer::start_with_password("right");
    let url = format!("redis://:secret@127.0.0.1:{}", server.port());
    let refused = Redis::connect(&url).unwrap();
    let limit = std::time::Duration::from_secs(10);
    let error = tokio::runtime::Runtime::new().unwrap().block_on(refused.ping(Context::task(limit))).unwrap_err();
    assert!(error.is_refused() && !error.to_string().contains("secret"), "{error}");

    REFUSED.configure(|region| region.write_timeout(limit).backend(refused)).unwrap();
    let text = cachekit::check().unwrap_err().to_string();
    assert_eq!(text.lines().count(), 2, "{text}");
    for part in ["`refused`", "`REFUSED` at ", "startup.rs:", "WRONGPASS"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(REFUSED.get_or_create("k", || 1_u64), 1, "the function answers nonetheless");
}
