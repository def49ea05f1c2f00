use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use super::batch::{ImageBatch, Pixels};
use super::fill::Filler;
use super::plan::Row;
use crate::{Error, Result};

/// Batches of some steps, made ahead by a thread of its own. It ends after an error.
pub(super) struct Stream<B> {
    batches: Option<Receiver<Result<B>>>,
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl<B: Send + 'static> Stream<B> {
    /// Starts the thread. `make` makes the batch of a step.
    pub(super) fn start(
        filler: Arc<Filler>,
        steps: Range<u64>,
        make: impl Fn(&mut Maker, u64) -> Result<B> + Send + 'static,
    ) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (send, receive) = sync_channel(filler.config().queue);
        let maker = Maker::new(filler, stop.clone())?;
        let thread = std::thread::Builder::new()
            .name("ffc-data".into())
            .spawn(move || maker.run(steps, make, send))
            .map_err(|error| Error::Workers(error.to_string()))?;
        Ok(Self {
            batches: Some(receive),
            thread: Some(thread),
            stop,
        })
    }
}

impl<B> Iterator for Stream<B> {
    type Item = Result<B>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batches.as_ref()?.recv().ok();
        if !matches!(batch, Some(Ok(_))) {
            self.batches = None;
        }
        batch
    }
}

impl<B> Drop for Stream<B> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A thread that waits for room in the queue is woken by its end.
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Makes one batch after the other, ahead of the training thread by the length of the queue.
pub(super) struct Maker {
    filler: Arc<Filler>,
    stop: Arc<AtomicBool>,
    pool: rayon::ThreadPool,
    /// Buffers come home when a batch is dropped.
    home: Sender<Vec<u8>>,
    returned: Receiver<Vec<u8>>,
    spare: Vec<Vec<u8>>,
}

impl Maker {
    fn new(filler: Arc<Filler>, stop: Arc<AtomicBool>) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(filler.config().workers)
            .thread_name(|number| format!("ffc-data-{number}"))
            .build()
            .map_err(|error| Error::Workers(error.to_string()))?;
        let (home, returned) = channel();
        Ok(Self {
            filler,
            stop,
            pool,
            home,
            returned,
            spare: Vec::new(),
        })
    }

    fn run<B>(
        mut self,
        steps: Range<u64>,
        make: impl Fn(&mut Self, u64) -> Result<B>,
        send: SyncSender<Result<B>>,
    ) {
        for step in steps {
            let made = catch_unwind(AssertUnwindSafe(|| make(&mut self, step)));
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

    pub(super) fn filler(&self) -> &Filler {
        &self.filler
    }

    /// The pictures of some rows, with one side or both; `groups_of` is the step whose groups they are, if they are groups.
    pub(super) fn pictures(
        &mut self,
        mut rows: Vec<Row>,
        sides: usize,
        groups_of: Option<u64>,
    ) -> Result<(ImageBatch, Option<ImageBatch>)> {
        // Buffers beyond what the queue needs are let go.
        self.spare.extend(self.returned.try_iter());
        self.spare
            .truncate((self.filler.config().queue + 2) * sides);
        let bytes = rows.len() * self.filler.config().picture_bytes();
        let mut buffer = |side: usize| {
            let mut buffer = Vec::new();
            if side < sides {
                buffer = self.spare.pop().unwrap_or_default();
                buffer.resize(bytes, 0);
            }
            buffer
        };
        let mut buffers = [buffer(0), buffer(1)];
        self.pool.install(|| match groups_of {
            None => self.filler.fill(&mut rows, &mut buffers, &self.stop),
            Some(step) => self
                .filler
                .fill_groups(step, &mut rows, &mut buffers[0], &self.stop),
        })?;
        let [x, y] = buffers.map(|bytes| Pixels {
            bytes,
            home: Some(self.home.clone()),
        });
        let x = self.filler.image_batch(x, &rows, 0);
        let y = (sides == 2).then(|| self.filler.image_batch(y, &rows, 1));
        Ok((x, y))
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}

#[cfg(test)]
mod tests {
    use super::super::plan::{InstancePlan, Plan};
    use super::*;
    use crate::{Dataset, LoaderConfig, SyntheticConfig};

    /// A batch takes a spare buffer and sends it home when it is dropped.
    #[test]
    fn buffers_are_reused() {
        let dataset = Dataset::synthetic(SyntheticConfig {
            identities: 9,
            ..Default::default()
        });
        let config = LoaderConfig {
            batch: 4,
            workers: 1,
            ..Default::default()
        };
        let bytes = 4 * config.picture_bytes();
        let filler = Arc::new(Filler::new(Arc::new(dataset.unwrap()), config));
        let mut rows = Vec::new();
        InstancePlan::plan(filler.dataset().index(), filler.config(), 0, &mut rows).unwrap();
        let mut maker = Maker::new(filler, Arc::default()).unwrap();
        maker.spare = vec![Vec::with_capacity(bytes)];
        let address = maker.spare[0].as_ptr();
        let (batch, _) = maker.pictures(rows, 1, None).unwrap();
        assert_eq!(batch.pixels().as_ptr(), address);
        assert!(maker.spare.is_empty() && maker.returned.try_recv().is_err());
        drop(batch);
        let came_home = maker.returned.try_recv().unwrap();
        assert_eq!(came_home.as_ptr(), address);
        assert!(maker.returned.try_recv().is_err());
    }
}
