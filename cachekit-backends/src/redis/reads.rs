//! What tasks read at the same time, as one command.
//!
//! A server answers one command for hundreds of keys sooner than as many commands, and a name that several ask for, as
//! they do for the epoch of their region, is read once. Nobody waits for others while fewer than two commands are under way.

use std::collections::HashMap;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Arg, Cmd, ErrorKind, RedisError, RedisResult, Value};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How many callers share a command at most.
const MOST: usize = 256;

/// How many commands are under way before the next callers are gathered, until one is answered.
const IN_FLIGHT: usize = 2;

/// How long callers are gathered at most, should the server be far away.
const PATIENCE: Duration = Duration::from_millis(1);

/// What tasks read on one connection.
#[derive(Clone)]
pub(super) struct Reads(mpsc::UnboundedSender<Read>);

/// What one caller reads, as a command of its own.
struct Read {
    command: Arc<Cmd>,
    answer: oneshot::Sender<RedisResult<Value>>,
}

impl Reads {
    /// Carries out, on the current runtime, what is asked for until nobody can ask any more.
    pub(super) fn on(connection: MultiplexedConnection) -> Self {
        let (reads, asked) = mpsc::unbounded_channel();
        tokio::spawn(gather(connection, asked));
        Self(reads)
    }

    /// The answer to an `MGET`.
    pub(super) async fn ask(&self, command: &Arc<Cmd>) -> RedisResult<Value> {
        let (answer, answered) = oneshot::channel();
        // What cannot be sent is dropped, and with it the promise of an answer.
        let _ = self.0.send(Read { command: Arc::clone(command), answer });
        answered.await.unwrap_or_else(|_| Err(RedisError::from((ErrorKind::Io, "the connection has ended"))))
    }
}

async fn gather(connection: MultiplexedConnection, mut asked: mpsc::UnboundedReceiver<Read>) {
    let free = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut reads = Vec::new();
    // Given up with the last who could ask, who is also the last who waits.
    let mut under_way = JoinSet::new();
    while let Ok(turn) = Arc::clone(&free).acquire_owned().await {
        if asked.recv_many(&mut reads, MOST).await == 0 {
            break;
        }
        while under_way.try_join_next().is_some() {}
        let carried_out = carry_out(connection.clone(), mem::take(&mut reads));
        under_way.spawn(async move {
            let mut carried_out = pin!(carried_out);
            if timeout(PATIENCE, carried_out.as_mut()).await.is_err() {
                drop(turn);
                carried_out.await;
            }
        });
    }
}

async fn carry_out(mut connection: MultiplexedConnection, reads: Vec<Read>) {
    let (command, places) = merged(&reads);
    match connection.send_packed_command(&command).await {
        Ok(Value::Array(values)) if places.iter().flatten().all(|place| *place < values.len()) => {
            tell(reads, &places, values);
        }
        Err(error) => reads.into_iter().for_each(|read| drop(read.answer.send(Err(error.clone())))),
        // It may concern some of the names only.
        Ok(_) => {
            for Read { command, answer } in reads {
                drop(answer.send(connection.send_packed_command(&command).await));
            }
        }
    }
}

/// One command for all, and where each finds its values in the answer.
fn merged(reads: &[Read]) -> (Cmd, Vec<Vec<usize>>) {
    let mut places: HashMap<&[u8], usize> = HashMap::new();
    let mut command = redis::cmd("MGET");
    let of_each = reads.iter().map(|read| {
        let names = read.command.args_iter().skip(1).filter_map(|name| match name {
            Arg::Simple(name) => Some(name),
            _ => None,
        });
        let place = |name| {
            let next = places.len();
            *places.entry(name).or_insert_with(|| {
                command.arg(name);
                next
            })
        };
        names.map(place).collect()
    });
    let of_each = of_each.collect();
    (command, of_each)
}

fn tell(reads: Vec<Read>, places: &[Vec<usize>], mut values: Vec<Value>) {
    let mut uses = vec![0_usize; values.len()];
    places.iter().flatten().for_each(|place| uses[*place] += 1);
    for (read, places) in reads.into_iter().zip(places) {
        let of_it = places.iter().map(|place| {
            uses[*place] -= 1;
            // Values may be large: the last one to ask gets the value itself.
            if uses[*place] == 0 { mem::replace(&mut values[*place], Value::Nil) } else { values[*place].clone() }
        });
        let of_it = of_it.collect();
        drop(read.answer.send(Ok(Value::Array(of_it))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &[&str]) -> (Read, oneshot::Receiver<RedisResult<Value>>) {
        let (answer, answered) = oneshot::channel();
        let mut command = redis::cmd("MGET");
        for name in names {
            command.arg(name);
        }
        (Read { command: Arc::new(command), answer }, answered)
    }

    #[test]
    fn each_gets_its_own_of_an_answer_in_which_nothing_is_twice() {
        let asked: [&[&str]; 4] = [&["a", "epoch"], &["b", "epoch"], &["a"], &["b", "b", ""]];
        let (reads, answered): (Vec<_>, Vec<_>) = asked.iter().map(|names| read(names)).unzip();
        let (command, places) = merged(&reads);
        let names: Vec<_> = command.args_iter().skip(1).collect();
        let text = |name: &Arg<&[u8]>| match name {
            Arg::Simple(name) => Value::SimpleString(String::from_utf8_lossy(name).into_owned()),
            other => panic!("{other:?}"),
        };
        let values: Vec<_> = names.iter().map(text).collect();
        assert_eq!(values, ["a", "epoch", "b", ""].map(|name| Value::SimpleString(name.to_owned())));
        tell(reads, &places, values);
        for (names, mut answered) in asked.into_iter().zip(answered) {
            let wanted = names.iter().map(|name| Value::SimpleString((*name).to_owned())).collect();
            assert_eq!(answered.try_recv().unwrap().unwrap(), Value::Array(wanted));
        }
    }
}
