//! `cargo xtask bench [--quick]`.

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    cachekit_benches::run(&arguments);
}
