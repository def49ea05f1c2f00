use std::io::{Read, Write};
use std::path::PathBuf;

use burn::tensor::{DType, Device, IndexingUpdateOp, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::weight_file::{Half, WeightFile};
use crate::class_weights::{HELD, InitialWeights, Rows, Sgd, Shard};
use crate::memory::Held;
use crate::upload::indices;
use crate::{Error, HeadBytes, HeadContext, Result};

/// Where class weights and momenta are, and in which number format. The step is always computed in f32.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightStorage {
    /// On the device in 32 bits: 8 N D bytes.
    F32,
    /// On the device in 16 bits with the exponent of f32: 4 N D bytes. A weight's step is lost where it is smaller than a 512th of the
    /// weight, as late in a training.
    Bf16,
    /// In a file that is mapped into memory, in 32 bits: 8 N D bytes of the disk, but only for classes that have taken part. Each
    /// step carries its classes to the device and back, and waits for it.
    File(PathBuf),
}

/// Class weights and momenta of all identities.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one a head")]
pub(super) enum Store {
    /// `[N, dim]`.
    Device(Rows),
    File(WeightFile, Device),
}

impl WeightStorage {
    /// Number format of weights and momenta.
    pub(super) fn dtype(&self) -> DType {
        match self {
            Self::F32 | Self::File(_) => DType::F32,
            Self::Bf16 => DType::BF16,
        }
    }
}

impl Store {
    /// `sampled` classes at most take part in a step; `bytes` are what the settings say.
    pub(super) fn new(
        storage: &WeightStorage,
        context: &HeadContext,
        shard: &Shard,
        sampled: u64,
        bytes: HeadBytes,
    ) -> Result<Self> {
        let device = context.device.clone().inner();
        let dtype = storage.dtype();
        if let WeightStorage::File(path) = storage {
            let step = Held {
                what: "sampled class weights with their momenta",
                rows: sampled,
                bytes: bytes.on_device(),
                remedy: "a lower `sample_rate`, or a head `ffc`",
            };
            step.check_bytes(&device)?;
            let initial = InitialWeights::new(context.seed);
            let file = WeightFile::create(path, shard.classes(), context.dim, initial)?;
            return Ok(Self::File(file, device));
        }
        if !device.supports_dtype(dtype) {
            return Err(Error::UnsupportedStorage { dtype });
        }
        let held = Held {
            what: HELD,
            rows: shard.len(),
            bytes: bytes.on_device(),
            remedy: "`storage = { file = \"...\" }`, or a head `ffc`",
        };
        held.check(&device)?;
        Ok(Self::Device(Rows::initial(context, shard, dtype, &device)))
    }

    /// Lets `step` change some rows, in f32, and takes them back; it gets none where there are none. Others do not change, or make a step without a
    /// gradient by `others`.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where they cannot be read back from the device.
    pub(super) fn change<T>(
        &mut self,
        classes: &[u64],
        others: Option<Sgd>,
        step: impl FnOnce(Option<&mut Rows>) -> T,
    ) -> Result<T> {
        if classes.is_empty() {
            if let (Self::Device(all), Some(sgd)) = (self, others) {
                all.decay(sgd);
            }
            return Ok(step(None));
        }
        match self {
            // All of them: no need to move them.
            Self::Device(all) if classes.len() == all.len() && all.weight.dtype() == DType::F32 => {
                Ok(step(Some(all)))
            }
            Self::Device(all) => {
                let classes: Vec<u32> = classes.iter().map(|&class| class as u32).collect();
                let classes = indices(&classes, &all.weight.device());
                let gather =
                    |matrix: &Tensor<2>| matrix.clone().select(0, classes.clone()).cast(DType::F32);
                let mut rows = Rows {
                    weight: gather(&all.weight),
                    momentum: gather(&all.momentum),
                };
                let result = step(Some(&mut rows));
                // All of them: the classes of the step are overwritten below.
                if let Some(sgd) = others {
                    all.decay(sgd);
                }
                let scatter = |matrix: &mut Tensor<2>, rows: Tensor<2>| {
                    let rows = rows.cast(matrix.dtype());
                    matrix.inplace(|matrix| {
                        matrix.select_assign(0, classes.clone(), rows, IndexingUpdateOp::Assign)
                    });
                };
                scatter(&mut all.weight, rows.weight);
                scatter(&mut all.momentum, rows.momentum);
                Ok(result)
            }
            Self::File(file, device) => {
                let gather = |half| {
                    let values = file.gather(classes, half);
                    let shape = [classes.len(), values.len() / classes.len()];
                    Tensor::from_data(TensorData::new(values, shape), &*device)
                };
                let mut rows = Rows {
                    weight: gather(Half::Weight),
                    momentum: gather(Half::Momentum),
                };
                let result = step(Some(&mut rows));
                let host = |matrix: Tensor<2>| {
                    matrix
                        .try_into_vec_as::<f32>()
                        .map_err(|error| Error::Device(error.to_string()))
                };
                let (weight, momentum) = (host(rows.weight)?, host(rows.momentum)?);
                file.assign(classes, Half::Weight, &weight);
                file.assign(classes, Half::Momentum, &momentum);
                Ok(result)
            }
        }
    }

    /// Writes a half of the rows of all shards, as [`Shard::write`] does.
    pub(super) fn write_part(
        &self,
        shard: &Shard,
        part: &str,
        half: Half,
        to: &mut dyn Write,
    ) -> Result<()> {
        match (self, half) {
            (Self::Device(all), Half::Weight) => shard.write_rows(part, &all.weight, to),
            (Self::Device(all), Half::Momentum) => shard.write_rows(part, &all.momentum, to),
            (Self::File(file, _), half) => {
                shard.write(part, to, |to| file.write_part(part, half, to))
            }
        }
    }

    /// Reads those of the own shard, as [`Shard::read`] does.
    pub(super) fn read_part(
        &mut self,
        shard: &Shard,
        part: &str,
        half: Half,
        from: &mut dyn Read,
    ) -> Result<()> {
        match (self, half) {
            (Self::Device(all), Half::Weight) => shard.read_rows(part, &mut all.weight, from),
            (Self::Device(all), Half::Momentum) => shard.read_rows(part, &mut all.momentum, from),
            (Self::File(file, _), half) => {
                let row_bytes = file.row_bytes();
                shard.read(part, row_bytes, from, |from| {
                    file.read_part(part, half, from)
                })
            }
        }
    }
}
