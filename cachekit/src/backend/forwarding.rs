//! A proxy that overrides nothing hands on everything: each method of the trait, as its source lists them.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proc_macro2::{TokenStream, TokenTree};

use super::{Acquired, Answer, Backend, Claim, Content, Context, Lease, Patch, Proxy, Put, Token, wrap};
use crate::clock::block_on;

/// Writes down what it is asked, and answers what no default would.
#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    fn asked(&self, name: &str, arguments: impl Debug) {
        self.0.lock().unwrap().push(format!("{name}{arguments:?}"));
    }
}

impl Backend for Recorder {
    fn is_blocking(&self) -> bool {
        self.asked("is_blocking", ());
        true
    }

    fn keeps_live(&self) -> bool {
        self.asked("keeps_live", ());
        true
    }

    fn has_leases(&self) -> bool {
        self.asked("has_leases", ());
        true
    }

    fn session(&self) -> Option<u64> {
        self.asked("session", ());
        Some(41)
    }

    fn get<'a>(&'a self, key: &'a str, context: Context) -> Answer<'a, Option<Content>> {
        self.asked("get", (key, context));
        Ok(Some(vec![1].into())).into()
    }

    fn set<'a>(&'a self, put: Put<'a>, context: Context) -> Answer<'a, ()> {
        self.asked("set", (put, context));
        Ok(()).into()
    }

    fn delete<'a>(&'a self, key: &'a str, context: Context) -> Answer<'a, ()> {
        self.asked("delete", (key, context));
        Ok(()).into()
    }

    fn get_many<'a>(&'a self, keys: &'a [&'a str], context: Context) -> Answer<'a, Vec<Option<Content>>> {
        self.asked("get_many", (keys, context));
        Ok(vec![None, Some(vec![1, 2].into())]).into()
    }

    fn set_many<'a>(&'a self, puts: &'a [Put<'a>], context: Context) -> Answer<'a, ()> {
        self.asked("set_many", (puts, context));
        Ok(()).into()
    }

    fn delete_many<'a>(&'a self, keys: &'a [&'a str], context: Context) -> Answer<'a, ()> {
        self.asked("delete_many", (keys, context));
        Ok(()).into()
    }

    fn add<'a>(&'a self, put: Put<'a>, context: Context) -> Answer<'a, Content> {
        self.asked("add", (put, context));
        Ok(vec![1, 2, 3].into()).into()
    }

    fn patch<'a>(&'a self, key: &'a str, patch: Patch, context: Context) -> Answer<'a, bool> {
        self.asked("patch", (key, patch, context));
        Ok(true).into()
    }

    fn acquire<'a>(&'a self, key: &'a str, lease: Lease, claim: Claim<'a>, context: Context) -> Answer<'a, Acquired> {
        self.asked("acquire", (key, lease, claim, context));
        Ok(Acquired::Busy(Duration::from_secs(41))).into()
    }

    fn commit<'a>(&'a self, put: Put<'a>, token: Token, context: Context) -> Answer<'a, bool> {
        self.asked("commit", (put, token, context));
        Ok(false).into()
    }

    fn renew<'a>(&'a self, key: &'a str, lease: Lease, context: Context) -> Answer<'a, bool> {
        self.asked("renew", (key, lease, context));
        Ok(false).into()
    }

    fn abandon<'a>(&'a self, key: &'a str, token: Token, context: Context) -> Answer<'a, ()> {
        self.asked("abandon", (key, token, context));
        Ok(()).into()
    }

    fn add_many<'a>(&'a self, puts: &'a [Put<'a>], context: Context) -> Answer<'a, Vec<Content>> {
        self.asked("add_many", (puts, context));
        Ok(vec![vec![1, 2, 3, 4].into()]).into()
    }

    fn acquire_many<'a>(
        &'a self,
        leases: &'a [(&'a str, Lease, Claim<'a>)],
        context: Context,
    ) -> Answer<'a, Vec<Acquired>> {
        self.asked("acquire_many", (leases, context));
        Ok(vec![Acquired::Busy(Duration::from_secs(42))]).into()
    }

    fn commit_many<'a>(&'a self, puts: &'a [(Put<'a>, Token)], context: Context) -> Answer<'a, Vec<bool>> {
        self.asked("commit_many", (puts, context));
        Ok(vec![false, true]).into()
    }

    fn abandon_many<'a>(&'a self, leases: &'a [(&'a str, Token)], context: Context) -> Answer<'a, ()> {
        self.asked("abandon_many", (leases, context));
        Ok(()).into()
    }

    fn ping(&self, context: Context) -> Answer<'_, ()> {
        self.asked("ping", (context,));
        Ok(()).into()
    }
}

