//! The core of [FFC](https://arxiv.org/abs/2105.10375) (Fast Face Classification; F2C, CVPR 2022): train
//! a classifier over any number of identities without a classification layer.
//!
//! In place of N x D weights, FFC keeps a [`ClassPool`]: Q recent class centres, made by a gallery network
//! that follows the trained probe network as a [`MovingAverage`]. The [`FfcHead`] scores probe embeddings
//! against the pool. Memory and time of the head depend on Q, never on the number of identities.
//!
//! | what | where |
//! |---|---|
//! | loss and pool edit of one training step | [`FfcHead`] |
//! | rivals with trained class weights | [`FullHead`], [`PartialHead`] |
//! | what a training loop asks of any head | the trait [`Head`] |
//! | heads without class weights: DCQ, Virtual FC, triplets, pairs | [`QueueHead`], [`VirtualHead`], [`TripletHead`], [`PairsHead`] |
//! | group memory | [`ClassPool`] |
//! | identity -> slot, least recently used out first | [`SlotMap`], [`BatchPlan`] |
//! | margins: CosFace, ArcFace, AdaFace, SV, your own | [`margin`] |
//! | softmax over any number of centres, chunk by chunk | [`softmax`] |
//! | gallery network | [`MovingAverage`] |
//!
//! The crate works with embeddings, whatever made them, on any burn device. A training step:
//!
//! ```
//! use burn::module::Module;
//! use burn::nn::{Linear, LinearConfig};
//! use burn::optim::{GradientsParams, SgdConfig};
//! use burn::tensor::{Device, Distribution, Tensor};
//! use ffc_core::margin::CosFace;
//! use ffc_core::*;
//!
//! let device = Device::flex().autodiff();
//! let average = MovingAverage::new(0.99, RunningStatistics::Average)?;
//! let mut probe: Linear = LinearConfig::new(16, 8).init(&device);
//! let mut gallery = MovingAverage::gallery(&probe);
//! let mut optimizer = SgdConfig::new().init();
//!
//! let pool = ClassPool::new(ClassPoolConfig { capacity: 100, dim: 8, ..Default::default() }, &device)?;
//! let mut head = FfcHead::new(pool, CosFace::new(0.4)?, FfcConfig::default())?;
//!
//! average.update(&mut gallery, &probe)?;
//! // One side of a dual batch: images, here mere vectors, and their identities.
//! let side = |identities: Vec<u64>| {
//!     let images = Tensor::<2>::random([identities.len(), 16], Distribution::Default, &device);
//!     EmbeddingBatch {
//!         probe: probe.forward(images.clone()),
//!         gallery: Some(gallery.forward(images.inner())),
//!         identities,
//!     }
//! };
//! let (x, y) = (side(vec![1, 2, 3]), side(vec![1, 2, 9]));
//! let output = head.step(DualEmbeddings { x, y })?;
//! let gradients = GradientsParams::from_grads(output.loss.backward(), &probe);
//! probe = optimizer.step(0.1, probe, gradients);
//! # Ok::<(), ffc_core::Error>(())
//! ```
//!
//! # Synchronisation
//!
//! No call of a training step waits for the device, with one exception that can be switched off
//! ([`FfcConfig::check_embeddings`]). [`ClassPool::prefill`], [`ClassPool::save`] and
//! [`ClassPool::to_bytes`] read back from the device.

mod class_weights;
pub mod collective;
mod embeddings;
mod error;
mod ffc;
#[cfg_attr(not(feature = "flex"), path = "flex/absent.rs")]
mod flex;
mod full;
mod head;
mod labels;
pub mod margin;
mod memory;
mod metric_rows;
mod moving_average;
mod pairs;
mod partial;
mod plan;
mod pool;
mod purpose;
mod queue;
mod setting;
mod slot_map;
pub mod softmax;
mod triplet;
mod upload;
mod virtual_fc;

pub use error::{Embeddings, Error, Result};
pub use ffc::{FfcConfig, FfcHead, FfcHeadConfig, FfcOutput, FfcStats, Means};
pub use full::{FullHead, FullHeadConfig};
pub use head::{
    BatchForm, DualEmbeddings, EmbeddingBatch, GallerySides, Head, HeadBytes, HeadContext,
    HeadInput, HeadOutput, Needs, Quantity, StepContext, leaf_like, part,
};
pub use moving_average::{MovingAverage, RunningStatistics};
pub use pairs::{PairLoss, PairsHead, PairsHeadConfig};
pub use partial::{PartialHead, PartialHeadConfig, PartialUpdate, WeightStorage};
pub use plan::{BatchPlan, SlotEdit};
pub use pool::{ClassPool, ClassPoolConfig, Storage, UpdateRule};
pub use queue::{QueueHead, QueueHeadConfig, QueueStart};
pub use slot_map::{RowWrite, SlotMap, SlotMapState};
pub use triplet::{TripletDistance, TripletHead, TripletHeadConfig, TripletMean};
pub use virtual_fc::{Anchors, JointConfig, VirtualHead, VirtualHeadConfig, VisitingOrder};
