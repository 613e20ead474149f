//! `cargo run --release --example ladder [-- --quick] [--svg FILE]`
//!
//! What each feature of a cache spares the database and its users, counted. FusionCache's documentation takes one
//! scenario from no cache to a full one ("Step By Step") and calculates how many calls reach the database; bentocache's
//! does the same ("Walkthrough guide"). This plays the scenario: on each of 3 nodes, every 10 s, 100 concurrent requests
//! for each of 1,000 products, a ttl of one minute, and ten minutes of which the database is slow for two and down for
//! three.
//!
//! `--quick` plays it with 10 products; `--svg` draws the result into a file.

mod chart;
mod world;

use std::error::Error;
use std::time::Duration;
use std::{env, fs};

use cachekit::{Region, RegionBuilder, cache_on_arguments, regions};

use crate::world::{Background, Database, Down, PRODUCTS, Product, Seen};

const MINUTE: Duration = Duration::from_secs(60);

regions! {
    /// The memory of all nodes.
    static NODES = Region::builder("nodes").ttl(MINUTE);
}

/// The nodes are in one process here. Since the node is part of the key they share no entry and no computation, only the
/// settings and the clock.
#[cache_on_arguments(region = NODES, skip(database), background)]
async fn product(database: &Database, _node: u8, id: u32) -> Result<Product, Down> {
    database.query(id).await
}

/// How a request is answered.
#[derive(Clone, Copy)]
enum How {
    Uncached,
    /// Look up, query, store: what one writes by hand.
    ByHand,
    Annotated,
}

impl How {
    async fn answer(self, database: Database, node: u8, id: u32) -> Result<Product, Down> {
        match self {
            Self::Uncached => database.query(id).await,
            Self::ByHand => {
                if let Ok(Some(product)) = product::get(node, id).await {
                    return Ok(product);
                }
                let product = database.query(id).await?;
                // If it could not be stored, it is still the answer.
                let _ = product::set(node, id, product.clone()).await;
                Ok(product)
            }
            Self::Annotated => product(&database, node, id).await,
        }
    }
}

/// A rung: a feature more than the one before.
struct Step {
    name: &'static str,
    how: How,
    settings: fn(RegionBuilder) -> RegionBuilder,
    /// The calls that FusionCache's and bentocache's documentation calculate.
    published: [Option<u64>; 2],
}

const STEPS: [Step; 5] = [
    Step { name: "no cache", how: How::Uncached, settings: |r| r, published: [Some(18_000_000), Some(18_000_000)] },
    Step { name: "memory, by hand", how: How::ByHand, settings: |r| r, published: [Some(12_000_000), Some(8_400_000)] },
    Step {
        name: "one computation per key",
        how: How::Annotated,
        settings: |r| r,
        published: [Some(120_000), Some(5_430_000)],
    },
    Step {
        name: "stale if error, retry after 30 s",
        how: How::Annotated,
        settings: covered,
        published: [Some(39_000), Some(39_000)],
    },
    Step {
        name: "renewed ahead, in the background",
        how: How::Annotated,
        settings: unhurried,
        published: [Some(39_500), None],
    },
];

/// Old values cover failures.
fn covered(r: RegionBuilder) -> RegionBuilder {
    r.stale_if_error(120 * MINUTE).retry_after(MINUTE / 2, MINUTE / 2)
}

/// Nobody waits for the database who can be served an old value: FusionCache's eager refresh and soft time-out.
///
/// Its time-out is for the one who computes, too. Here `wait_timeout` is for those who wait for another; that the first
/// caller after a failed renewal does not wait either is due to `stale_while_revalidate`.
fn unhurried(r: RegionBuilder) -> RegionBuilder {
    covered(r).refresh_ahead(0.9).stale_while_revalidate(10 * MINUTE).wait_timeout(Duration::from_millis(100))
}

/// A step and what came of it.
struct Played {
    step: &'static Step,
    /// Queries that reached the database.
    calls: u64,
    seen: Seen,
}

impl Played {
    /// The published figures, for so many products.
    fn published(&self, products: u32) -> [Option<u64>; 2] {
        self.step.published.map(|calls| Some(calls? * u64::from(products) / u64::from(PRODUCTS)))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut products, mut svg) = (PRODUCTS, None);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => products = PRODUCTS / 100,
            "--svg" => svg = Some(arguments.next().ok_or("`--svg` needs the name of a file")?),
            _ => return Err("usage: ladder [--quick] [--svg FILE]".into()),
        }
    }

    println!("{:<36}{:>43}{:>38}", "", "calls that reach the database", "what users saw");
    println!(
        "{:<36}{:>14}{:>14}{:>15}{:>12}{:>13}{:>13}",
        "step", "FusionCache", "bentocache", "cachekit", "errors", "waits", "longest wait"
    );
    let mut ladder = Vec::new();
    for (rung, step) in STEPS.iter().enumerate() {
        let played = climb(step, products)?;
        let [fusion, bento] = played.published(products).map(|calls| calls.map_or("-".to_owned(), number));
        println!(
            "{:<36}{fusion:>14}{bento:>14}{:>15}{:>12}{:>13}{:>13}",
            format!("{rung}  {}", step.name),
            number(played.calls),
            number(played.seen.errors),
            number(played.seen.waits),
            duration(played.seen.longest_wait),
        );
        ladder.push(played);
    }
    println!("\nFusionCache, bentocache: as their documentation calculates. cachekit: counted, in virtual time.");
    if let Some(file) = svg {
        fs::write(&file, chart::draw(&ladder, products)?).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

/// Plays a step, beginning with an empty cache.
fn climb(step: &'static Step, products: u32) -> Result<Played, Box<dyn Error>> {
    let (database, background) = (Database::default(), Background::default());
    let clock = database.clock();
    // With another clock the region forgets what it holds.
    NODES.reconfigure(|r| (step.settings)(r).clock(clock.clone()).runner(background.clone()))?;
    cachekit::check()?;
    let seen = world::play(&clock, &background, products, |node, id| step.how.answer(database.clone(), node, id))?;
    Ok(Played { step, calls: database.calls(), seen })
}

/// With a comma before each three digits.
fn number(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", self::number(number / 1_000), number % 1_000),
    }
}

fn duration(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 1_000 == 0 => format!("{} s", millis / 1_000),
        millis => format!("{millis} ms"),
    }
}
