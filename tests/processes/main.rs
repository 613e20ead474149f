//! What holds between real processes: this program several times, over a real store.

mod herds;
mod many;
mod worker;
