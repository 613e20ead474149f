use cachekit::{Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

fn main() {
    #[cache_on_arguments(region = USERS)]
    fn next(n: u64) -> u64 {
        n + 1
    }
    let hidden = {
        #[cache_on_arguments(region = USERS, companion = none)]
        fn hidden(n: u64) -> u64 {
            if n == 0 { 0 } else { hidden(n - 1) + 1 }
        }
        hidden
    };
    assert_eq!(next(1), 2);
    assert_eq!(next::get(1).unwrap(), Some(2));
    assert_eq!(hidden(3), 3);
}
