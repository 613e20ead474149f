//! Where a server is.

use std::fmt;

use cachekit::Error;

const PORT: u16 = 11211;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    /// `memcached://host[:port]`, or only `host[:port]`; an IPv6 address stands in brackets.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let place = match text.split_once("://") {
            Some(("memcached", place)) => place.strip_suffix('/').unwrap_or(place),
            Some(_) => return Err(Error::refused("the URL of a memcached begins with `memcached://`")),
            None => text,
        };
        let (host, port) = split(place).ok_or_else(|| {
            Error::refused(
                "the address of a memcached is `host:port`, or `[::1]:port` for one of IPv6, and nothing else",
            )
        })?;
        let port = match port {
            Some(port) => port.parse().ok().filter(|&port| port != 0).ok_or_else(|| {
                Error::refused("the port of a memcached is a number from 1 to 65535: leave it out for 11211")
            })?,
            None => PORT,
        };
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}

fn split(place: &str) -> Option<(&str, Option<&str>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte);
    (!host.is_empty() && host.bytes().all(is_host)).then_some((host, port))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        let shown = |text: &str| Address::parse(text).map(|address| address.to_string()).ok();
        assert_eq!(shown("memcached://cache.internal").as_deref(), Some("cache.internal:11211"));
        assert_eq!(shown("memcached://cache.internal:5/").as_deref(), Some("cache.internal:5"));
        assert_eq!(shown("Cache-1:5").as_deref(), Some("cache-1:5"));
        assert_eq!(shown("[::1]:5").as_deref(), Some("[::1]:5"));
        assert_eq!(shown("memcached://[::1]").as_deref(), Some("[::1]:11211"));
        for wrong in
            ["", ":5", "a:", "a:0", "a:65536", "a:b", "::1", "[::1", "[a]:5", "a b", "redis://a", "me:pw@a:5", "a/1"]
        {
            assert_eq!(shown(wrong), None, "{wrong}");
            assert!(Address::parse(wrong).unwrap_err().is_refused());
        }
    }
}
