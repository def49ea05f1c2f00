//! A pool as a burn record: a burnpack container of its centres and its slot map.
//!
//! | entry | contents |
//! |---|---|
//! | metadata `format` | `ffc class pool 1` |
//! | metadata `capacity`, `dim`, `update`, `storage` | the [`ClassPoolConfig`] |
//! | metadata `mask_unused` | `true`, or `false` for a pool made with given centres |
//! | tensors `layer0`, `layer1` | `[capacity, dim]`, f32 or bf16 |
//! | tensor `identities` | `[used]`, u64, most recently used first |
//! | tensor `slots` | `[used]`, u32: the identities' slots |
//! | tensor `next_layer` | `[used]`, u8: the layer that each slot writes next |

use std::path::Path;

use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_pack::{Bytes, Reader, Writer};

use super::{ClassPool, ClassPoolConfig, PoolShard, Storage, UpdateRule, mismatch};
use crate::slot_map::{SlotMap, SlotMapState};
use crate::{Error, Result};

const FORMAT: &str = "ffc class pool 1";

impl ClassPool {
    /// Saves centres and slot map to a file. It is written under another name, synced and renamed, so
    /// that an interruption leaves the old file whole. Reads the centres back from the device. Of a pool that ranks have parts of, all call
    /// [`to_bytes`](Self::to_bytes) at once, and one writes them.
    ///
    /// # Errors
    ///
    /// [`Error::File`] where the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let write = || Ok(self.writer()?.auto_extension(false).write_to_file(path)?);
        write().map_err(|error| in_file(path, error))
    }

    /// Loads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    ///
    /// [`Error::File`] with the cause: [`Error::Record`] where the file cannot be read or is not a
    /// record, [`Error::PoolMismatch`] where it is of a pool with other settings,
    /// [`Error::DamagedState`] where its contents contradict each other.
    pub fn load(config: ClassPoolConfig, path: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let path = path.as_ref();
        let shard = PoolShard::whole();
        let read = || Self::from_reader(config, Reader::from_file_exact(path)?, device, shard);
        read().map_err(|error| in_file(path, error))
    }

    /// Centres and slot map as the bytes of a record, the whole pool's where ranks have parts of it: then all call this at once. Reads the centres back from the device.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where that fails.
    pub fn to_bytes(&self) -> Result<Bytes> {
        Ok(self.writer()?.into_bytes()?)
    }

    /// Loads what [`to_bytes`](Self::to_bytes) made.
    ///
    /// # Errors
    ///
    /// The causes named at [`load`](Self::load).
    pub fn from_bytes(config: ClassPoolConfig, bytes: Bytes, device: &Device) -> Result<Self> {
        Self::from_reader(
            config,
            Reader::from_bytes(bytes)?,
            device,
            PoolShard::whole(),
        )
    }

    /// The same for this pool's settings, and its part of the slots.
    pub(crate) fn read_bytes(&mut self, bytes: Bytes) -> Result<()> {
        let (config, shard) = (self.config.clone(), self.shard.clone());
        *self = Self::from_reader(config, Reader::from_bytes(bytes)?, &self.device, shard)?;
        Ok(())
    }

    fn writer(&self) -> Result<Writer> {
        let state = self.slots.state();
        let used = state.by_recency.len();
        let (identities, slots): (Vec<u64>, Vec<u32>) = state.by_recency.into_iter().unzip();
        let mut tensors = vec![
            entry("identities", TensorData::new(identities, [used])),
            entry("slots", TensorData::new(slots, [used])),
            entry("next_layer", TensorData::new(state.next_layer, [used])),
        ];
        for (layer, centres) in self.layers.iter().enumerate() {
            let data = self.shard.gathered(centres, self.config.capacity)?;
            tensors.push(entry(&layer_name(layer), data));
        }
        let ClassPoolConfig {
            capacity,
            dim,
            update,
            storage,
        } = &self.config;
        Ok(Writer::new(tensors)
            .with_metadata("format", FORMAT)
            .with_metadata("capacity", &capacity.to_string())
            .with_metadata("dim", &dim.to_string())
            .with_metadata("update", &update_name(update))
            .with_metadata("storage", storage_name(storage))
            .with_metadata("mask_unused", &self.mask_unused.to_string()))
    }

    fn from_reader(
        config: ClassPoolConfig,
        reader: Reader,
        device: &Device,
        shard: PoolShard,
    ) -> Result<Self> {
        let metadata = reader.metadata().clone();
        let found = |key: &str| metadata.get(key).map_or("missing", String::as_str);
        for (what, key, expected) in [
            ("format", "format", FORMAT.to_owned()),
            ("capacity", "capacity", config.capacity.to_string()),
            ("dimension", "dim", config.dim.to_string()),
            ("update rule", "update", update_name(&config.update)),
            (
                "storage",
                "storage",
                storage_name(&config.storage).to_owned(),
            ),
        ] {
            if found(key) != expected {
                return Err(mismatch(what, expected, found(key)));
            }
        }
        let mask_unused = match found("mask_unused") {
            "true" => true,
            "false" => false,
            other => return Err(Error::DamagedState(format!("mask_unused is {other}"))),
        };

        let mut pool = Self::in_parts(config, device, shard)?;
        let mut entries = Entries(reader.into_tensors()?);
        let identities: Vec<u64> = entries.numbers("identities", DType::U64)?;
        let slots: Vec<u32> = entries.numbers("slots", DType::U32)?;
        let next_layer: Vec<u8> = entries.numbers("next_layer", DType::U8)?;
        if identities.len() != slots.len() {
            return Err(Error::DamagedState(format!(
                "{} identities, but {} slots",
                identities.len(),
                slots.len()
            )));
        }
        let by_recency = identities.into_iter().zip(slots).collect();
        let state = SlotMapState {
            by_recency,
            next_layer,
        };
        pool.slots = SlotMap::from_state(pool.config.capacity, &state)?;
        pool.mask_unused = mask_unused;

        let dtype = pool.config.storage.dtype();
        let shape = [pool.config.capacity, pool.config.dim];
        for (layer, centres) in pool.layers.iter_mut().enumerate() {
            let data = entries.take(&layer_name(layer), dtype)?;
            if data.shape()[..] != shape {
                return Err(Error::DamagedState(format!(
                    "{} is of shape {:?}, not {shape:?}",
                    layer_name(layer),
                    data.shape()
                )));
            }
            if !data.iter::<f32>().all(f32::is_finite) {
                let name = layer_name(layer);
                return Err(Error::DamagedState(format!("{name} is not finite")));
            }
            let data = pool.shard.own(data);
            *centres = Tensor::from_data(data, (&pool.device, dtype));
        }
        Ok(pool)
    }
}

