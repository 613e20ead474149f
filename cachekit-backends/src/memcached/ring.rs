//! Which of several servers keeps a key: consistent hashing, the same in every process and every version.
//!
//! Each server has 160 points on a ring of 64-bit numbers: for each number from 0 to 79, two of the SHA-1 of
//! `host:port-number`, which are its first and its second 8 bytes, the highest first. A key is kept by the server whose
//! point is the first from the first 8 bytes of the key's SHA-1 on. So the order in which servers are listed does not
//! matter, and where one is added or left out only keys move that it has, or had. A server that does not answer keeps
//! its keys: were they kept elsewhere meanwhile, old ones would come back with it.

use sha1::{Digest, Sha1};

use super::address::Address;

const HASHES: usize = 80;

/// The points of the servers, in order, each with the place of its server in the list.
#[derive(Debug)]
pub(super) struct Ring(Vec<(u64, usize)>);

impl Ring {
    pub(super) fn new(servers: &[Address]) -> Self {
        let points = servers.iter().enumerate().flat_map(|(place, server)| {
            (0..HASHES).flat_map(move |number| {
                let [first, second] = hashes(format!("{server}-{number}").as_bytes());
                [(first, place), (second, place)]
            })
        });
        let mut points: Vec<_> = if servers.len() > 1 { points.collect() } else { Vec::new() };
        // Of two servers at one point it is the same that counts, in whichever order they are listed.
        points.sort_unstable_by(|a, b| (a.0, &servers[a.1]).cmp(&(b.0, &servers[b.1])));
        points.dedup_by_key(|point| point.0);
        Self(points)
    }

    /// The place, in the list, of the server that keeps a key.
    pub(super) fn server_of(&self, key: &str) -> usize {
        if self.0.is_empty() {
            return 0;
        }
        let [hash, _] = hashes(key.as_bytes());
        let place = self.0.partition_point(|point| point.0 < hash);
        self.0[place % self.0.len()].1
    }
}

fn hashes(bytes: &[u8]) -> [u64; 2] {
    let hash = Sha1::digest(bytes);
    [0, 8].map(|at| hash[at..at + 8].iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(hosts: &[&str]) -> Vec<Address> {
        hosts.iter().map(|host| Address { host: (*host).to_owned(), port: 11211 }).collect()
    }

    fn placed(hosts: &[&'static str]) -> Vec<&'static str> {
        let ring = Ring::new(&servers(hosts));
        (0..3_000).map(|number| hosts[ring.server_of(&format!("user:{number}"))]).collect()
    }

    #[test]
    fn keys_stay_where_they_are() {
        let hosts = ["one", "two", "three"];
        let ring = Ring::new(&servers(&hosts));
        let of = ["", "a", "user:1", "user:2", "user:3", "é"].map(|key| hosts[ring.server_of(key)]);
        assert_eq!(of, ["three", "two", "one", "two", "one", "three"]);
    }

    #[test]
    fn where_one_server_is_left_out_only_its_keys_move() {
        let (all, fewer) = (placed(&["one", "two", "three", "four"]), placed(&["four", "two", "one"]));
        assert!(all.iter().zip(&fewer).all(|(before, after)| before == after || *before == "three"));
        for host in ["one", "two", "three", "four"] {
            let count = all.iter().filter(|of| **of == host).count();
            assert!((450..1_050).contains(&count), "{host} has {count} of 3000");
        }
    }

    #[test]
    fn the_order_of_the_list_does_not_matter() {
        assert_eq!(placed(&["one", "two", "three"]), placed(&["three", "one", "two"]));
    }
}
