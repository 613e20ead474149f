//! Four regions, each with functions of its own, that name their entries alike: one for each process.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cachekit::{
    Error, Invalidation, Key, Region, RegionBuilder, StaticRegion, cache_multi_on_arguments, cache_on_arguments,
    regions,
};

use crate::event::{Scope, Tag, Tags, What, now};
use crate::maker::Maker;

/// The arguments of the functions, by the number of their key; the last two are its tags.
pub(crate) const ARGUMENTS: [(u8, Tag, Tag); 5] =
    [(0, 'a', 'a'), (1, 'a', 'b'), (2, 'b', 'b'), (4, 'a', 'b'), (5, 'a', 'b')];

/// Those that the functions of many keys are asked for, and their tags.
const OF_MANY: ([u8; 3], Tag, Tag) = ([1, 4, 5], 'a', 'b');

/// The number of the key that is no function's, and whose values have these tags or those.
pub(crate) const BY_HAND: u8 = 3;

/// What a caller may do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// A function is called.
    Call((u8, Tag, Tag)),
    /// A function of many keys is called, or a companion of one.
    CallAll(Several),
    GetAll(Several),
    SetAll(Several),
    RefreshAll(Several),
    InvalidateAll(Several),
    /// Its key is asked for by hand.
    Create((u8, Tag, Tag)),
    CreateByHand(Tags),
    Get((u8, Tag, Tag)),
    GetByHand,
    GetMany,
    Set((u8, Tag, Tag)),
    SetByHand(Tags),
    Refresh((u8, Tag, Tag)),
    Invalidate((u8, Tag, Tag)),
    DeleteByHand,
    Expire((u8, Tag, Tag)),
    InvalidateTag(Tag),
    InvalidateRegion(Invalidation),
}

/// Some keys of the functions of many, in this order or the other way round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Several {
    pub(crate) places: u8,
    pub(crate) backwards: bool,
}

impl Several {
    fn ids(self) -> Vec<u8> {
        let mut ids: Vec<_> =
            (0..).zip(OF_MANY.0).filter(|(place, _)| self.places >> place & 1 == 1).map(|(_, id)| id).collect();
        if self.backwards {
            ids.reverse();
        }
        ids
    }
}

type Acting<'m> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'm>>;

/// One of the regions, with what its callers do.
pub(crate) struct Node {
    pub(crate) region: &'static StaticRegion,
    pub(crate) name: &'static str,
    pub(crate) act: fn(Act, &Arc<Maker>) -> Result<(), Error>,
    pub(crate) act_later: for<'m> fn(Act, &'m Arc<Maker>) -> Acting<'m>,
}

impl Node {
    /// The settings of a region that names its entries as the others do.
    pub(crate) fn alike(&self, region: RegionBuilder) -> RegionBuilder {
        let name = self.name;
        region.key_mangler(move |text| text.replace(name, "node").replace("::later", "::value"))
    }
}

fn by_hand(tags: Tags) -> Key {
    Key::from("by hand").tagged(tags.names())
}