/// The tensors of a record that have not been taken yet.
struct Entries(Vec<burn_pack::Tensor>);

impl Entries {
    fn take(&mut self, name: &str, dtype: DType) -> Result<TensorData> {
        let Some(at) = self.0.iter().position(|tensor| tensor.name == name) else {
            return Err(Error::DamagedState(format!("{name} is missing")));
        };
        let (_, found, shape, _, bytes) = self.0.swap_remove(at).into_parts()?;
        if found != dtype {
            return Err(Error::DamagedState(format!(
                "{name} is {found:?}, not {dtype:?}"
            )));
        }
        Ok(TensorData::from_bytes(bytes, shape, dtype))
    }

    fn numbers<E: burn::tensor::Element>(&mut self, name: &str, dtype: DType) -> Result<Vec<E>> {
        let data = self.take(name, dtype)?;
        data.try_to_vec()
            .map_err(|error| Error::DamagedState(format!("{name}: {error:?}")))
    }
}

fn entry(name: &str, data: TensorData) -> burn_pack::Tensor {
    let (bytes, shape, dtype) = data.into_parts();
    burn_pack::Tensor::new(name.to_owned(), dtype, shape, None, bytes)
}

fn layer_name(layer: usize) -> String {
    format!("layer{layer}")
}

fn update_name(update: &UpdateRule) -> String {
    match update {
        UpdateRule::TwoLayer => "two_layer".to_owned(),
        UpdateRule::Weighted { alpha } => format!("weighted {alpha}"),
    }
}

fn storage_name(storage: &Storage) -> &'static str {
    match storage {
        Storage::F32 => "f32",
        Storage::Bf16 => "bf16",
    }
}

fn in_file(path: &Path, error: Error) -> Error {
    Error::File {
        path: path.to_path_buf(),
        source: Box::new(error),
    }
}
