//! Backbones for face recognition on [burn](https://burn.dev): the published networks, with the tensor names of their PyTorch
//! references, so that weights go both ways.
//!
//! | what | where |
//! |---|---|
//! | which network, and its settings | [`BackboneConfig`], [`network`] |
//! | pictures to raw embeddings | [`Backbone::forward`] |
//! | statistics of batch normalisation | [`NormMode`] |
//! | reading PyTorch's files, SafeTensors and ONNX, writing SafeTensors | [`Backbone::read_weights`], [`Backbone::write_weights`] |
//! | what was done to the pictures, kept in the file | [`Preprocessing`] |
//! | parameters and multiply-adds | [`Backbone::summary`] |
//! | writing ONNX | [`Backbone::write_onnx`] |
//! | networks whose weights others publish | [`Published`] |
//! | the layers | [`layer`] |
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use ffc_model::{Backbone, BackboneConfig, ColourOrder, NormMode, Preprocessing};
//!
//! let device = Device::flex();
//! let config: BackboneConfig = serde_json::from_str(
//!     r#"{ "network": "compact", "embedding": 64, "channels": 1, "height_px": 28, "width_px": 28 }"#,
//! )?;
//! let backbone = config.init(&device)?;
//! println!("{}", backbone.summary());
//!
//! let images = Tensor::zeros([2, 1, 28, 28], &device);
//! let embeddings = backbone.forward(images, NormMode::Evaluate)?;
//! assert_eq!(embeddings.dims(), [2, 64]);
//!
//! // Weights carry what was done to the pictures, and reading checks it.
//! let preprocessing = Preprocessing {
//!     height_px: 28,
//!     width_px: 28,
//!     colour: ColourOrder::Grey,
//!     mean: 127.5,
//!     scale: 128.0,
//! };
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("compact.safetensors");
//! backbone.write_weights(&file, &preprocessing)?;
//! let mut other = config.init(&device)?;
//! other.read_weights(&file, Some(&preprocessing))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Probe and gallery
//!
//! The trained network runs in [`NormMode::Train`]. A gallery network that follows it is made by `valid()`, which shares nothing with
//! it, and runs in [`NormMode::Batch`]: normalised by its batch like the probe, but leaving its running statistics to whoever averages
//! the two networks.

mod backbone;
mod error;
mod initialise;
pub mod layer;
pub mod network;
mod onnx;
mod published;
mod summary;
pub mod weights;

pub use backbone::{Backbone, BackboneConfig};
pub use error::{Error, Result};
pub use layer::NormMode;
pub use published::Published;
pub use summary::Summary;
pub use weights::{ColourOrder, Preprocessing};
