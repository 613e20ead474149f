use std::rc::Rc;

use cachekit::cache_multi_on_arguments;

#[cache_multi_on_arguments(region = "users", background)]
fn load(names: &[Rc<str>]) -> Vec<usize> {
    vec![0; names.len()]
}

fn main() {
    load(&["a".into()]);
}
