use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

#[derive(Clone)]
struct Db;

// Neither `Send` nor `'static`, and no argument.
struct Local(#[allow(dead_code)] Rc<u8>);

#[cache_on_arguments(region = USERS, stale_while_revalidate = "2m", skip(db, root))]
fn load<'a>(db: &'a Db, root: &'a Path, id: u64, (name, _): (&'static str, u8), [first, ..]: &[u8; 2]) -> usize {
    let _ = (db, Local(Rc::new(1)));
    root.components().count() + name.len() + id as usize + usize::from(*first)
}

#[cache_on_arguments(region = USERS, background, skip(db))]
async fn find(db: &Arc<Db>, mut names: Vec<String>, text: &str) -> Result<usize, std::io::Error> {
    names.push(text.to_owned());
    std::future::ready(Ok(names.len() + Arc::strong_count(db))).await
}

fn main() {
    assert_eq!(load(&Db, Path::new("/a"), 1, ("b", 2), &[3, 4]), 7);
    drop(find(&Arc::new(Db), Vec::new(), ""));
}
