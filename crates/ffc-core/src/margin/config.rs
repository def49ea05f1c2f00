use serde::{Deserialize, Serialize};

use super::{ArcFace, CosFace, Margin, NoMargin, SvMargin};
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
    },
    /// [`SvMargin`].
    Sv {
        /// m.
        margin: f32,
    },
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
            Self::Arcface { margin } => Box::new(ArcFace::new(margin)?),
            Self::Sv { margin } => Box::new(SvMargin::new(margin)?),
        })
    }
}
