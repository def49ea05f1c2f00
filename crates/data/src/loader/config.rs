use serde::{Deserialize, Serialize};

use crate::augment::AugmentConfig;
use crate::channels::Channels;
use crate::order::InstanceOrderConfig;
use crate::{Error, Result};

/// Settings of the loaders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoaderConfig {
    /// Batch size B of one rank: identities of an id batch, images of an instance or group batch. Even for the dual
    /// loader. Default: 64, as published.
    pub batch: usize,
    /// Images K of a group, for the group loader: a divisor of the batch. Default: 4.
    pub group: usize,
    /// Which orders fill the rows of a dual batch. Default: both.
    pub dual: DualRows,
    /// Height of the pictures in pixels. Default: 112. Others are resized.
    pub height_px: usize,
    /// Width of the pictures in pixels. Default: 112.
    pub width_px: usize,
    /// Colour or grey. Default: colour.
    pub channels: Channels,
    /// Seed of the orders and the augmentation. Default: 0.
    pub seed: u64,
    /// Threads that decode. Default: 2.
    pub workers: usize,
    /// Batches that are held ready, 1 to 64; more than 4 rarely help. Default: 2.
    pub queue: usize,
    /// This rank, below `ranks`. Default: 0.
    pub rank: usize,
    /// Processes that share each step. Their batches together are the batch of one process with B times as much.
    /// Default: 1.
    pub ranks: usize,
    /// How images are drawn. Default: every image once an epoch.
    pub order: InstanceOrderConfig,
    /// What is done to the pictures. Default: flip only.
    pub augment: AugmentConfig,
    /// What is done about images that cannot be read. Default: an error.
    pub damaged: Damaged,
}

impl Default for LoaderConfig {
    fn default() -> Self {
        Self {
            batch: 64,
            group: 4,
            dual: DualRows::Both,
            height_px: 112,
            width_px: 112,
            channels: Channels::Rgb,
            seed: 0,
            workers: 2,
            queue: 2,
            rank: 0,
            ranks: 1,
            order: InstanceOrderConfig::default(),
            augment: AugmentConfig::default(),
            damaged: Damaged::Fail,
        }
    }
}

/// Which orders fill the 3 B / 2 rows of a dual batch: F2C's two loaders, or one of them alone, to see what each is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DualRows {
    /// B pairs of the id loader, then the halves of an instance batch of B images.
    Both,
    /// The halves of an instance batch of 3 B images.
    Instance,
    /// 3 B / 2 pairs of the id loader.
    Identity,
}

impl DualRows {
    /// Pairs of a dual batch, and instances of each of its sides.
    pub fn of_a_side(self, batch: usize) -> (usize, usize) {
        let half = batch / 2;
        match self {
            Self::Both => (batch, half),
            Self::Instance => (0, batch + half),
            Self::Identity => (batch + half, 0),
        }
    }

    /// Images of the instance loader in a dual batch of size B.
    pub fn instances(self, batch: usize) -> usize {
        2 * self.of_a_side(batch).1
    }
}

/// What is done about images that cannot be read or decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "policy")]
pub enum Damaged {
    /// The step fails, with path and record.
    Fail,
    /// Another image of the same identity takes its place; if there is none, the next identity, for all images of a pair
    /// or group. Each is warned of and counted. A failure of the system, such as a lost mount, is no damage: the step fails.
    Skip {
        /// Images that may be unreadable, each counted once by each loader from its start; beyond, the step fails.
        limit: u64,
    },
}

/// Bytes of the pictures of one batch: 4 GiB.
const MAX_BATCH_BYTES: u64 = 4 << 30;

impl LoaderConfig {
    /// Bytes of one picture.
    pub(crate) fn picture_bytes(&self) -> usize {
        self.height_px * self.width_px * self.channels.count()
    }

    /// Checks what needs no data.
    ///
    /// # Errors
    /// [`Error::Setting`] where a setting is outside its range.
    pub fn check(&self) -> Result<()> {
        let between = |setting, value: usize, low: usize, high: usize, expected| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(Error::Setting {
                setting,
                value: value.to_string(),
                expected,
            })
        };
        between("batch", self.batch, 1, 1 << 16, "1 to 65,536")?;
        between("height_px", self.height_px, 1, 4096, "1 to 4,096")?;
        between("width_px", self.width_px, 1, 4096, "1 to 4,096")?;
        between("workers", self.workers, 1, 1024, "1 to 1,024")?;
        between("queue", self.queue, 1, 64, "1 to 64")?;
        between("ranks", self.ranks, 1, 1 << 12, "1 to 4,096")?;
        between("rank", self.rank, 0, self.ranks - 1, "below ranks")?;
        // Three halves of the batch for each of two sides, and some batches in the queue.
        let bytes = self.batch as u64 * self.picture_bytes() as u64;
        if bytes > MAX_BATCH_BYTES {
            return Err(Error::Setting {
                setting: "batch",
                value: format!("{} of {} bytes a picture", self.batch, self.picture_bytes()),
                expected: "so small that the pictures take at most 4 GiB",
            });
        }
        self.order.check()?;
        self.augment.check()
    }
}