/// What a caller does, and what it writes down of it: for threads, and with `.await` for tasks.
macro_rules! acting {
    (
        $act:expr, $maker:expr, $region:expr, $function:ident, $all:ident, $make:ident, $create:ident, $get:ident, $get_many:ident,
        $set:ident, $delete:ident, $invalidate:ident, $invalidate_tag:ident $(, $await:ident)?
    ) => {{
        let (act, maker, region) = ($act, $maker, $region);
        let from = now();
        let read = |key, value, takes_stale| maker.note(from, What::Read { key, value, takes_stale });
        let forgotten = |scope, softly| maker.note(from, What::Forgotten { scope, softly });
        match act {
            Act::Call((id, a, b)) => read(id, Some($function(id, a, b, maker)$(.$await)?), true),
            Act::CallAll(several) => {
                let ids = several.ids();
                let values = $all(&ids, OF_MANY.1, OF_MANY.2, maker)$(.$await)?;
                ids.into_iter().zip(values).for_each(|(id, value)| read(id, Some(value), true));
            }
            Act::GetAll(several) => {
                let ids = several.ids();
                let values = $all::get(&ids, OF_MANY.1, OF_MANY.2)$(.$await)??;
                for id in ids {
                    read(id, values.get(&id).copied(), false);
                }
            }
            Act::SetAll(several) => {
                let values: Vec<_> = several.ids().into_iter().map(|id| (id, maker.new_value())).collect();
                let set = $all::set(OF_MANY.1, OF_MANY.2, values.clone())$(.$await)?;
                let tags = Tags::of(&[OF_MANY.1, OF_MANY.2]);
                for (key, value) in values {
                    maker.note(from, What::Set { key, value, tags, is_certain: set.is_ok() });
                }
                set?;
            }
            Act::RefreshAll(several) => {
                let ids = several.ids();
                let values = $all::refresh(&ids, OF_MANY.1, OF_MANY.2, maker)$(.$await)?;
                ids.into_iter().zip(values).for_each(|(id, value)| read(id, Some(value), false));
            }
            Act::InvalidateAll(several) => {
                let ids = several.ids();
                $all::invalidate(&ids, OF_MANY.1, OF_MANY.2)$(.$await)??;
                for id in ids {
                    forgotten(Scope::Key(id), false);
                }
            }
            Act::Create((id, a, b)) => {
                let create = || maker.$make(Tags::of(&[a, b]));
                read(id, Some(region.$create($function::key(id, a, b), create)$(.$await)?), true);
            }
            Act::CreateByHand(tags) => {
                read(BY_HAND, Some(region.$create(by_hand(tags), || maker.$make(tags))$(.$await)?), true);
            }
            Act::Get((id, a, b)) => read(id, $function::get(id, a, b)$(.$await)??, false),
            Act::GetByHand => read(BY_HAND, region.$get("by hand")$(.$await)??, false),
            Act::GetMany => {
                let keys = ARGUMENTS.map(|(id, a, b)| $function::key(id, a, b));
                let values = region.$get_many(keys)$(.$await)??;
                values.into_iter().zip(ARGUMENTS).for_each(|(value, (id, ..))| read(id, value, false));
            }
            Act::Set((key, a, b)) => {
                let value = maker.new_value();
                let set = $function::set(key, a, b, value)$(.$await)?;
                maker.note(from, What::Set { key, value, tags: Tags::of(&[a, b]), is_certain: set.is_ok() });
                set?;
            }
            Act::SetByHand(tags) => {
                let value = maker.new_value();
                let set = region.$set(by_hand(tags), &value)$(.$await)?;
                maker.note(from, What::Set { key: BY_HAND, value, tags, is_certain: set.is_ok() });
                set?;
            }
            Act::Refresh((id, a, b)) => read(id, Some($function::refresh(id, a, b, maker)$(.$await)?), false),
            Act::Invalidate((id, a, b)) => {
                $function::invalidate(id, a, b)$(.$await)??;
                forgotten(Scope::Key(id), false);
            }
            Act::DeleteByHand => {
                region.$delete("by hand")$(.$await)??;
                forgotten(Scope::Key(BY_HAND), false);
            }
            Act::Expire((id, a, b)) => {
                $function::expire(id, a, b)$(.$await)??;
                forgotten(Scope::Key(id), true);
            }
            Act::InvalidateTag(tag) => {
                region.$invalidate_tag(tag.to_string())$(.$await)??;
                forgotten(Scope::Tag(tag), false);
            }
            Act::InvalidateRegion(how) => {
                region.$invalidate(how)$(.$await)??;
                forgotten(Scope::Region, how == Invalidation::Soft);
            }
        }
        Ok(())
    }};
}

macro_rules! nodes {
    ($($name:ident),+) => {
        pub(crate) static NODES: [Node; 4] = [$(
            Node { region: &$name::REGION, name: stringify!($name), act: $name::act, act_later: $name::act_later }
        ),+];

        $(mod $name {
            use super::*;

            regions! {
                pub(super) static REGION = Region::builder(stringify!($name));
            }

            #[cache_on_arguments(region = REGION, tags = ["{first}", "{second}"], skip(maker), background)]
            fn value(_id: u8, first: Tag, second: Tag, maker: &Arc<Maker>) -> u64 {
                maker.make(Tags::of(&[first, second]))
            }

            #[cache_on_arguments(region = REGION, tags = ["{first}", "{second}"], skip(maker), background)]
            async fn later(_id: u8, first: Tag, second: Tag, maker: &Arc<Maker>) -> u64 {
                maker.make_later(Tags::of(&[first, second])).await
            }

            #[cache_multi_on_arguments(region = REGION, entries_of = value, skip(maker))]
            fn values(ids: &[u8], first: Tag, second: Tag, maker: &Arc<Maker>) -> Vec<u64> {
                ids.iter().map(|_| maker.make(Tags::of(&[first, second]))).collect()
            }

            #[cache_multi_on_arguments(region = REGION, entries_of = later, skip(maker))]
            async fn all_later(ids: &[u8], first: Tag, second: Tag, maker: &Arc<Maker>) -> Vec<u64> {
                let mut values = Vec::with_capacity(ids.len());
                for _ in ids {
                    values.push(maker.make_later(Tags::of(&[first, second])).await);
                }
                values
            }

            pub(super) fn act(act: Act, maker: &Arc<Maker>) -> Result<(), Error> {
                acting!(
                    act, maker, &REGION, value, values, make, get_or_create, get, get_many, set, delete, invalidate,
                    invalidate_tag
                )
            }

            pub(super) fn act_later(act: Act, maker: &Arc<Maker>) -> Acting<'_> {
                Box::pin(async move {
                    acting!(
                        act, maker, &REGION, later, all_later, make_later, get_or_create_async, get_async, get_many_async,
                        set_async, delete_async, invalidate_async, invalidate_tag_async, await
                    )
                })
            }
        })+
    };
}

nodes!(node_1, node_2, node_3, node_4);
