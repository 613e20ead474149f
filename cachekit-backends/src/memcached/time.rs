//! How long things are kept, in the whole seconds that a server counts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is longer is a point in time to a server, in seconds since 1970.
const LONGEST: u64 = 30 * 24 * 60 * 60;

/// How long a server is told to keep something for this time at least, as it counts from now.
///
/// A second of its clock may be almost over, so there is one more. What is beyond its calendar is for ever.
pub(super) fn keep(length: Option<Duration>) -> Option<u64> {
    seconds(length.map(whole), SystemTime::now())
}

/// As many seconds, as a server is told.
pub(super) fn left(seconds_left: Option<u64>) -> Option<u64> {
    // None at all would be for ever.
    seconds(seconds_left.map(|left| left.max(1)), SystemTime::now())
}

/// Whether something that is kept for so many seconds more is kept as long as asked.
pub(super) fn is_enough(left: Option<u64>, asked: Option<Duration>) -> bool {
    match (left, asked) {
        (None, _) => true,
        (Some(_), None) => false,
        // One second is what was added, and has begun to pass.
        (Some(left), Some(asked)) => left >= whole(asked) - 1,
    }
}

fn whole(length: Duration) -> u64 {
    let ended = u64::from(length.subsec_nanos() > 0);
    length.as_secs().saturating_add(ended + 1)
}

fn seconds(seconds: Option<u64>, now: SystemTime) -> Option<u64> {
    let seconds = seconds?;
    if seconds <= LONGEST {
        return Some(seconds);
    }
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let until = now.saturating_add(seconds);
    // What is not beyond that many seconds since 1970 is no point in time.
    i32::try_from(until).is_ok().then_some(until.max(LONGEST + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up_and_long_ones_are_points_in_time() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let told = |length| seconds(Some(whole(length)), now);
        assert_eq!(told(Duration::ZERO), Some(1));
        assert_eq!(told(Duration::from_millis(1)), Some(2));
        assert_eq!(told(Duration::from_secs(5)), Some(6));
        assert_eq!(told(Duration::from_secs(LONGEST - 1)), Some(LONGEST));
        assert_eq!(told(Duration::from_secs(LONGEST)), Some(1_800_000_000 + LONGEST + 1));
        assert_eq!(told(Duration::MAX), None);
        assert_eq!(seconds(Some(LONGEST + 1), UNIX_EPOCH), Some(LONGEST + 1));
        assert_eq!(keep(None), None);
    }

    #[test]
    fn what_was_just_stored_is_kept_as_long_as_asked() {
        let asked = Some(Duration::from_secs(5));
        assert!(is_enough(None, None) && is_enough(None, asked));
        assert!(is_enough(Some(6), asked) && is_enough(Some(5), asked));
        assert!(!is_enough(Some(4), asked) && !is_enough(Some(1_000), None));
    }
}
