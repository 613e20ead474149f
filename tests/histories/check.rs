//! Whether a history is one that nobody has to be told of.
//!
//! A value is as old as the moment when its computation began; one that was set is as old as the moment when `set`
//! returned, since until then it may come after anything. An invalidation of its key, of a tag of its, or of the region
//! overtakes the value if it began later than that. A read that begins after such an invalidation has returned must not
//! see the value: not at all after a hard one, nor after a `set` of its key, and only as an old value after a soft one.

use std::collections::HashMap;
use std::fmt;

use crate::event::{Event, Nanos, Scope, Tags, Value, What};

/// Whose invalidations a read depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Everybodys,
    /// Those of the node that reads.
    Own,
}

/// What a history consists of.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) computed: usize,
    /// Invalidations of every kind.
    pub(crate) forgotten: usize,
    /// Reads that saw a value.
    pub(crate) read: usize,
    /// Reads that saw a value of another node.
    pub(crate) read_of_others: usize,
}

/// A read of a value that it should not have seen.
#[derive(Debug)]
pub(crate) struct Violation<'e> {
    made: &'e Event,
    overtaken_by: Option<&'e Event>,
    read: &'e Event,
}

pub(crate) fn check(events: &[Event], whose: Whose) -> Result<Summary, Violation<'_>> {
    let (made, forgotten) = (made(events), Forgotten::new(events, whose));
    let mut summary = Summary {
        computed: events.iter().filter(|event| matches!(event.what, What::Computed { .. })).count(),
        forgotten: events.iter().filter(|event| matches!(event.what, What::Forgotten { .. })).count(),
        ..Summary::default()
    };
    for read in events {
        let What::Read { key, value: Some(value), takes_stale } = read.what else { continue };
        let Some(made) = made.get(&value) else {
            return Err(Violation { made: read, overtaken_by: None, read });
        };
        let scopes = made.tags.iter().map(Scope::Tag).chain([Scope::Key(key), Scope::Region]);
        let softly: &[bool] = if takes_stale { &[false] } else { &[false, true] };
        for place in scopes.flat_map(|scope| softly.iter().map(move |softly| (scope, *softly))) {
            if let Some(latest) = forgotten.latest_before(read, place).filter(|latest| latest.from > made.born) {
                return Err(Violation { made: made.event, overtaken_by: Some(latest), read });
            }
        }
        summary.read += 1;
        summary.read_of_others += usize::from(made.event.node != read.node);
    }
    Ok(summary)
}

struct Made<'e> {
    /// What an invalidation must not have begun after.
    born: Nanos,
    tags: Tags,
    event: &'e Event,
}

fn made(events: &[Event]) -> HashMap<Value, Made<'_>> {
    let made = |event| match event {
        event @ &Event { from, what: What::Computed { value, tags }, .. } => {
            Some((value, Made { born: from, tags, event }))
        }
        event @ &Event { to, what: What::Set { value, tags, is_certain, .. }, .. } => {
            Some((value, Made { born: if is_certain { to } else { Nanos::MAX }, tags, event }))
        }
        _ => None,
    };
    events.iter().filter_map(made).collect()
}

/// A scope, and whether it is about soft invalidations.
type Place = (Scope, bool);

/// When an invalidation returned, and of all that had returned by then the one that began last.
type End<'e> = (Nanos, &'e Event);

/// Invalidations by what they are about and whose they are, in the order of their ends.
struct Forgotten<'e> {
    whose: Whose,
    ends: HashMap<(Option<u8>, Place), Vec<End<'e>>>,
}

impl<'e> Forgotten<'e> {
    fn new(events: &'e [Event], whose: Whose) -> Self {
        let mut forgotten = Self { whose, ends: HashMap::new() };
        let mut by_end: Vec<&Event> = events.iter().collect();
        by_end.sort_by_key(|event| event.to);
        for event in by_end {
            let place = match event.what {
                What::Forgotten { scope, softly } => (scope, softly),
                What::Set { key, is_certain: true, .. } => (Scope::Key(key), false),
                _ => continue,
            };
            let ends = forgotten.ends.entry((forgotten.node(event), place)).or_default();
            let latest = ends.last().map_or(event, |(_, latest)| if latest.from > event.from { latest } else { event });
            ends.push((event.to, latest));
        }
        forgotten
    }

    fn node(&self, event: &Event) -> Option<u8> {
        (self.whose == Whose::Own).then_some(event.node)
    }

    /// Of the invalidations that had returned when the read began, the one that began last.
    fn latest_before(&self, read: &Event, place: Place) -> Option<&'e Event> {
        let ends = self.ends.get(&(self.node(read), place))?;
        let over = ends.partition_point(|(to, _)| *to < read.from);
        over.checked_sub(1).map(|last| ends[last].1)
    }
}

