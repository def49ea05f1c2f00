//! Batches of decoded pictures, made ahead by worker threads.

mod batch;
mod config;
mod fill;
mod list;
mod plan;
mod stream;

use std::sync::Arc;

pub use self::batch::{DualBatch, GroupBatch, IdentityBatch, ImageBatch, InstanceBatch};
pub use self::config::{Damaged, DualRows, LoaderConfig};
use self::fill::Filler;
pub use self::list::ListLoader;
pub use self::plan::{DualPlan, GroupPlan, IdentityPlan, InstancePlan, Plan, Row, View};
use self::stream::{Maker, Stream};
use crate::dataset::Dataset;
use crate::{Error, Result};

/// First steps are below this: positions of 2^12 ranks with batches of 2^16 fit 64 bits long beyond it.
const MAX_STEPS: u64 = 1 << 32;

/// Every image once an epoch.
pub type InstanceLoader = Loader<InstancePlan>;
/// Every identity once an epoch, two images of each.
pub type IdentityLoader = Loader<IdentityPlan>;
/// The id batch and the instance batch of a step, arranged as the two sides x and y (F2C, section 3).
pub type DualLoader = Loader<DualPlan>;

/// Groups: every identity once an epoch, [`group`](LoaderConfig::group) images of each. The identities of a batch differ if
/// there are as many, also from those of other ranks.
pub type GroupLoader = Loader<GroupPlan>;

/// An endless iterator over batches, which depend on (seed, step) and on nothing else.
///
/// Positions of the orders count on over steps and epochs, so a loader that starts at step s gives what another gives
/// after s steps, with any number of workers. It ends after an error.
pub struct Loader<P: Plan> {
    stream: Stream<P::Batch>,
    filler: Arc<Filler>,
    steps_per_epoch: u64,
}

impl<P: Plan> Loader<P> {
    /// Starts the workers, which begin with step `first_step`.
    ///
    /// # Errors
    /// If a setting is outside its range or threads cannot be started.
    pub fn new(dataset: Arc<Dataset>, config: LoaderConfig, first_step: u64) -> Result<Self> {
        config.check()?;
        P::check(&config)?;
        if first_step >= MAX_STEPS {
            return Err(Error::Setting {
                setting: "first step",
                value: first_step.to_string(),
                expected: "below 2^32",
            });
        }
        // Settings of the order are checked here, not in the thread.
        P::plan(dataset.index(), &config, first_step, &mut Vec::new())?;
        let steps_per_epoch = P::steps_per_epoch(dataset.index(), &config);
        let filler = Arc::new(Filler::new(dataset, config));
        Ok(Self {
            stream: Stream::start(filler.clone(), first_step..u64::MAX, make::<P>)?,
            filler,
            steps_per_epoch,
        })
    }

    /// Steps until every item of an epoch was drawn once, rounded up. The next epoch begins within the last.
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// Images that could not be read and were [skipped](Damaged::Skip) since the start, each counted once. Those of
    /// batches that wait in the queue are among them.
    pub fn skipped(&self) -> u64 {
        self.filler.skipped()
    }
}

impl<P: Plan> Iterator for Loader<P> {
    type Item = Result<P::Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.stream.next()
    }
}

fn make<P: Plan>(maker: &mut Maker, step: u64) -> Result<P::Batch> {
    let (index, config) = (maker.filler().dataset().index(), maker.filler().config());
    let mut rows = Vec::new();
    P::plan(index, config, step, &mut rows)?;
    let epoch = P::epoch(index, config, step);
    let (x, y) = maker.pictures(rows, P::SIDES, P::GROUPED.then_some(step))?;
    P::batch(step, epoch, x, y).ok_or_else(|| Error::Workers("a batch lacks a side".into()))
}
