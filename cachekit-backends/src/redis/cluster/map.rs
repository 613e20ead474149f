//! Which server of a cluster has which slots.

use std::sync::Arc;

use redis::{ServerError, Value};

use crate::redis::fault::{Fault, FaultKind};
use crate::redis::server::Server;
use crate::redis::slot::SLOTS;

/// The servers that take writes, and which slots they have.
pub(super) struct Map {
    pub(super) servers: Vec<Arc<Server>>,
    /// The place of the server among them; of one that nobody has, a place behind the last.
    places: Vec<u16>,
}

impl Map {
    /// What a server says of its cluster; `named` is the server at an address, or the one that said so where that has no
    /// host.
    pub(super) fn read(
        slots: &Value,
        mut named: impl FnMut(&str, u16) -> Result<Arc<Server>, Fault>,
    ) -> Result<Self, Fault> {
        let Value::Array(ranges) = slots else { return Err(unlike(slots)) };
        let mut map = Self { servers: Vec::new(), places: vec![u16::MAX; usize::from(SLOTS)] };
        for range in ranges {
            let (first, last, host, port) = range_of(range).ok_or_else(Fault::strange)?;
            let server = named(host, port)?;
            let known = map.servers.iter().position(|known| Arc::ptr_eq(known, &server));
            let place = known.unwrap_or_else(|| {
                map.servers.push(server);
                map.servers.len() - 1
            });
            let place = u16::try_from(place).map_err(|_| Fault::strange())?;
            map.places.get_mut(first..=last).ok_or_else(Fault::strange)?.fill(place);
        }
        if map.servers.is_empty() {
            return Err(Fault::new(FaultKind::Unable, "no server of the cluster has any slots yet"));
        }
        Ok(map)
    }

    /// The server that has a slot.
    pub(super) fn server(&self, slot: u16) -> Option<&Arc<Server>> {
        self.servers.get(usize::from(self.places[usize::from(slot)]))
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        let servers = self.servers.iter().zip(&other.servers);
        self.places == other.places
            && self.servers.len() == other.servers.len()
            && servers.into_iter().all(|(one, other)| Arc::ptr_eq(one, other))
    }
}

/// The first and the last slot, and where the server is that takes their writes.
fn range_of(range: &Value) -> Option<(usize, usize, &str, u16)> {
    let Value::Array(range) = range else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(server), ..] = &range[..] else { return None };
    let [host, Value::Int(port), ..] = &server[..] else { return None };
    let host = match host {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        Value::Nil => "",
        _ => return None,
    };
    // Those that do not know their own name say so.
    let host = if host == "?" { "" } else { host };
    Some(((*first).try_into().ok()?, (*last).try_into().ok()?, host, (*port).try_into().ok()?))
}

fn unlike(value: &Value) -> Fault {
    match value {
        Value::ServerError(error)
            if error.details().is_some_and(|details| details.contains("cluster support disabled")) =>
        {
            Fault::new(FaultKind::Refused, "it is no part of a cluster: name it by `Redis::connect`, or `url`")
        }
        Value::ServerError(error) => Fault::said(error),
        _ => Fault::strange(),
    }
}

/// Where a server sends who asks for a slot that it does not have, or no longer has: the host is empty where it is its own.
pub(super) fn sent_to(error: &ServerError) -> Option<(&str, u16)> {
    let (_, address) = error.details()?.split_once(' ')?;
    let (host, port) = address.rsplit_once(':')?;
    Some((if host == "?" { "" } else { host }, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::source::{Login, Source};

    fn server(host: &str, port: u16) -> Result<Arc<Server>, Fault> {
        let host = if host.is_empty() { "itself" } else { host };
        let source = Source::parse(&format!("redis://{host}:{port}"), Login::default(), None);
        source.map(Server::shared).map_err(|error| Fault::new(FaultKind::Refused, error))
    }

    fn range(first: i64, last: i64, host: Value, port: i64) -> Value {
        let server = |host, port| Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())]);
        let replica = server(Value::BulkString(b"replica".to_vec()), 1);
        Value::Array(vec![Value::Int(first), Value::Int(last), server(host, port), replica])
    }

    fn host(name: &str) -> Value {
        Value::BulkString(name.as_bytes().to_vec())
    }

    #[test]
    fn a_slot_is_that_of_the_server_that_takes_its_writes() {
        let ranges = [range(0, 99, host("a"), 7), range(100, 199, host("b"), 7), range(300, 16_383, host("a"), 7)];
        let map = Map::read(&Value::Array(ranges.to_vec()), server).unwrap();
        let place = |slot| map.server(slot).map(|server| server.place.clone());
        assert_eq!((place(0).as_deref(), place(100).as_deref(), place(200)), (Some("a:7"), Some("b:7"), None));
        assert_eq!((place(16_383).as_deref(), map.servers.len()), (Some("a:7"), 2));
    }

    #[test]
    fn a_server_without_a_name_is_where_it_was_asked() {
        for host in [Value::Nil, host(""), host("?")] {
            let map = Map::read(&Value::Array(vec![range(0, 16_383, host, 7)]), server).unwrap();
            assert_eq!(map.servers[0].place, "itself:7");
        }
    }

    #[test]
    fn what_is_no_map_is_a_fault() {
        let wrong = [
            Value::Nil,
            Value::Array(Vec::new()),
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![range(0, 16_384, host("a"), 7)]),
            Value::Array(vec![range(-1, 5, host("a"), 7)]),
            Value::Array(vec![range(9, 5, host("a"), 7)]),
            Value::Array(vec![range(0, 5, host("a"), 70_000)]),
        ];
        for wrong in wrong {
            assert!(Map::read(&wrong, server).is_err(), "{wrong:?}");
        }
    }
}
