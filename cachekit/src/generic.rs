//! Functions with type parameters: one state, and so one table, for each instantiation.
//!
//! A `static` cannot be generic, so the one of such a function holds the states of its instantiations by type. What makes
//! a state is a closure inside the generic function, whose own type is another one for each instantiation.
//! What it deliberately does not do: put types into keys. What a compiler calls a type does not last.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use once_cell::sync::OnceCell;
use papaya::HashMap;

use crate::companion::{AnyFunction, Function, Value};
use crate::info::FnInfo;
use crate::near::argkey::AnyArgKey;

/// The instantiations of an annotated function.
pub struct Generic {
    /// What is true of all of them.
    info: FnInfo,
    states: OnceCell<HashMap<TypeId, &'static dyn AnyFunction, foldhash::fast::RandomState>>,
    /// Held while a state is made, so that no instantiation has two.
    making: Mutex<()>,
}

impl Generic {
    /// A function of which nothing was called yet.
    #[must_use]
    pub const fn new(info: FnInfo) -> Self {
        Self { info, states: OnceCell::new(), making: Mutex::new(()) }
    }

    pub(crate) fn info(&self) -> &FnInfo {
        &self.info
    }

    /// The state of the instantiation in which `make` is written.
    #[inline]
    pub fn state<V: Value, M: Fn() -> Function<V, AnyArgKey>>(
        &'static self,
        make: M,
    ) -> &'static Function<V, AnyArgKey> {
        let id = typeid::of::<M>();
        let known = self.states.get().and_then(|states| states.pin().get(&id).copied());
        let state = known.unwrap_or_else(|| self.add(id, &|| Box::leak(Box::new(make().of(self)))));
        (state as &dyn Any).downcast_ref().expect("the type of a closure tells what it returns")
    }

    #[cold]
    fn add(&'static self, id: TypeId, make: &dyn Fn() -> &'static dyn AnyFunction) -> &'static dyn AnyFunction {
        let states = self.states.get_or_init(HashMap::default).pin();
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        *states.get_or_insert_with(id, make)
    }

    /// The instantiations that somebody has asked for.
    pub(crate) fn states(&self) -> Vec<&'static dyn AnyFunction> {
        let states = self.states.get().map(HashMap::pin);
        states.iter().flat_map(|states| states.values().copied()).collect()
    }
}

impl fmt::Debug for Generic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generic").field("function", &self.info.path()).finish_non_exhaustive()
    }
}
