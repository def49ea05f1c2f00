//! From a photograph to an aligned face: a detector with five landmarks, and the similarity transform that brings them where face networks
//! expect them.
//!
//! ```no_run
//! use burn::tensor::Device;
//! use ffc_align::{Mtcnn, MtcnnConfig, Picture, Similarity, template, warp};
//!
//! # fn main() -> ffc_align::Result<()> {
//! # let (width, height, rgb) = (640, 480, vec![0; 640 * 480 * 3]);
//! // The wheel of facenet-pytorch, or a folder with its three files of weights.
//! let detector = Mtcnn::read("facenet_pytorch.whl", MtcnnConfig::default(), &Device::flex())?;
//! let picture = Picture::new(width, height, &rgb)?;
//! for face in detector.detect(picture)? {
//!     let landmarks = face.landmarks.map(|point| point.map(f64::from));
//!     let to_face = Similarity::fit(&landmarks, &template(112))?;
//!     let aligned: Vec<u8> = warp(picture, &to_face, 112);
//! }
//! # Ok(())
//! # }
//! ```

mod error;
mod face;
mod landmarks;
mod mtcnn;
mod picture;
mod quality;
mod set;
mod similarity;
mod source;
mod table;
mod warp;

pub use error::{Error, Result};
pub use face::Face;
pub use landmarks::Landmarks;
pub use mtcnn::{Mtcnn, MtcnnConfig};
pub use picture::Picture;
pub use quality::sharpness;
pub use set::{AlignConfig, AlignProgress, Aligned, Faces, Format, Missing, align_set};
pub use similarity::{Similarity, TEMPLATE, TEMPLATE_PX, template};
pub use source::{FoundFace, FoundFaces, aligned};
pub use table::{LandmarksRow, read_landmarks, write_landmarks};
pub use warp::warp;
