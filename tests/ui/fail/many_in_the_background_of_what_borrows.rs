use std::borrow::Cow;
use std::collections::HashMap;

use cachekit::cache_multi_on_arguments;

#[cache_multi_on_arguments(region = "users", background)]
fn load(names: &[Cow<'_, str>]) -> HashMap<String, usize> {
    names.iter().map(|name| (name.to_string(), name.len())).collect()
}

fn main() {
    load(&["a".into()]);
}
