//! Weight files: the tensors of a network under the names that they have in PyTorch.

mod description;
mod fill;
mod foreign;
mod found;
mod mismatch;
mod names;
mod preprocessing;
mod read;
mod safetensors_header;
mod write;

pub use description::Description;
pub use mismatch::{ShapeMismatch, TensorMismatch};
pub(crate) use names::Place;
pub use names::TensorInfo;
pub use preprocessing::{ColourOrder, Preprocessing};
pub use read::read_tensors;
pub(crate) use read::{NETWORK, PREPROCESSING};
pub(crate) use write::little_endian;
