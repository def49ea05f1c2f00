//! The group memory: a pool of recent class centres in place of a classifier's weights.

mod config;
mod record;
mod revision;
mod shard;

pub use config::{ClassPoolConfig, Storage, UpdateRule};
pub(crate) use revision::Revision;
pub(crate) use shard::PoolShard;

use burn::tensor::{DType, Device, IndexingUpdateOp, Int, Tensor};

use crate::collective::matrices;
use crate::embeddings::{Matrix, UnitRows};
use crate::error::Embeddings;
use crate::memory::Held;
use crate::plan::BatchPlan;
use crate::upload::{column, indices};
use crate::{Error, Result, SlotMap};

/// The group memory of FFC: Q slots of class centres, and which identity has which slot.
///
/// Centres are gallery features of unit length; they are not parameters and take no gradient. A full
/// pool evicts the least recently written identity.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ffc_core::{ClassPool, ClassPoolConfig};
///
/// let device = Device::flex();
/// let config = ClassPoolConfig { capacity: 100, dim: 2, ..Default::default() };
/// let mut pool = ClassPool::new(config, &device)?;
/// pool.prefill(Tensor::from_data([[3.0, 4.0], [0.0, 2.0]], &device), &[7, 8])?;
/// assert_eq!(pool.slots().get(8), Some(1));
/// assert_eq!(pool.centres(0).slice([0..1, 0..2]).into_data().to_vec::<f32>().unwrap(), [0.6, 0.8]);
/// # Ok::<(), ffc_core::Error>(())
/// ```
#[derive(Debug)]
pub struct ClassPool {
    config: ClassPoolConfig,
    slots: SlotMap,
    /// `[slots that are here, dim]` each, in the storage type.
    layers: Vec<Tensor<2>>,
    mask_unused: bool,
    shard: PoolShard,
    device: Device,
}

impl ClassPool {
    /// An empty pool. Slots that no identity has used yet take no part in the loss.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where a setting is outside its range, [`Error::UnsupportedStorage`] where
    /// the device lacks the storage type, [`Error::Memory`] where the slots do not fit.
    pub fn new(config: ClassPoolConfig, device: &Device) -> Result<Self> {
        Self::in_parts(config, device, PoolShard::whole())
    }

    /// An empty pool of which each rank may have a part of the slots.
    pub(crate) fn in_parts(
        config: ClassPoolConfig,
        device: &Device,
        shard: PoolShard,
    ) -> Result<Self> {
        config.check()?;
        let device = device.clone().inner();
        let dtype = config.storage.dtype();
        let here = shard.len(config.capacity);
        let held = Held {
            what: "slots of a pool",
            rows: here as u64,
            bytes: config.bytes(here).on_device(),
            remedy: "a smaller pool",
        };
        held.check(&device)?;
        let slots = SlotMap::new(config.capacity)?;
        if !device.supports_dtype(dtype) {
            return Err(Error::UnsupportedStorage { dtype });
        }
        let layers = (0..config.update.layers())
            .map(|_| Tensor::zeros([here, config.dim], (&device, dtype)))
            .collect();
        Ok(Self {
            config,
            slots,
            layers,
            mask_unused: true,
            shard,
            device,
        })
    }

