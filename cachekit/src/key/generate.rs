//! Key generators: functions from a call to the text of its key, in place of the canonical form.
//!
//! For `key_generator` of a function or a region: [`keywords`] names each argument, [`plain`] writes what another program
//! would. One's own is a function of a [`KeyContext`].
//! What they deliberately do not do: shorten a key, or make it fit a store. That is for [manglers](super::mangle).

use std::fmt::Write as _;

use super::generator::KeyContext;
use super::write_path;

/// Keys with the names of the arguments: `app::users::load_user[v1]@3(id=5, name="ann")`.
///
/// As unambiguous as the canonical form: calls with different arguments never have one key, nor have functions of different
/// modules, names, namespaces or versions. (Two functions of one name in two bodies of one module need a `namespace`, as
/// always.) With `key(…)` each expression is its own name, without blanks.
///
/// The arguments are sorted by their names, so a function whose parameters change places keeps its entries; one whose
/// parameter gets another name loses them.
///
/// ```
/// use cachekit::{Region, cache_on_arguments, generate, regions};
///
/// regions! { static USERS = Region::builder("users by keywords").key_generator(generate::keywords); }
///
/// #[cache_on_arguments(region = USERS)]
/// fn load_user(id: u64, page: u32) -> String {
///     format!("{id} {page}")
/// }
///
/// assert!(load_user::key(5, 2).to_string().ends_with("::load_user(id=5, page=2)"));
/// ```
#[must_use]
pub fn keywords(context: &KeyContext<'_>) -> String {
    let mut key = String::new();
    write_path(context.module(), context.function(), context.namespace(), context.version(), &mut key);
    let mut arguments: Vec<_> = context.arguments().collect();
    // Names may repeat where they are expressions; their values stay in order then.
    arguments.sort_by_key(|(name, _)| *name);
    let arguments: Vec<_> = arguments.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    // Writing to a string does not fail.
    let _ = write!(key, "({})", arguments.join(", "));
    key
}

