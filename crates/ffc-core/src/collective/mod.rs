//! Ranks that train together.

mod alone;
pub(crate) mod matrices;
mod threads;

use std::fmt::Debug;

pub use alone::Alone;
pub use threads::Threads;

use crate::Result;

/// What the ranks of a training do together. All call the same functions in the same order, each with its own part; a call returns when all have
/// made it.
///
/// A sum has the same bits on every rank; [`Threads`] takes it in the order of the ranks.
///
/// # Errors
///
/// [`Error::Collective`](crate::Error::Collective) where a rank has ended or failed, or gives what does not fit the others.
pub trait Collective: Debug + Send + Sync {
    /// This rank, from 0 on.
    fn rank(&self) -> usize;

    /// How many there are.
    fn ranks(&self) -> usize;

    /// Replaces each value by its sum over the ranks, all of which give as many.
    ///
    /// # Errors
    ///
    /// See the trait.
    fn all_reduce_sum(&self, values: &mut [f32]) -> Result<()>;

    /// Replaces each value by the largest of all ranks, all of which give as many.
    ///
    /// # Errors
    ///
    /// See the trait.
    fn all_reduce_max(&self, values: &mut [f32]) -> Result<()>;

    /// What each rank gives, in the order of the ranks; lengths may differ.
    ///
    /// # Errors
    ///
    /// See the trait.
    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>>;

    /// This rank's part of the sums: of values that are cut into as many equal parts as there are ranks.
    ///
    /// # Errors
    ///
    /// See the trait; where the parts are not equal.
    fn reduce_scatter_sum(&self, values: &[f32]) -> Result<Vec<f32>>;

    /// Gives every rank what rank `root` has.
    ///
    /// # Errors
    ///
    /// See the trait.
    fn broadcast(&self, root: usize, bytes: &mut Vec<u8>) -> Result<()>;

    /// Waits for all.
    ///
    /// # Errors
    ///
    /// See the trait.
    fn barrier(&self) -> Result<()>;

    /// Ends all ranks: those that wait here, and those that come, get an error that tells this rank and the problem; by MPI the processes end.
    fn abort(&self, problem: &str);
}
