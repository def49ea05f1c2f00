//! Random numbers that depend on a seed, what they are for and a position, and nothing else, so that any position can be drawn at any
//! time by any worker.
//!
//! SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) in counter mode: number `n` of a stream is a hash of the stream's key and `n`.
//!
//! ```
//! use ffc_random::Key;
//!
//! // A purpose is a number that the user chooses, one for everything that draws.
//! let (seed, purpose, epoch) = (7, 3, 12);
//! let order = Key::new(seed, purpose).at(epoch);
//! let mut rng = order.rng(1_000_000);
//! assert!(rng.below(6) < 6);
//! // The same position gives the same numbers, whatever was drawn before.
//! assert_eq!(order.rng(5).next_u64(), order.rng(5).next_u64());
//! ```
//!
//! These numbers are part of what a seed means: they never change.

mod key;
mod rng;

pub use key::{Key, mix};
pub use rng::CounterRng;

/// The increment of SplitMix64: 2^64 divided by the golden ratio, odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