/// A method by its name, asked of a backend: what it answers.
type Asked = (&'static str, fn(&dyn Backend) -> String);

const TOKEN: Token = Token(41);
const LEASE: Lease = Lease { token: TOKEN, length: Duration::from_secs(7) };

fn content() -> Content {
    Content::Bytes(vec![0; 5])
}

fn put(content: &Content) -> Put<'_> {
    Put { key: "k", content, keep: Some(Duration::from_secs(5)) }
}

fn context() -> Context {
    Context::task(Duration::from_secs(3))
}

fn told<T: Debug>(answer: Answer<'_, T>) -> String {
    format!("{:?}", block_on(answer))
}

/// Every method of the trait; which these are says its source.
const METHODS: [Asked; 21] = [
    ("is_blocking", |b| b.is_blocking().to_string()),
    ("keeps_live", |b| b.keeps_live().to_string()),
    ("has_leases", |b| b.has_leases().to_string()),
    ("session", |b| format!("{:?}", b.session())),
    ("get", |b| told(b.get("k", context()))),
    ("set", |b| told(b.set(put(&content()), context()))),
    ("delete", |b| told(b.delete("k", context()))),
    ("get_many", |b| told(b.get_many(&["k", "l"], context()))),
    ("set_many", |b| told(b.set_many(&[put(&content()); 2], context()))),
    ("delete_many", |b| told(b.delete_many(&["k", "l"], context()))),
    ("add", |b| told(b.add(put(&content()), context()))),
    ("patch", |b| told(b.patch("k", Patch::expired(), context()))),
    ("acquire", |b| told(b.acquire("k", LEASE, Claim::Unseen(b"seen"), context()))),
    ("commit", |b| told(b.commit(put(&content()), TOKEN, context()))),
    ("renew", |b| told(b.renew("k", LEASE, context()))),
    ("abandon", |b| told(b.abandon("k", TOKEN, context()))),
    ("add_many", |b| told(b.add_many(&[put(&content()); 2], context()))),
    ("acquire_many", |b| told(b.acquire_many(&[("k", LEASE, Claim::Always); 2], context()))),
    ("commit_many", |b| told(b.commit_many(&[(put(&content()), TOKEN); 2], context()))),
    ("abandon_many", |b| told(b.abandon_many(&[("k", TOKEN); 2], context()))),
    ("ping", |b| told(b.ping(context()))),
];

#[derive(Debug)]
struct Quiet;

impl Proxy for Quiet {}

#[test]
fn a_proxy_hands_on_each_method_once_and_as_it_is() {
    let recorder = Arc::new(Recorder::default());
    let wrapped = wrap(Arc::clone(&recorder) as Arc<dyn Backend>, &Arc::new(Quiet));
    let asked = |backend: &dyn Backend, ask: fn(&dyn Backend) -> String| {
        let answer = ask(backend);
        (answer, std::mem::take(&mut *recorder.0.lock().unwrap()))
    };
    for (name, ask) in METHODS {
        let (direct, through) = (asked(&*recorder, ask), asked(&*wrapped, ask));
        assert!(matches!(&direct.1[..], [one] if one.starts_with(&format!("{name}("))), "{name}: {direct:?}");
        assert_eq!(through, direct);
    }
}

#[test]
fn proxies_have_every_method_of_the_trait() {
    let file = syn::parse_file(include_str!("mod.rs")).unwrap();
    let trait_of_backends = file.items.iter().find_map(|item| match item {
        syn::Item::Trait(item) if item.ident == "Backend" => Some(item),
        _ => None,
    });
    let methods: BTreeSet<String> = trait_of_backends
        .unwrap()
        .items
        .iter()
        .filter_map(|item| match item {
            syn::TraitItem::Fn(method) => Some(method.sig.ident.to_string()),
            _ => None,
        })
        .collect();
    let tried: BTreeSet<String> = METHODS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(tried, methods, "each method of the trait is tried above");
    let mut written = Vec::new();
    functions(include_str!("proxy.rs").parse().unwrap(), &mut written);
    for method in methods {
        assert!(written.contains(&method), "`Proxy` has no `{method}`");
    }
}

/// The names of the functions that some source writes, within macros too.
fn functions(source: TokenStream, names: &mut Vec<String>) {
    let mut after_fn = false;
    for token in source {
        match token {
            TokenTree::Ident(ident) if after_fn => names.push(ident.to_string()),
            TokenTree::Ident(ref ident) if ident == "fn" => {
                after_fn = true;
                continue;
            }
            TokenTree::Group(group) => functions(group.stream(), names),
            _ => {}
        }
        after_fn = false;
    }
}
