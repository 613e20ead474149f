//! Keeps a server that cannot be reached from being asked for connections all the time.
//!
//! After a connection that failed, requests fail at once for a while that grows from failure to failure; then one
//! caller tries, and the others fail until it has.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const SHORTEST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);

/// What went wrong with a connection.
pub(crate) trait Told: Clone {
    /// The same, for those who were not there when it happened.
    fn to_others(&self) -> Self;
}

#[derive(Debug)]
pub(crate) struct Gate<F>(Mutex<Option<Shut<F>>>);

#[derive(Debug)]
struct Shut<F> {
    fault: F,
    pause: Duration,
    until: Instant,
    /// Which server it was that could not be reached.
    number: u64,
    /// Somebody tries.
    tried: bool,
}

/// The right to try; whoever does not say what became of it leaves the gate as it was.
#[derive(Debug)]
pub(crate) struct Pass<'a, F> {
    gate: &'a Gate<F>,
    /// The gate was shut when it was given.
    alone: bool,
    number: u64,
}

impl<F> Default for Gate<F> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<F: Clone> Gate<F> {
    /// The right to connect, or why there is none.
    pub(crate) fn enter(&self, number: u64, now: Instant) -> Result<Pass<'_, F>, F> {
        let mut state = self.lock();
        // That one could not be reached says nothing of the next.
        state.take_if(|shut| shut.number != number);
        let Some(shut) = &mut *state else { return Ok(Pass { gate: self, alone: false, number }) };
        if shut.tried || now < shut.until {
            return Err(shut.fault.clone());
        }
        shut.tried = true;
        Ok(Pass { gate: self, alone: true, number })
    }

    /// Why nobody waits for a connection: the last one failed, be it that somebody tries again.
    pub(crate) fn is_shut(&self, number: u64) -> Option<F> {
        self.lock().as_ref().filter(|shut| shut.number == number).map(|shut| shut.fault.clone())
    }
}

impl<F> Gate<F> {
    fn lock(&self) -> MutexGuard<'_, Option<Shut<F>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Told> Pass<'_, F> {
    /// Tells what became of the connection, and hands it on.
    pub(crate) fn tell<T>(mut self, connected: Result<T, F>, now: Instant) -> Result<T, F> {
        let mut state = self.gate.lock();
        match &connected {
            Ok(_) => *state = None,
            // A fault of those that came in together counts once.
            Err(fault) if self.alone || state.is_none() => {
                let pause = state.as_ref().map_or(SHORTEST, |shut| (shut.pause * 2).min(LONGEST));
                let fault = fault.to_others();
                *state = Some(Shut { fault, pause, until: now + pause, number: self.number, tried: false });
            }
            Err(_) => {}
        }
        drop(state);
        self.alone = false;
        connected
    }
}

impl<F> Drop for Pass<'_, F> {
    fn drop(&mut self) {
        if let Some(shut) = &mut *self.gate.lock()
            && self.alone
        {
            shut.tried = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug)]
    struct Failed;

    impl Told for Failed {
        fn to_others(&self) -> Self {
            Self
        }
    }

    #[test]
    fn one_tries_after_a_pause_that_grows() {
        let (gate, now) = (Gate::default(), Instant::now());
        let fails = |at| gate.enter(0, at).map(|pass| pass.tell::<()>(Err(Failed), at)).map(|told| told.is_err()).ok();
        let (first, second) = (gate.enter(0, now).unwrap(), gate.enter(0, now).unwrap());
        let _ = first.tell::<()>(Err(Failed), now);
        let _ = second.tell::<()>(Err(Failed), now);
        assert_eq!(fails(now), None, "nobody tries during the pause");
        assert_eq!(fails(now + SHORTEST), Some(true));
        assert_eq!(fails(now + SHORTEST * 2), None, "the second pause is longer");
        let pass = gate.enter(0, now + SHORTEST * 3).unwrap();
        assert!(gate.enter(0, now + SHORTEST * 3).is_err(), "one tries");
        drop(pass);
        let pass = gate.enter(0, now + SHORTEST * 3).unwrap();
        assert_eq!(pass.tell(Ok(1), now).unwrap(), 1);
        assert!(gate.enter(0, now).is_ok());
    }
}
