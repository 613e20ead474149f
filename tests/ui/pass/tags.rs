use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

#[cache_on_arguments(region = USERS, skip(factor), tags = ["{names:>width$}", r#"{type:?} "{{}}""#, "{a}-{_b}"])]
fn load(names: &str, width: usize, r#type: Option<&str>, (a, _): (u8, u8), _b: u8, factor: usize) -> usize {
    factor * (names.len() + width + r#type.map_or(0, str::len) + usize::from(a))
}

macro_rules! cached {
    ($name:ident($arg:ident), $($tag:literal),*) => {
        #[cache_on_arguments(region = USERS, tags = [$($tag,)* "{factor}"])]
        fn $name($arg: &str, factor: usize) -> usize {
            $arg.len() * factor
        }
    };
}

cached!(length(text), "{text}", "all");

fn main() {
    assert_eq!(load("a", 2, None, (3, 4), 5, 6), 36);
    load::set("a", 2, None, (3, 4), 5, 1).unwrap();
    USERS.invalidate_tag("None \"{}\"").unwrap();
    assert_eq!(load::get("a", 2, None, (3, 4), 5).unwrap(), None);
    for tag in ["abc", "all", "2"] {
        assert_eq!(length("abc", 2), 6);
        USERS.invalidate_tag(tag).unwrap();
        assert_eq!(length::get("abc", 2).unwrap(), None, "{tag}");
    }
}
