use cachekit::cache_on_arguments;

#[cache_on_arguments(region = "users", in_memory)]
fn load(id: u64) -> std::rc::Rc<u64> {
    id.into()
}

fn main() {
    load(1);
    let _ = load::get(1);
}
