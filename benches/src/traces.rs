//! Loads for a bounded cache, generated, the same in every run: skewed ones, and those that break LRU or a plain count.

use fastrand::Rng;

/// A load, and how many entries the cache may have.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) name: &'static str,
    pub(crate) capacity: u64,
    pub(crate) keys: Vec<u64>,
}

/// Keys that are drawn, unless a load says otherwise.
const UNIVERSE: u64 = 100_000;

/// The capacity, unless a load says otherwise.
const CAPACITY: u64 = 5_000;

/// Keys that are drawn once, from here on.
const UNIQUE: u64 = 1 << 40;

/// All kinds, with so many calls each.
pub(crate) fn all(calls: u64) -> Vec<Trace> {
    let (steep, flat) = (Zipf::new(UNIVERSE, 0.99), Zipf::new(UNIVERSE, 0.7));
    let mut rng = Rng::with_seed(7);
    let mut rng = || rng.fork();
    let trace = |name, capacity, mut draw: Box<dyn FnMut(u64) -> u64 + '_>| Trace {
        name,
        capacity,
        keys: (0..calls).map(&mut draw).collect(),
    };
    let zipf = |zipf: &'static str, of: &Zipf, capacity, mut rng: Rng| {
        trace(zipf, capacity, Box::new(move |_| of.draw(&mut rng)))
    };
    let drift = |at: u64, rng: &mut Rng| {
        // The newer the likelier: a new key every fifth call, an age of 2,000 keys on average.
        let age = -2_000.0 * (1.0 - rng.f64()).ln();
        UNIQUE + (at / 5 + 100_000) - whole(age)
    };
    let (mut scans, mut once, mut mixed, mut shifting, mut drifting, mut phases, mut twice, mut ranks) =
        (rng(), rng(), rng(), rng(), rng(), rng(), rng(), rng());
    vec![
        zipf("zipf 0.99, 1 % of the keys", &steep, 1_000, rng()),
        zipf("zipf 0.99, 10 % of the keys", &steep, 10_000, rng()),
        zipf("zipf 0.7, 1 % of the keys", &flat, 1_000, rng()),
        zipf("zipf 0.7, 10 % of the keys", &flat, 10_000, rng()),
        trace(
            "zipf 0.99, and scans of 10,000 new keys",
            CAPACITY,
            Box::new(|at| if at % 40_000 < 30_000 { steep.draw(&mut scans) } else { UNIQUE + at }),
        ),
        trace(
            "zipf 0.99, every other key met once",
            CAPACITY,
            Box::new(|at| if at % 2 == 0 { steep.draw(&mut once) } else { UNIQUE + at }),
        ),
        trace(
            "zipf 0.99, every other key met twice",
            CAPACITY,
            // A key comes back after 100 calls and never again.
            Box::new(|at| match at % 4 {
                1 => UNIQUE + at,
                3 => UNIQUE + at.saturating_sub(98),
                _ => steep.draw(&mut twice),
            }),
        ),
        trace("a loop of 1.2 times the capacity", CAPACITY, Box::new(|at| at % (CAPACITY * 6 / 5))),
        trace("a loop of twice the capacity", CAPACITY, Box::new(|at| at % (CAPACITY * 2))),
        trace(
            "a loop of twice the capacity, and zipf 0.99",
            CAPACITY,
            Box::new(|at| if at % 2 == 0 { steep.draw(&mut mixed) } else { UNIQUE + at / 2 % (CAPACITY * 2) }),
        ),
        trace(
            "a working set of 0.8 times the capacity, replaced",
            CAPACITY,
            Box::new(|at| at / 50_000 * CAPACITY + shifting.u64(0..CAPACITY * 4 / 5)),
        ),
        trace("a working set that drifts", CAPACITY, Box::new(|at| drift(at, &mut drifting))),
        trace(
            "zipf 0.99, drift and a loop by turns",
            CAPACITY,
            Box::new(|at| match at / 25_000 % 3 {
                0 => steep.draw(&mut phases),
                1 => drift(at, &mut phases),
                _ => UNIVERSE + at % (CAPACITY * 6 / 5),
            }),
        ),
        trace(
            "zipf 0.99, the ranks change",
            CAPACITY,
            Box::new(|at| (steep.draw(&mut ranks) + at / 50_000 * 10_007) % UNIVERSE),
        ),
    ]
}

/// Keys of which the first is the likeliest, the n-th by 1 / n^skew.
#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    pub(crate) fn new(keys: u64, skew: f64) -> Self {
        let mut sum = 0.0;
        let mut rank = 0.0_f64;
        let next = |_| {
            rank += 1.0;
            sum += rank.powf(-skew);
            sum
        };
        Self { cumulated: (0..keys).map(next).collect() }
    }

    pub(crate) fn draw(&self, rng: &mut Rng) -> u64 {
        let at = rng.f64() * self.cumulated.last().copied().unwrap_or(0.0);
        // Ranks are not neighbours in memory: keys are spread over the universe.
        let rank = self.cumulated.partition_point(|sum| *sum < at) as u64;
        rank.wrapping_mul(7_919) % self.cumulated.len() as u64
    }
}

/// The whole part of a positive number that is not large.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive, and far below the limit")]
fn whole(number: f64) -> u64 {
    (number as u64).min(99_999)
}
