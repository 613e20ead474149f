use cachekit::cache_on_arguments;

use std::borrow::Cow;

#[cache_on_arguments(region = "users")]
fn load(name: &str) -> Cow<'_, str> {
    name.into()
}

fn main() {
    load("a");
}
