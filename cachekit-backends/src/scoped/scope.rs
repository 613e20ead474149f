//! A session: what a request, a unit of work or a task carries with it.
//!
//! Which scope a thread is in is the thread's own knowledge; a task takes its scope along, and enters it whenever it is
//! polled, whatever runtime polls it. A thread or a task that is started within a scope is not in it by itself: it is
//! given a clone.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use cachekit::backend::Content;
use pin_project_lite::pin_project;

use super::epochs::Epochs;

thread_local! {
    static CURRENT: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// What a request, a unit of work or a task carries with it: the entries of every [`Scoped`](super::Scoped) store.
///
/// Clones are one scope, for the threads and tasks that work on the same request. When the last is dropped its entries are.
/// An entry that holds its own scope is never dropped.
///
/// ```
/// use cachekit_backends::scoped::Scope;
///
/// let scope = Scope::new();
/// scope.enter(|| {
///     let current = Scope::current();
///     std::thread::spawn(move || current.map(|scope| scope.enter(|| { /* … */ })));
/// });
/// assert!(Scope::current().is_none());
/// ```
#[derive(Clone, Default)]
pub struct Scope(Arc<Shelves>);

struct Shelves {
    /// What tells the scope from all others that there ever were.
    id: u64,
    shelves: Mutex<HashMap<usize, Shelf>>,
}

impl Default for Shelves {
    fn default() -> Self {
        /// 0 is for those who are in no scope.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), shelves: Mutex::default() }
    }
}

/// What one store keeps in a scope.
struct Shelf {
    /// Its address is where the shelf is found, and no other store's as long as this is here.
    _store: Arc<Epochs>,
    contents: HashMap<String, Content>,
}

impl Scope {
    /// A scope in which nothing is stored yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The scope that this thread is in, or the task that it polls.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    /// Does something in this scope; afterwards the thread is in the scope that it was in before, after a panic, too.
    ///
    /// For what a thread does; a future is [run](Self::run).
    ///
    /// ```
    /// use cachekit_backends::scoped::Scope;
    ///
    /// let (request, transaction) = (Scope::new(), Scope::new());
    /// request.enter(|| {
    ///     transaction.enter(|| assert!(Scope::current().is_some_and(|current| current.is(&transaction))));
    ///     assert!(Scope::current().is_some_and(|current| current.is(&request)));
    /// });
    /// ```
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = Entered { outer: swap(Some(self.clone())) };
        work()
    }

    /// Runs a future in this scope, on any runtime, whichever threads poll it.
    ///
    /// ```
    /// use cachekit_backends::scoped::Scope;
    ///
    /// async fn serve() {
    ///     assert!(Scope::current().is_some());
    /// }
    ///
    /// # pollster::block_on(
    /// Scope::new().run(serve())
    /// # );
    /// ```
    pub fn run<F: Future>(&self, future: F) -> Within<F> {
        Within { scope: self.clone(), future: Some(future) }
    }

    /// Whether this and the other are one scope.
    ///
    /// ```
    /// use cachekit_backends::scoped::Scope;
    ///
    /// let scope = Scope::new();
    /// assert!(scope.is(&scope.clone()) && !scope.is(&Scope::new()));
    /// ```
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What tells the scope from all others that there ever were; never 0.
    pub(super) fn id(&self) -> u64 {
        self.0.id
    }

    /// Looks at what a store keeps in this scope, or changes it.
    ///
    /// It does so under a lock; what is removed is handed out, to be dropped without it.
    pub(super) fn shelf<T>(&self, store: &Arc<Epochs>, work: impl FnOnce(&mut HashMap<String, Content>) -> T) -> T {
        let empty = || Shelf { _store: Arc::clone(store), contents: HashMap::new() };
        let mut shelves = self.shelves();
        work(&mut shelves.entry(Arc::as_ptr(store).addr()).or_insert_with(empty).contents)
    }

    fn shelves(&self) -> MutexGuard<'_, HashMap<usize, Shelf>> {
        self.0.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.shelves().values().map(|shelf| shelf.contents.len()).sum::<usize>();
        f.debug_struct("Scope").field("entries", &entries).finish_non_exhaustive()
    }
}

/// Has the thread be in another scope; the one that it was in. A thread that has ended is in none.
fn swap(scope: Option<Scope>) -> Option<Scope> {
    CURRENT.try_with(|current| current.replace(scope)).ok().flatten()
}

/// Goes back to the outer scope.
struct Entered {
    outer: Option<Scope>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        drop(swap(self.outer.take()));
    }
}

pin_project! {
    /// A future in a [`Scope`]: polled and dropped in it. See [`Scope::run`].
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Within<F> {
        scope: Scope,
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Within<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.scope.enter(|| this.future.set(None));
        }
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let future = this.future.as_pin_mut().expect("it is there until it is dropped");
        this.scope.enter(|| future.poll(context))
    }
}
