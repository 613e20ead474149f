//! The meta commands of memcached as bytes, and its answers from bytes: no sockets, no waiting, no clock.
//!
//! Of the commands there are `mg`, `ms`, `md` and `mn`, and `stats`, with which a connection begins. A connection that
//! has sent something unlike these answers is of no use any more.

mod parser;
mod pipeline;
mod response;

pub(super) use self::parser::{Malformed, Parser};
pub(super) use self::pipeline::Pipeline;
pub(super) use self::response::{Response, Status};
