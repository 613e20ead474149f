use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

use std::marker::PhantomData;

use cachekit::KeyPart;

#[derive(KeyPart)]
struct Id(u64);

#[derive(KeyPart)]
enum Selector<T, const N: usize> {
    All,
    Ids([T; N]),
    Named {
        r#type: Option<T>,
        #[key_part(skip)]
        marker: PhantomData<T>,
    },
}

#[cache_on_arguments(region = USERS)]
fn count(selector: &Selector<Id, 2>) -> usize {
    match selector {
        Selector::All => 0,
        Selector::Ids(ids) => ids.len(),
        Selector::Named { r#type, .. } => usize::from(r#type.is_some()),
    }
}

fn main() {
    let named = |id| Selector::Named { r#type: id, marker: PhantomData };
    let selectors = [Selector::All, Selector::Ids([Id(1), Id(2)]), named(None), named(Some(Id(1)))];
    for (number, selector) in selectors.iter().enumerate() {
        assert_eq!(count(selector), [0, 2, 0, 1][number]);
    }
    let keys: std::collections::HashSet<String> =
        selectors.iter().map(|selector| count::key(selector).to_string()).collect();
    assert_eq!(keys.len(), 4);
}
