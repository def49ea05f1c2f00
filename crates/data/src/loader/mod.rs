//! Batches of decoded pictures, made ahead by worker threads.

mod batch;
mod config;
mod fill;
mod plan;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use self::batch::Pixels;
pub use self::batch::{DualBatch, IdentityBatch, ImageBatch, InstanceBatch};
pub use self::config::{Channels, Damaged, LoaderConfig};
use self::fill::Filler;
pub use self::plan::{DualPlan, IdentityPlan, InstancePlan, Plan, Row, View};
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

/// An endless iterator over batches, which depend on (seed, step) and on nothing else.
///
/// Positions of the orders count on over steps and epochs, so a loader that starts at step s gives what another gives
/// after s steps, with any number of workers. It ends after an error.
pub struct Loader<P: Plan> {
    batches: Option<Receiver<Result<P::Batch>>>,
    maker: Option<JoinHandle<()>>,
    filler: Arc<Filler>,
    stop: Arc<AtomicBool>,
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
        let failed = |error: &dyn std::error::Error| Error::Workers(error.to_string());
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(config.workers)
            .thread_name(|number| format!("ffc-data-{number}"))
            .build()
            .map_err(|error| failed(&error))?;
        let queue = config.queue;
        let filler = Arc::new(Filler::new(dataset, config));
        let stop = Arc::new(AtomicBool::new(false));
        let (send, receive) = sync_channel(queue);
        let maker = Maker {
            filler: filler.clone(),
            stop: stop.clone(),
            pool,
        };
        let thread = std::thread::Builder::new()
            .name("ffc-data".into())
            .spawn(move || maker.run::<P>(first_step, send))
            .map_err(|error| failed(&error))?;
        Ok(Self {
            batches: Some(receive),
            maker: Some(thread),
            filler,
            stop,
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
        let batch = self.batches.as_ref()?.recv().ok();
        if !matches!(batch, Some(Ok(_))) {
            self.batches = None;
        }
        batch
    }
}

impl<P: Plan> Drop for Loader<P> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A maker that waits for room in the queue is woken by its end.
        self.batches = None;
        if let Some(maker) = self.maker.take() {
            let _ = maker.join();
        }
    }
}

/// Makes one batch after the other, ahead of the training thread by the length of the queue.
struct Maker {
    filler: Arc<Filler>,
    stop: Arc<AtomicBool>,
    pool: rayon::ThreadPool,
}

impl Maker {
    fn run<P: Plan>(self, first_step: u64, send: SyncSender<Result<P::Batch>>) {
        // Buffers come home when a batch is dropped. Those beyond what the queue needs are let go.
        let (home, returned) = channel::<Vec<u8>>();
        let mut spare = Vec::new();
        for step in first_step.. {
            spare.extend(returned.try_iter());
            spare.truncate((self.filler.config().queue + 2) * P::SIDES);
            let made = catch_unwind(AssertUnwindSafe(|| self.make::<P>(step, &mut spare, &home)));
            let made = made.unwrap_or_else(|panic| {
                Err(Error::WorkerPanic {
                    step,
                    message: panic_message(&*panic),
                })
            });
            let failed = made.is_err();
            if self.stop.load(Ordering::Relaxed) || send.send(made).is_err() || failed {
                return;
            }
        }
    }

    fn make<P: Plan>(
        &self,
        step: u64,
        spare: &mut Vec<Vec<u8>>,
        home: &Sender<Vec<u8>>,
    ) -> Result<P::Batch> {
        let (index, config) = (self.filler.dataset().index(), self.filler.config());
        let mut rows = Vec::new();
        P::plan(index, config, step, &mut rows)?;
        let mut buffer = |side: usize| {
            let mut bytes = Vec::new();
            if side < P::SIDES {
                bytes = spare.pop().unwrap_or_default();
                bytes.resize(rows.len() * config.picture_bytes(), 0);
            }
            bytes
        };
        let mut buffers = [buffer(0), buffer(1)];
        self.pool
            .install(|| self.filler.fill(&mut rows, &mut buffers, &self.stop))?;
        let [x, y] = buffers.map(|bytes| Pixels {
            bytes,
            home: home.clone(),
        });
        let x = self.filler.image_batch(x, &rows, 0);
        let y = (P::SIDES == 2).then(|| self.filler.image_batch(y, &rows, 1));
        P::batch(step, P::epoch(index, config, step), x, y)
            .ok_or_else(|| Error::Workers("a batch lacks a side".into()))
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SyntheticConfig;

    /// A batch takes a spare buffer and sends it home when it is dropped.
    #[test]
    fn buffers_are_reused() {
        let dataset = Dataset::synthetic(SyntheticConfig {
            identities: 9,
            ..Default::default()
        });
        let config = LoaderConfig {
            batch: 4,
            ..Default::default()
        };
        let bytes = 4 * config.picture_bytes();
        let maker = Maker {
            filler: Arc::new(Filler::new(Arc::new(dataset.unwrap()), config)),
            stop: Arc::new(AtomicBool::new(false)),
            pool: rayon::ThreadPoolBuilder::new()
                .num_threads(1)
                .build()
                .unwrap(),
        };
        let (home, returned) = channel();
        let mut spare = vec![Vec::with_capacity(bytes)];
        let address = spare[0].as_ptr();
        let batch = maker.make::<InstancePlan>(0, &mut spare, &home).unwrap();
        assert_eq!(batch.images.pixels().as_ptr(), address);
        assert!(spare.is_empty() && returned.try_recv().is_err());
        drop(batch);
        let came_home = returned.try_recv().unwrap();
        assert_eq!(came_home.as_ptr(), address);
        assert!(returned.try_recv().is_err());
    }
}
