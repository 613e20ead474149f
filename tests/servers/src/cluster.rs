//! A cluster of three servers.

use std::ops::Range;

use crate::redis::RedisServer;
use crate::sentinels::encryption;
use crate::{free_port, poll_until};

/// How many slots a cluster has.
const SLOTS: usize = 16_384;

/// After how many milliseconds of silence the servers take one another for dead.
const DEAD_AFTER: &str = "1000";

/// Three servers with a third of the slots each, which serve what they have when one is lost; killed when it is dropped.
#[derive(Debug)]
pub struct RedisCluster {
    /// Those that have slots, and then replicas and those that have none.
    pub servers: Vec<RedisServer>,
    /// Where they take encrypted connections, if they do.
    encrypted: Vec<u16>,
}

/// A slot that is being handed over, from one server to another.
#[derive(Clone, Copy, Debug)]
pub struct Handover {
    /// The slot.
    pub slot: u16,
    /// The place of the server that has it.
    pub from: usize,
    /// The place of the server that gets it.
    pub to: usize,
}

impl RedisCluster {
    /// Starts them, and waits until they know one another.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, or they do not come up.
    #[must_use]
    pub fn start() -> Self {
        Self::started(None)
    }

    /// As [`start`](Self::start), where all that they say is encrypted, with the files of a certificate for `127.0.0.1`, its
    /// key, and who has signed it.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with_tls(files: [&str; 3]) -> Self {
        Self::started(Some(files))
    }

    fn started(files: Option<[&str; 3]>) -> Self {
        let mut cluster = Self { servers: Vec::new(), encrypted: Vec::new() };
        for place in 0..3 {
            cluster.encrypted.extend(files.map(|_| free_port()));
            let encrypted = files.map(|files| encryption(cluster.encrypted[place], files));
            let arguments =
                encrypted.map(|settings| settings.map(|(name, value)| [format!("--{name}"), value]).concat());
            cluster.servers.push(server(arguments.unwrap_or_default()));
            let Range { start, end } = Self::slots_of(place);
            cluster.servers[place].command(&["CLUSTER", "SET-CONFIG-EPOCH", &(place + 1).to_string()]);
            let range = [start.to_string(), (end - 1).to_string()];
            cluster.servers[place].command(&["CLUSTER", "ADDSLOTSRANGE", &range[0], &range[1]]);
        }
        for place in 1..3 {
            cluster.meet(place);
        }
        cluster.await_agreement();
        cluster
    }

    /// Adds a server, a replica of the one in this place if there is one; the place of the new one.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn add(&mut self, replica_of: Option<usize>) -> usize {
        let place = self.servers.len();
        self.servers.push(server(Vec::new()));
        self.meet(place);
        self.await_agreement();
        if let Some(master) = replica_of {
            let id = self.id(master);
            poll_until("the replica follows", || {
                self.servers[place].command(&["CLUSTER", "REPLICATE", &id]).starts_with("+OK").then_some(())
            });
            poll_until("the replica has what the master has", || {
                let info = self.servers[place].command(&["INFO", "replication"]);
                info.contains("master_link_status:up").then_some(())
            });
        }
        self.await_agreement();
        place
    }

    /// Where the three are, as `host:port`.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        (0..3).map(|place| format!("127.0.0.1:{}", self.port(place))).collect()
    }

    /// Where a server is for the others, and for who asks.
    fn port(&self, place: usize) -> u16 {
        self.encrypted.get(place).copied().unwrap_or_else(|| self.servers[place].port())
    }

    /// The slots that a server has had at the start.
    fn slots_of(place: usize) -> Range<usize> {
        place * SLOTS / 3..(place + 1) * SLOTS / 3
    }

    /// The slot of a name.
    ///
    /// # Panics
    ///
    /// When no server answers.
    #[must_use]
    pub fn slot(&self, name: &str) -> u16 {
        let answer = self.servers[0].command(&["CLUSTER", "KEYSLOT", name]);
        answer.trim_start_matches(':').trim_end().parse().expect("a slot is a number")
    }

    /// Which server has had the slot of a name at the start.
    #[must_use]
    pub fn place_of(&self, name: &str) -> usize {
        let slot = usize::from(self.slot(name));
        (0..3).find(|place| Self::slots_of(*place).contains(&slot)).expect("each slot was somebody's")
    }

    /// Begins to hand a slot over: what is not there any more is asked for with `ASK`.
    pub fn begin(&self, Handover { slot, from, to }: Handover) {
        let (slot, ids) = (slot.to_string(), [self.id(from), self.id(to)]);
        self.servers[to].command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids[0]]);
        self.servers[from].command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids[1]]);
    }

    /// Hands one name over.
    ///
    /// # Panics
    ///
    /// When the server does not.
    pub fn hand_over(&self, Handover { from, to, .. }: Handover, name: &str) {
        let port = self.servers[to].port().to_string();
        let answer = self.servers[from].command(&["MIGRATE", "127.0.0.1", &port, name, "0", "5000"]);
        assert!(answer.starts_with("+OK") || answer.starts_with("+NOKEY"), "{answer}");
    }

    /// Hands over what is left, and says so to everyone.
    ///
    /// # Panics
    ///
    /// When a server does not take note.
    pub fn end(&self, handover: Handover) {
        let (slot, id) = (handover.slot.to_string(), self.id(handover.to));
        loop {
            let answer = self.servers[handover.from].command(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]);
            // Each name is preceded by its length.
            let names: Vec<&str> = answer.split("\r\n").skip(2).step_by(2).filter(|name| !name.is_empty()).collect();
            if names.is_empty() {
                break;
            }
            for name in names {
                self.hand_over(handover, name);
            }
        }
        // The new owner first: nobody is told of one who does not know it.
        let others = (0..3).filter(|place| ![handover.to, handover.from].contains(place));
        for place in [handover.to, handover.from].into_iter().chain(others) {
            let answer = self.servers[place].command(&["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
            assert!(answer.starts_with("+OK"), "{answer}");
        }
        // Servers that have not heard of one another's last handover may lose what the next one is about.
        poll_until("all have heard of the handover", || {
            let epoch = |server: &RedisServer| {
                let info = server.command(&["CLUSTER", "INFO"]);
                info.lines().find(|line| line.starts_with("cluster_current_epoch")).map(str::to_owned)
            };
            let first = epoch(&self.servers[0])?;
            self.servers[1..3].iter().all(|server| epoch(server).as_ref() == Some(&first)).then_some(())
        });
    }

    /// Waits until each server says that the cluster works, and takes nobody for dead.
    ///
    /// # Panics
    ///
    /// When it does not in time.
    pub fn await_agreement(&self) {
        let known = format!("cluster_known_nodes:{}\r\n", self.servers.len());
        poll_until("the servers of the cluster agree", || {
            let agrees = |server: &RedisServer| {
                let (info, slots) = (server.command(&["CLUSTER", "INFO"]), server.command(&["CLUSTER", "SLOTS"]));
                let lists =
                    (0..3).filter(|place| slots.contains(&format!(":{}\r\n", self.servers[*place].port()))).count();
                let takes_for_dead = server.command(&["CLUSTER", "NODES"]).contains("fail");
                info.contains("cluster_state:ok") && info.contains(&known) && lists == 3 && !takes_for_dead
            };
            self.servers.iter().all(agrees).then_some(())
        });
    }

    /// How a server calls itself.
    fn id(&self, place: usize) -> String {
        let answer = self.servers[place].command(&["CLUSTER", "MYID"]);
        answer.trim_end().rsplit("\r\n").next().expect("a server has a name").to_owned()
    }

    fn meet(&self, place: usize) {
        let port = self.port(place).to_string();
        let bus = self.servers[place].bus().expect("it was started with one").to_string();
        let answer = self.servers[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        assert!(answer.starts_with("+OK"), "{answer}");
    }
}

fn server(encryption: Vec<String>) -> RedisServer {
    let bus = free_port().to_string();
    let serves = ["--cluster-require-full-coverage", "no", "--cluster-node-timeout", DEAD_AFTER];
    let of_cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus];
    RedisServer::start_with(of_cluster.into_iter().chain(serves).map(str::to_owned).chain(encryption))
}