/// Keys that other programs can write too: `load_user:5:2`, or with `namespace = "user"` `user:5:2`.
///
/// Each argument stands there as `Display` would write it, with colons between; see
/// [`displayed_arguments`](KeyContext::displayed_arguments) for what has another text, and write `key(id.to_string())` where
/// that is not the one that you want. An empty namespace leaves out the name; a version follows it, as in `load_user@3:5`.
/// A backend sees prefix and region before that, as of every key: `myapp:users:user:5`.
///
/// **Not unambiguous: that is up to you.** `("a:b", "c")` and `("a", "b:c")` have one key, and so have `5` and `"5"`, and
/// functions of one name in two modules; who calls gets the entry of the other, or an error of the wrong type. It is ruled out
/// where
///
/// * every function has a `namespace` of its own, or a region of its own, and
/// * its arguments are numbers, or texts that cannot hold a colon, but for one text at the end, and none is an option.
///
/// ```
/// use cachekit::{Region, cache_on_arguments, generate, regions};
///
/// regions! { static SHARED = Region::builder("shared").key_prefix("myapp:"); }
///
/// #[cache_on_arguments(region = SHARED, namespace = "user", key_generator = generate::plain)]
/// fn load_user(id: u64, language: &str) -> String {
///     format!("{id} {language}")
/// }
///
/// assert_eq!(load_user::key(5, "en").to_string(), "user:5:en");
/// assert_eq!(SHARED.backend_key(load_user::key(5, "en")), "myapp:shared:user:5:en");
/// ```
#[must_use]
pub fn plain(context: &KeyContext<'_>) -> String {
    let mut name = context.namespace().unwrap_or(context.function()).to_owned();
    if let Some(version) = context.version() {
        // Writing to a string does not fail.
        let _ = write!(name, "@{version}");
    }
    let arguments = context.displayed_arguments().map(|(_, text)| text);
    let parts: Vec<_> = Some(name).filter(|name| !name.is_empty()).into_iter().chain(arguments).collect();
    parts.join(":")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::part::KeyPart;
    use crate::key::writer::KeyWriter;

    fn context<'a>(names: &'static [&'static str], arguments: &'a [u8]) -> KeyContext<'a> {
        KeyContext {
            region: "region",
            module: "app::users",
            function: "load",
            namespace: None,
            version: None,
            names,
            arguments,
        }
    }

    fn bytes(write: impl FnOnce(&mut KeyWriter)) -> Vec<u8> {
        let mut writer = KeyWriter::new();
        write(&mut writer);
        writer.to_bytes().to_vec()
    }

    #[test]
    fn keywords_are_module_function_and_named_arguments_by_their_names() {
        let arguments = bytes(|writer| {
            5_u64.write_key(writer);
            "a \"b\"".write_key(writer);
            Some('x').write_key(writer);
        });
        let call = context(&["id", "b", "a"], &arguments);
        assert_eq!(keywords(&call), r#"app::users::load(a=some('x'), b="a \"b\"", id=5)"#);
        let versioned = KeyContext { namespace: Some("v(1]"), version: Some(3), ..call };
        assert_eq!(keywords(&versioned), r#"app::users::load[v(1%5D]@3(a=some('x'), b="a \"b\"", id=5)"#);
        assert_eq!(keywords(&context(&[], &[])), "app::users::load()");
    }

    #[test]
    fn plain_keys_have_texts_as_display_writes_them() {
        let arguments = bytes(|writer| {
            (-5_i32).write_key(writer);
            "a \"b\"\n".write_key(writer);
            Some('x').write_key(writer);
            None::<u8>.write_key(writer);
            (1.0_f64, 2).0.write_key(writer);
            0.5_f32.write_key(writer);
            true.write_key(writer);
            u128::MAX.write_key(writer);
        });
        let call = context(&["a", "b", "c", "d", "e", "f", "g", "h"], &arguments);
        assert_eq!(plain(&call), format!("load:-5:a \"b\"\n:x:none:1:0.5:true:{}", u128::MAX));
        let named = KeyContext { namespace: Some("user"), ..call };
        assert!(plain(&named).starts_with("user:-5:"));
        let versioned = KeyContext { version: Some(3), ..named };
        assert!(plain(&versioned).starts_with("user@3:-5:"));
        let nameless = KeyContext { namespace: Some(""), ..call };
        assert!(plain(&nameless).starts_with("-5:"));
        assert_eq!(plain(&context(&[], &[])), "load");
    }

    #[test]
    fn what_has_no_display_is_plain_in_the_text_of_the_canonical_form() {
        let arguments = bytes(|writer| {
            vec!["a", "b"].write_key(writer);
            (1, 'x').write_key(writer);
            [0_u8, 255].write_key(writer);
            Some(Some("a")).write_key(writer);
        });
        let call = context(&["a", "b", "c", "d"], &arguments);
        assert_eq!(plain(&call), r#"load:["a","b"]:(1,'x'):x"00ff":a"#);
    }

    /// What an argument may be, with texts out of what the form itself is made of.
    #[derive(Clone, Debug, PartialEq)]
    enum Argument {
        Number(i64),
        Text(String),
        Option(Option<Box<Argument>>),
        List(Vec<Argument>),
        Named(String, Vec<Argument>),
    }

    impl KeyPart for Argument {
        fn write_key(&self, writer: &mut KeyWriter) {
            match self {
                Self::Number(number) => number.write_key(writer),
                Self::Text(text) => text.write_key(writer),
                Self::Option(option) => option.write_key(writer),
                Self::List(list) => list.write_key(writer),
                Self::Named(name, fields) => {
                    writer.open_variant(name);
                    for field in fields {
                        field.write_key(writer);
                    }
                    writer.close();
                }
            }
        }
    }

    fn arguments() -> impl Strategy<Value = Vec<Argument>> {
        let text = r#"[a=,"\\() 5:]{0,4}"#;
        let leaf = prop_oneof![(-1..12_i64).prop_map(Argument::Number), text.prop_map(Argument::Text)];
        let argument = leaf.prop_recursive(2, 8, 3, move |inner| {
            let some = proptest::option::of(inner.clone().prop_map(Box::new)).prop_map(Argument::Option);
            let list = proptest::collection::vec(inner.clone(), 0..3);
            let named = ("(a|b|none|x|)", list.clone()).prop_map(|(name, fields)| Argument::Named(name, fields));
            prop_oneof![some, list.prop_map(Argument::List), named]
        });
        proptest::collection::vec(argument, 0..=3)
    }

    /// Names that differ in length and order; a call has as many arguments as its function has names.
    const NAMES: [&str; 3] = ["b", "a", "bb"];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn calls_have_one_key_by_keywords_only_where_their_arguments_are_equal(one in arguments(), other in arguments()) {
            let key = |arguments: &[Argument]| {
                let bytes = bytes(|writer| arguments.iter().for_each(|argument| argument.write_key(writer)));
                keywords(&context(&NAMES[..arguments.len()], &bytes))
            };
            prop_assert_eq!(key(&one) == key(&other), one == other);
        }

        #[test]
        fn functions_have_one_key_by_keywords_only_where_all_that_names_them_is_equal(
            one in ("[a]{1,2}", proptest::option::of("[a(:@\\]]{0,3}"), proptest::option::of(0..3_u64)),
            other in ("[a]{1,2}", proptest::option::of("[a(:@\\]]{0,3}"), proptest::option::of(0..3_u64)),
        ) {
            let key = |(module, namespace, version): &(String, Option<String>, Option<u64>)| {
                let (module, namespace) = (leak(module), namespace.as_deref().map(leak));
                keywords(&KeyContext { module, namespace, version: *version, ..context(&[], &[]) })
            };
            prop_assert_eq!(key(&one) == key(&other), one == other);
        }
    }

    /// Names of functions are literals elsewhere.
    fn leak(text: &str) -> &'static str {
        Box::leak(text.to_owned().into_boxed_str())
    }
}
