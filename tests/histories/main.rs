//! No read sees what an invalidation has overtaken: random operations in several processes, recorded, and checked.
//!
//! Four regions over one backend stand for as many processes in this one; real processes are four of this program. What is
//! checked is in `check`; that the check finds what it is there for, when the leases are switched off, is a test too.
//! `CACHEKIT_HISTORIES=50` has each test make so many runs, with a seed of its own each.

mod check;
mod event;
mod faults;
mod in_process;
mod maker;
mod nodes;
mod processes;
mod run;
