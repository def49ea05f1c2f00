use serde::{Deserialize, Serialize};

use super::PairsHead;
use crate::{BatchForm, HeadBytes, HeadContext, Needs, Result, setting};

/// Settings of a [`PairsHead`], for the file that configures a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PairsHeadConfig {
    /// `"npair"`, `"infonce"`, `"ntxent"` or `"supcon"`. Default: ntxent.
    pub loss: PairLoss,
    /// Images K of an identity in a batch: 2 for `npair` and `infonce`, at least 2 for the others. Divides the batch. Default: 2.
    pub images: usize,
    /// What cosines are divided by before the softmax. Default: none (1) for `npair`, 0.07 for `infonce` and `ntxent`, 0.1 for `supcon`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Whether embeddings are compared at unit length; only `npair` can do without, as in its paper. Default: true.
    pub normalize: bool,
}

/// A loss over the pairs of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PairLoss {
    /// N-pair (Sohn, NeurIPS 2016) without its regulariser: the first image of each identity against the second images of
    /// all. Of an identity that comes twice the first two images count.
    Npair,
    /// InfoNCE (van den Oord et al., arXiv:1807.03748, equation 4): the first image of each group against the second images of all.
    Infonce,
    /// NT-Xent (Chen et al., arXiv:2002.05709, equation 1): each image against all others, one positive at a time.
    Ntxent,
    /// SupCon (Khosla et al., arXiv:2004.11362, equation 2): each image against all others, all its positives at a time.
    Supcon,
}

impl Default for PairsHeadConfig {
    fn default() -> Self {
        Self {
            loss: PairLoss::Ntxent,
            images: 2,
            temperature: None,
            normalize: true,
        }
    }
}

impl PairsHeadConfig {
    /// Checks what needs no data and no device, for batches of B images.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) where a setting is outside its range.
    pub fn check(&self, batch: usize) -> Result<()> {
        setting::groups_to_compare(self.images, batch)?;
        let all_images = matches!(self.loss, PairLoss::Ntxent | PairLoss::Supcon);
        setting::check(
            all_images || self.images == 2,
            "images",
            self.images,
            "2 for this loss, which compares first images with second ones",
        )?;
        setting::positive("temperature", self.temperature())?;
        setting::check(
            self.normalize || self.loss == PairLoss::Npair,
            "normalize",
            self.normalize,
            "true for this loss: npair alone compares raw embeddings",
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
    pub fn init(&self, context: &HeadContext) -> Result<PairsHead> {
        self.check(context.batch)?;
        Ok(PairsHead {
            config: self.clone(),
            dim: context.dim,
        })
    }

    /// The one that is set, or the loss's own.
    pub(super) fn temperature(&self) -> f32 {
        self.temperature.unwrap_or(match self.loss {
            PairLoss::Npair => 1.0,
            PairLoss::Infonce | PairLoss::Ntxent => 0.07,
            PairLoss::Supcon => 0.1,
        })
    }
}
