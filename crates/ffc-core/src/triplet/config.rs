use serde::{Deserialize, Serialize};

use super::{TripletDistance, TripletHead};
use crate::{BatchForm, HeadBytes, HeadContext, Needs, Result, setting};

/// Settings of a [`TripletHead`], for the file that configures a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TripletHeadConfig {
    /// Images K of an identity in a batch, at least 2. Divides the batch. Default: 4, as published.
    pub images: usize,
    /// `"cosine"`, `"euclidean"` or `"euclidean_squared"`. Default: euclidean, as published.
    pub distance: TripletDistance,
    /// How much farther than the positive a negative shall be. Default: 0.2.
    pub margin: f32,
    /// Whether log(1 + exp(x)) takes the place of max(0, x). Default: false.
    pub soft: bool,
    /// Which triplets the loss is the mean of: `"active"` or `"all"`. Default: active.
    pub mean_over: TripletMean,
    /// Whether distances are those of embeddings of unit length. The cosine distance needs it. Default: true.
    pub normalize: bool,
}

/// Which triplets a loss is the mean of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TripletMean {
    /// Those whose loss is above 0: it does not shrink as others are solved. 0 without any.
    Active,
    /// All.
    All,
}

impl Default for TripletHeadConfig {
    fn default() -> Self {
        Self {
            images: 4,
            distance: TripletDistance::Euclidean,
            margin: 0.2,
            soft: false,
            mean_over: TripletMean::Active,
            normalize: true,
        }
    }
}

impl TripletHeadConfig {
    /// Checks what needs no data and no device, for batches of B images.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) where a setting is outside its range.
    pub fn check(&self, batch: usize) -> Result<()> {
        setting::groups_to_compare(self.images, batch)?;
        setting::not_negative("margin", self.margin)?;
        let comparable = self.normalize || self.distance != TripletDistance::Cosine;
        setting::check(
            comparable,
            "normalize",
            self.normalize,
            "true with the cosine distance",
        )
    }

    /// What the training must bring, as [`Head::needs`](crate::Head::needs), for a set of `identities`.
    pub fn needs(&self, _identities: u64) -> Needs {
        Needs::only(BatchForm::Groups {
            images: self.images,
        })
    }

    /// What a head keeps for `identities` with embeddings of `dim` numbers, in batches of size B.
    pub fn bytes(&self, _identities: u64, _dim: usize, _batch: usize) -> HeadBytes {
        HeadBytes::default()
    }

    /// The head. It has no state.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn init(&self, context: &HeadContext) -> Result<TripletHead> {
        self.check(context.batch)?;
        Ok(TripletHead {
            config: self.clone(),
            dim: context.dim,
        })
    }
}
