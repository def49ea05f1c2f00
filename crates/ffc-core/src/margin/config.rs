use serde::{Deserialize, Serialize};

use super::{AdaFace, ArcFace, ArcFaceForm, CosFace, Margin, NoMargin, SvMargin};
use crate::Result;

/// A margin of this module, for the file that configures a training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "kind")]
pub enum MarginConfig {
    /// [`NoMargin`].
    None,
    /// [`CosFace`].
    Cosface {
        /// m.
        margin: f32,
    },
    /// [`ArcFace`].
    Arcface {
        /// m, an angle in radians.
        margin: f32,
        /// `"exact"`, `"fallback"` or `"straight_through"`. Default: exact.
        #[serde(default)]
        form: ArcFaceForm,
    },
    /// [`SvMargin`].
    Sv {
        /// m.
        margin: f32,
    },
    /// [`AdaFace`].
    Adaface {
        /// m. Default: 0.4.
        #[serde(default = "adaface::margin")]
        margin: f32,
        /// Concentration h. Default: 0.333.
        #[serde(default = "adaface::h")]
        h: f32,
        /// Share of a step's lengths in the running statistics. Default: 0.01.
        #[serde(default = "adaface::t_alpha")]
        t_alpha: f32,
    },
}

/// What AdaFace's published training uses.
mod adaface {
    pub(super) fn margin() -> f32 {
        0.4
    }

    pub(super) fn h() -> f32 {
        0.333
    }

    pub(super) fn t_alpha() -> f32 {
        0.01
    }
}

impl MarginConfig {
    /// The margin.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) where m is outside its range.
    pub fn init(self) -> Result<Box<dyn Margin>> {
        Ok(match self {
            Self::None => Box::new(NoMargin),
            Self::Cosface { margin } => Box::new(CosFace::new(margin)?),
            Self::Arcface { margin, form } => Box::new(ArcFace::new(margin)?.with_form(form)),
            Self::Sv { margin } => Box::new(SvMargin::new(margin)?),
            Self::Adaface { margin, h, t_alpha } => Box::new(AdaFace::new(margin, h, t_alpha)?),
        })
    }
}
