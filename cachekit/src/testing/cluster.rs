//! Several nodes over one store, in one process and in virtual time.

use std::sync::Arc;
use std::time::Duration;

use super::ManualClock;
use crate::backend::{Backend, IntoBackend};
use crate::error::Error;
use crate::region::{Region, RegionBuilder};

/// Several nodes over one store: regions of one name and of equal settings, each of which knows of the others only what the
/// store tells it, as processes do.
///
/// Time stands still until it is [advanced](Self::advance); so do those who wait for another node's computation. The store
/// is given the clock, for leases that lapse by it.
///
/// ```
/// use std::time::Duration;
/// use cachekit::testing::Cluster;
/// # use std::{collections::HashMap, sync::Mutex};
/// # use cachekit::backend::{Answer, Backend, Content, Context, Put};
/// # #[derive(Debug, Default)]
/// # struct Shelf(Mutex<HashMap<String, Content>>);
/// # impl Backend for Shelf {
/// #     fn get<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, Option<Content>> {
/// #         Ok(self.0.lock().unwrap().get(key).cloned()).into()
/// #     }
/// #     fn set<'a>(&'a self, put: Put<'a>, _: Context) -> Answer<'a, ()> {
/// #         self.0.lock().unwrap().insert(put.key.to_owned(), put.content.clone());
/// #         Ok(()).into()
/// #     }
/// #     fn delete<'a>(&'a self, key: &'a str, _: Context) -> Answer<'a, ()> {
/// #         self.0.lock().unwrap().remove(key);
/// #         Ok(()).into()
/// #     }
/// # }
///
/// let cluster = Cluster::new(3, |_clock| Shelf::default(), |node| node.ttl(Duration::from_secs(60)))?;
/// assert_eq!(cluster.node(0).get_or_create("k", || 5), 5);
/// assert_eq!(cluster.node(2).get::<i32>("k")?, Some(5));
/// cluster.advance(Duration::from_secs(60));
/// assert_eq!(cluster.node(1).get::<i32>("k")?, None);
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cluster {
    clock: ManualClock,
    nodes: Vec<Region>,
}

impl Cluster {
    /// So many nodes over what `store` makes, each with these settings.
    ///
    /// # Errors
    ///
    /// If the settings make no sense.
    pub fn new<B: IntoBackend>(
        nodes: usize,
        store: impl FnOnce(&ManualClock) -> B,
        settings: impl Fn(RegionBuilder) -> RegionBuilder,
    ) -> Result<Self, Error> {
        let clock = ManualClock::new();
        let store = store(&clock).into_backend();
        let node = |store: &Arc<dyn Backend>| {
            settings(Region::builder("cluster").clock(clock.clone()).backend(Arc::clone(store))).build()
        };
        let nodes = (0..nodes).map(|_| node(&store)).collect::<Result<_, _>>()?;
        Ok(Self { clock, nodes })
    }

    /// The region of a node, counted from 0.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    #[must_use]
    pub fn node(&self, number: usize) -> &Region {
        &self.nodes[number]
    }

    /// The regions of all nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Region] {
        &self.nodes
    }

    /// The clock of all nodes.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Moves the time forward for all nodes.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}
