//! The two ways of a connection that many requests are on at a time: commands go out in the order in which they were
//! given, and answers come in that order.

use std::collections::VecDeque;
use std::future;
use std::sync::{Arc, OnceLock};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::fault::Fault;
use super::protocol::{Parser, Pipeline, Response};
use super::welcome::Welcome;

/// How many requests are written at once.
const MOST: usize = 256;

/// Commands, and who waits for their answers.
pub(super) struct Order {
    pub(super) bytes: Vec<u8>,
    pub(super) count: usize,
    pub(super) answer: oneshot::Sender<Vec<Response>>,
}

/// Why a connection has ended.
pub(super) type Reason = Arc<OnceLock<Fault>>;

/// Answers that are still to come.
struct Due {
    count: usize,
    answers: Vec<Response>,
    answer: oneshot::Sender<Vec<Response>>,
}

/// What a connection begins with.
pub(super) async fn greet(stream: &mut TcpStream) -> Result<(Parser, Welcome), Fault> {
    let greeting = Pipeline::greeting();
    stream.write_all(greeting.bytes()).await?;
    let (mut parser, mut answers) = (Parser::default(), Vec::new());
    let mut bytes = [0; 4096];
    while answers.len() < greeting.len() && !answers.iter().any(Response::is_error) {
        match stream.read(&mut bytes).await? {
            0 => return Err(Fault::ended()),
            length => parser.feed(&bytes[..length]),
        }
        while let Some(answer) = parser.next()? {
            answers.push(answer);
        }
    }
    Ok((parser, Welcome::read(&answers)?))
}

/// Has orders carried out until nobody can give any more, or something goes wrong.
pub(super) async fn serve(
    mut stream: TcpStream,
    parser: Parser,
    mut orders: mpsc::UnboundedReceiver<Order>,
    reason: Reason,
) {
    let (from, to) = stream.split();
    let (dues, mut due) = mpsc::unbounded_channel();
    let mut waiting = VecDeque::new();
    let served = tokio::select! {
        served = write(to, &mut orders, dues) => served,
        served = read(from, parser, &mut due, &mut waiting) => served,
    };
    // Those who wait learn of the end when what is left here is dropped, and ask for the reason then.
    if let Err(fault) = served {
        let _ = reason.set(fault);
    }
}

async fn write(
    mut writing: WriteHalf<'_>,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    dues: mpsc::UnboundedSender<Due>,
) -> Result<(), Fault> {
    let mut given = Vec::new();
    let mut bytes = Vec::new();
    while orders.recv_many(&mut given, MOST).await > 0 {
        bytes.clear();
        bytes.shrink_to(64 * 1024);
        // Who has given up waiting needs nothing carried out.
        for order in given.drain(..).filter(|order| !order.answer.is_closed()) {
            bytes.extend_from_slice(&order.bytes);
            let due = Due { count: order.count, answers: Vec::with_capacity(order.count), answer: order.answer };
            if dues.send(due).is_err() {
                return Err(Fault::ended());
            }
        }
        writing.write_all(&bytes).await?;
    }
    // Answers may still be to come.
    drop(dues);
    future::pending().await
}

async fn read(
    mut reading: ReadHalf<'_>,
    mut parser: Parser,
    dues: &mut mpsc::UnboundedReceiver<Due>,
    waiting: &mut VecDeque<Due>,
) -> Result<(), Fault> {
    let mut bytes = vec![0; 64 * 1024];
    let mut is_open = true;
    while is_open || !waiting.is_empty() {
        tokio::select! {
            // An answer comes after it was waited for.
            biased;
            due = dues.recv(), if is_open => match due {
                Some(due) => waiting.push_back(due),
                None => is_open = false,
            },
            length = reading.read(&mut bytes) => {
                match length? {
                    0 => return Err(Fault::ended()),
                    length => parser.feed(&bytes[..length]),
                }
                deliver(&mut parser, waiting)?;
            }
        }
    }
    Ok(())
}

/// Hands answers to those who wait for them.
fn deliver(parser: &mut Parser, waiting: &mut VecDeque<Due>) -> Result<(), Fault> {
    while let Some(answer) = parser.next()? {
        let due = waiting.front_mut().ok_or_else(Fault::strange)?;
        due.answers.push(answer);
        if due.answers.len() == due.count
            && let Some(due) = waiting.pop_front()
        {
            // Who has given up waiting is not told.
            let _ = due.answer.send(due.answers);
        }
    }
    Ok(())
}
