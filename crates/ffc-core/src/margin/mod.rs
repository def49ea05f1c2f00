//! Margins: what makes the target harder to reach than plain softmax does.
//!
//! | margin | target cosine t becomes | other cosines | paper |
//! |---|---|---|---|
//! | [`NoMargin`] | t | unchanged | NormFace, arXiv:1704.06369 |
//! | [`CosFace`] | t - m | unchanged | CosFace, arXiv:1801.09414; AM-Softmax, arXiv:1801.05599 |
//! | [`ArcFace`] | cos(acos(t) + m) | unchanged | ArcFace, arXiv:1801.07698 |
//! | [`AdaFace`] | cos(acos(t) - m k) - (m + m k), k from the embedding's length | unchanged | AdaFace, arXiv:2204.00964 |
//! | [`SvMargin`] | t - m if t > m, else t | 1.2 c + 0.2 where c > t - m | SV-Softmax, arXiv:1812.11317 |
//!
//! The loss never differentiates a margin: each gives its slope beside its value.

mod adaface;
mod arcface;
mod config;
mod cosface;
mod none;
pub(crate) mod part;
mod state;
mod sv;

pub use adaface::AdaFace;
pub use arcface::{ArcFace, ArcFaceForm};
pub use config::MarginConfig;
pub use cosface::CosFace;
pub use none::NoMargin;
pub use state::MarginState;
pub use sv::SvMargin;

use std::ops::RangeBounds;

use burn::tensor::Tensor;

use crate::{Error, Result};

/// Cosines after a margin, and the derivative of each by the cosine that it came from.
#[derive(Debug, Clone)]
pub struct Reshaped {
    /// The new cosines, of the shape that was given.
    pub value: Tensor<2>,
    /// d value / d cosine, of the same shape.
    pub slope: Tensor<2>,
}

/// Changes the cosine between an embedding and the centre of its own identity.
///
/// To add one, implement [`target`](Self::target) for a type of your own:
///
/// ```
/// use burn::tensor::Tensor;
/// use ffc_core::margin::{Margin, Reshaped};
///
/// /// Halves positive cosines: t / 2.
/// #[derive(Debug)]
/// struct Half;
///
/// impl Margin for Half {
///     fn target(&self, cosine: Tensor<2>) -> Reshaped {
///         Reshaped {
///             slope: cosine.full_like(0.5),
///             value: cosine * 0.5,
///         }
///     }
/// }
/// ```
pub trait Margin: std::fmt::Debug + Send {
    /// Reshapes the target cosines.
    ///
    /// # Shapes
    ///
    /// - `cosine`: `[rows, 1]`, in [-1, 1] but for rounding
    fn target(&self, cosine: Tensor<2>) -> Reshaped;

    /// The same, for a margin that depends on how long the raw embeddings are. Heads ask this one.
    ///
    /// # Shapes
    ///
    /// - `cosine`: `[rows, 1]`, in [-1, 1] but for rounding
    /// - `length`: `[rows, 1]`, above 0
    fn target_with_length(&self, cosine: Tensor<2>, _length: &Tensor<2>) -> Reshaped {
        self.target(cosine)
    }

    /// What this margin learns from the embeddings, if anything.
    fn state(&self) -> Option<&dyn MarginState> {
        None
    }

    /// The same, to change it.
    fn state_mut(&mut self) -> Option<&mut dyn MarginState> {
        None
    }

    /// The rule for the other cosines, if this margin has one. It costs a third product with the
    /// pool where the pool has two layers, since each layer then gives the others cosines of its own.
    fn negatives(&self) -> Option<&dyn NegativeMargin> {
        None
    }
}

/// Changes the cosines between an embedding and the centres of other identities.
pub trait NegativeMargin {
    /// Reshapes the cosines with other identities. The column of the row's own identity is among
    /// them and is ignored afterwards.
    ///
    /// # Shapes
    ///
    /// - `cosine`: `[rows, columns]`
    /// - `target`: `[rows, 1]`, the target cosines before the margin
    fn reshape(&self, cosine: Tensor<2>, target: Tensor<2>) -> Reshaped;
}

/// A margin within its range.
fn checked(margin: f32, range: impl RangeBounds<f32>, expected: &'static str) -> Result<f32> {
    if range.contains(&margin) {
        return Ok(margin);
    }
    Err(Error::Setting {
        setting: "margin",
        value: margin.to_string(),
        expected,
    })
}