    /// A pool whose slots hold `centres` that act as negatives until an identity takes them, as the
    /// random ones of the published code do. Random centres crowd the loss: prefer
    /// [`new`](Self::new), and use this to reproduce published runs.
    ///
    /// # Shapes
    ///
    /// - `centres`: one `[capacity, dim]` for each layer of the update rule, rows of unit length
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), and [`Error::PoolMismatch`] where number or shape of `centres`
    /// differ from the configuration.
    pub fn with_centres(config: ClassPoolConfig, centres: Vec<Tensor<2>>) -> Result<Self> {
        let Some(device) = centres.first().map(|layer| layer.device()) else {
            return Err(mismatch("layers", config.update.layers(), 0));
        };
        let mut pool = Self::new(config, &device)?;
        if centres.len() != pool.layers.len() {
            return Err(mismatch("layers", pool.layers.len(), centres.len()));
        }
        for layer in &centres {
            let [capacity, dim] = layer.dims();
            if capacity != pool.config.capacity {
                return Err(mismatch("capacity", pool.config.capacity, capacity));
            }
            if dim != pool.config.dim {
                return Err(mismatch("dimension", pool.config.dim, dim));
            }
        }
        let dtype = pool.config.storage.dtype();
        pool.layers = centres
            .into_iter()
            .map(|layer| layer.inner().cast(dtype))
            .collect();
        pool.mask_unused = false;
        Ok(pool)
    }

    /// The settings.
    pub fn config(&self) -> &ClassPoolConfig {
        &self.config
    }

    /// Which identity has which slot.
    pub fn slots(&self) -> &SlotMap {
        &self.slots
    }

    /// The device that holds the centres.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The centres of one layer, `[capacity, dim]`, in the storage type. Rows of unused slots mean
    /// nothing. Of a pool that ranks have parts of, those of rank r of n: slots r, r + n, r + 2 n and so on.
    ///
    /// # Panics
    ///
    /// Panics where the update rule has no such layer.
    pub fn centres(&self, layer: usize) -> Tensor<2> {
        self.layers[layer].clone()
    }

    /// Writes features of identities into the pool before training, so that the first steps find
    /// negatives. The features are normalised first. Reads their lengths back from the device. Of a pool that ranks have parts of all call this at once.
    ///
    /// # Shapes
    ///
    /// - `features`: `[rows, dim]`, a row for each of `identities`
    ///
    /// # Errors
    ///
    /// [`Error::CapacityTooSmall`] where there are more rows than slots; [`Error::RowCount`],
    /// [`Error::Dimension`], [`Error::NotFinite`] and [`Error::ZeroLength`] for bad features.
    pub fn prefill(&mut self, features: Tensor<2>, identities: &[u64]) -> Result<()> {
        let features = Matrix::new(Embeddings::Prefill, features, identities, self.config.dim)?;
        let features = UnitRows::checked(vec![features])?;
        self.check_rows(identities.len())?;
        let plan = self.slots.plan(identities);
        let revision = self.revise(&plan, features.unit)?;
        self.commit(&plan, revision)
    }

    /// A batch must find room beside itself: else it would evict its own identities.
    pub(crate) fn check_rows(&self, rows: usize) -> Result<()> {
        let capacity = self.config.capacity;
        if capacity < rows {
            return Err(Error::CapacityTooSmall { capacity, rows });
        }
        Ok(())
    }

    /// The number of slots, from 0 on, that show their centres to the loss where `used` are used.
    pub(crate) fn visible(&self, used: usize) -> usize {
        if self.mask_unused {
            used
        } else {
            self.config.capacity
        }
    }

    /// Which slots are here.
    pub(crate) fn shard(&self) -> &PoolShard {
        &self.shard
    }

    /// Centres of layer 0 that are here, in f32, `[rows.len(), dim]`.
    pub(crate) fn chunk(&self, rows: std::ops::Range<usize>) -> Tensor<2> {
        self.layers[0].clone().slice_dim(0, rows).cast(DType::F32)
    }

    /// Centres of one layer in f32, `[slots.len(), dim]`, wherever they are.
    ///
    /// # Errors
    ///
    /// Where they are elsewhere and a device or a rank fails.
    pub(crate) fn gather(&self, layer: usize, slots: &[u32]) -> Result<Tensor<2>> {
        let Some(ranks) = self.shard.ranks() else {
            return Ok(self.select(layer, indices(slots, &self.device)));
        };
        let rows = slots.iter().map(|&slot| self.shard.row(slot));
        // The first row where another rank has it; then it counts nothing.
        let (rows, here): (Vec<u32>, Vec<f32>) = rows
            .map(|row| (row.unwrap_or_default(), f32::from(row.is_some())))
            .unzip();
        let own = self.select(layer, indices(&rows, &self.device)) * column(here, &self.device);
        // Of the numbers that are added all but one are 0.
        matrices::sum(own, ranks)
    }

    /// For each row the sum of some centres of layer 0 times its shares of them, `[rows, dim]`.
    ///
    /// # Shapes
    ///
    /// - `shares`: `[rows, slots]`
    /// - `slots`: `[rows, slots]`
    ///
    /// # Errors
    ///
    /// As [`gather`](Self::gather).
    pub(crate) fn mix(&self, shares: Tensor<2>, slots: Tensor<2, Int>) -> Result<Tensor<2>> {
        let ([rows, count], dim) = (shares.dims(), self.config.dim);
        let slots = slots.reshape([rows * count]);
        let mixed = |centres: Tensor<2>| {
            let centres = centres.reshape([rows, count, dim]);
            let shares = shares.reshape([rows, 1, count]);
            shares.matmul(centres).reshape([rows, dim])
        };
        let Some(ranks) = self.shard.ranks() else {
            return Ok(mixed(self.select(0, slots)));
        };
        let (own, here) = self.shard.rows_at(slots);
        matrices::sum(mixed(self.select(0, own) * here), ranks)
    }

    /// Rows that are here.
    fn select(&self, layer: usize, rows: Tensor<1, Int>) -> Tensor<2> {
        self.layers[layer].clone().select(0, rows).cast(DType::F32)
    }

    /// Carries out what `revision`, made from `plan`, says.
    pub(crate) fn commit(&mut self, plan: &BatchPlan, revision: Revision) -> Result<()> {
        self.slots.apply(plan)?;
        let dtype = self.config.storage.dtype();
        for (layer, write) in self.layers.iter_mut().zip(revision.writes) {
            let Some(write) = write.and_then(|write| write.of(&self.shard)) else {
                continue;
            };
            let rows = indices(&write.slots, &self.device);
            let values = write.values.cast(dtype);
            layer.inplace(|layer| layer.select_assign(0, rows, values, IndexingUpdateOp::Assign));
        }
        Ok(())
    }
}

fn mismatch(what: &'static str, expected: impl ToString, found: impl ToString) -> Error {
    Error::PoolMismatch {
        what,
        expected: expected.to_string(),
        found: found.to_string(),
    }
}
