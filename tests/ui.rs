//! What the compiler says of mistakes, and that it says nothing where there is none.

#[test]
fn mistakes_get_one_message_each_and_odd_shapes_none() {
    let tests = trybuild::TestCases::new();
    tests.pass("ui/pass/*.rs");
    tests.compile_fail("ui/fail/*.rs");
}