/// The events that tell it, and nothing else.
impl fmt::Display for Violation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(overtaken_by) = self.overtaken_by else {
            return write!(f, "a value that nobody has made:\n  {:?}", self.read);
        };
        let zero = self.made.from;
        let mut line = |what: &str, event: &Event| {
            let Event { node, from, to, what: event } = event;
            let (from, to) = (from.saturating_sub(zero) / 1_000, to.saturating_sub(zero) / 1_000);
            write!(f, "\n  {what:<13} node {node}, {from:>8} to {to:>8} µs: {event:?}")
        };
        line("made", self.made)?;
        line("overtaken by", overtaken_by)?;
        line("read", self.read)
    }
}

mod tests {
    use super::*;

    const NO_TAGS: Tags = Tags { a: false, b: false };

    fn event(node: u8, from: Nanos, to: Nanos, what: What) -> Event {
        Event { node, from, to, what }
    }

    fn computed(from: Nanos, to: Nanos) -> Event {
        event(1, from, to, What::Computed { value: 1, tags: Tags::of(&['a']) })
    }

    fn forgotten(from: Nanos, to: Nanos, scope: Scope, softly: bool) -> Event {
        event(2, from, to, What::Forgotten { scope, softly })
    }

    fn read(from: Nanos, takes_stale: bool) -> Event {
        event(3, from, from + 1, What::Read { key: 0, value: Some(1), takes_stale })
    }

    fn is_fine(events: &[Event]) -> bool {
        check(events, Whose::Everybodys).is_ok()
    }

    #[test]
    fn a_read_after_an_invalidation_that_began_after_the_computation_is_found() {
        for scope in [Scope::Key(0), Scope::Tag('a'), Scope::Region] {
            for takes_stale in [false, true] {
                assert!(!is_fine(&[computed(0, 9), forgotten(1, 2, scope, false), read(3, takes_stale)]));
                assert!(!is_fine(&[read(3, takes_stale), forgotten(1, 2, scope, false), computed(0, 1)]), "any order");
            }
            assert!(!is_fine(&[computed(0, 9), forgotten(1, 2, scope, true), read(3, false)]));
            let later = [forgotten(1, 3, scope, false), forgotten(2, 9, scope, false), forgotten(0, 4, scope, false)];
            assert!(!is_fine(&[&later[..], &[computed(0, 9), read(4, false)]].concat()), "one of several");
        }
    }

    #[test]
    fn what_may_have_come_in_another_order_is_fine() {
        for scope in [Scope::Key(0), Scope::Tag('a'), Scope::Region] {
            assert!(is_fine(&[computed(1, 9), forgotten(1, 2, scope, false), read(3, false)]), "began with it");
            assert!(is_fine(&[computed(0, 9), forgotten(1, 3, scope, false), read(3, false)]), "ended with it");
            assert!(is_fine(&[computed(0, 9), forgotten(1, 2, scope, true), read(3, true)]), "an old value");
        }
        for scope in [Scope::Key(1), Scope::Tag('b')] {
            assert!(is_fine(&[computed(0, 9), forgotten(1, 2, scope, false), read(3, false)]), "somebody else's");
        }
    }

    #[test]
    fn a_value_that_was_set_is_as_old_as_the_end_of_that() {
        let set =
            |from, to, value, is_certain| event(1, from, to, What::Set { key: 0, value, tags: NO_TAGS, is_certain });
        let over = forgotten(2, 3, Scope::Region, false);
        assert!(!is_fine(&[set(0, 1, 1, true), over.clone(), read(4, false)]));
        assert!(is_fine(&[set(0, 2, 1, true), over.clone(), read(4, false)]));
        assert!(is_fine(&[set(0, 1, 1, false), over, read(4, false)]), "who knows when");
        assert!(!is_fine(&[computed(0, 9), set(1, 2, 2, true), read(3, false)]), "replaced");
        assert!(is_fine(&[computed(0, 9), set(1, 2, 2, false), read(3, false)]));
    }

    #[test]
    fn a_value_that_nobody_has_made_is_found() {
        assert!(!is_fine(&[read(0, true)]));
    }

    #[test]
    fn where_only_its_own_invalidations_count_others_do_not() {
        let events = [computed(0, 9), forgotten(1, 2, Scope::Region, false), read(3, false)];
        assert!(check(&events, Whose::Own).is_ok());
        let own = Event { node: 3, ..events[1].clone() };
        assert!(check(&[events[0].clone(), own, events[2].clone()], Whose::Own).is_err());
    }
}
