use burn::tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};

use super::{JointConfig, VirtualHead, initial_rows};
use crate::class_weights::Sgd;
use crate::margin::{ArcFace, ArcFaceForm};
use crate::memory::{self, Held};
use crate::{BatchForm, Error, HeadBytes, HeadContext, Needs, Result, setting};

/// Settings of a [`VirtualHead`], for the file that configures a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VirtualHeadConfig {
    /// Rows V that stand for all identities, at least as many as a batch has identities. Default: 1000, as published.
    pub rows: usize,
    /// Images K of an identity in a batch. Divides the batch. Default: 10, as published.
    pub images: usize,
    /// The factor s on the cosines. Default: 32, as published.
    pub scale: f32,
    /// ArcFace's margin m, an angle in radians. Default: 0.5, as published.
    pub margin: f32,
    /// The factor on the loss, for embeddings and rows alike. Default: 1. Published is 10, beside the loss of a full classifier on other
    /// data, at learning rate 0.01.
    pub loss_factor: f32,
    /// Momentum of the rows' SGD. Default: 0.9, as published.
    pub momentum: f64,
    /// Weight decay of the rows. Default: 0.0005, as published.
    pub weight_decay: f64,
    /// Factor on the run's learning rate: above 1 where the networks train by AdamW, whose rates are small. Default: 1.
    pub learning_rate_factor: f64,
    /// Joint training as published, with a full layer for the first identities of the set: `{ identities = 10000 }`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joint: Option<JointConfig>,
}

impl Default for VirtualHeadConfig {
    fn default() -> Self {
        Self {
            rows: 1000,
            images: 10,
            scale: 32.0,
            margin: 0.5,
            loss_factor: 1.0,
            momentum: 0.9,
            weight_decay: 5e-4,
            learning_rate_factor: 1.0,
            joint: None,
        }
    }
}

impl VirtualHeadConfig {
    /// Checks what needs no data and no device, for batches of B images.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where a setting is outside its range, [`Error::TooFewVirtualRows`] where a batch has more identities than there
    /// are rows.
    pub fn check(&self, batch: usize) -> Result<()> {
        setting::at_least_one("rows", self.rows)?;
        setting::divides(self.images, batch)?;
        setting::positive("scale", self.scale)?;
        self.arcface()?;
        setting::positive("loss_factor", self.loss_factor)?;
        Sgd::check(self.momentum, self.weight_decay, self.learning_rate_factor)?;
        if let Some(joint) = &self.joint {
            joint.check()?;
        }
        let identities = batch / self.images;
        if identities > self.rows {
            return Err(Error::TooFewVirtualRows {
                rows: self.rows,
                identities,
            });
        }
        Ok(())
    }

    fn arcface(&self) -> Result<ArcFace> {
        Ok(ArcFace::new(self.margin)?.with_form(ArcFaceForm::Fallback))
    }

    pub(super) fn sgd(&self, learning_rate: f64) -> Sgd {
        Sgd {
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            learning_rate: learning_rate * self.learning_rate_factor,
        }
    }

    /// What the training must bring, as [`Head::needs`](crate::Head::needs), for a set of `identities`.
    pub fn needs(&self, _identities: u64) -> Needs {
        Needs::only(BatchForm::Groups {
            images: self.images,
        })
    }

    /// What a head keeps for `identities` with embeddings of `dim` numbers, in batches of size B.
    pub fn bytes(&self, _identities: u64, dim: usize, batch: usize) -> HeadBytes {
        let shared = self.shared_bytes(dim);
        match &self.joint {
            Some(joint) => shared + joint.full(self).bytes(joint.identities, dim, batch),
            None => shared,
        }
    }

    fn shared_bytes(&self, dim: usize) -> HeadBytes {
        HeadBytes::trained(memory::bytes(1, self.rows as u64, dim, DType::F32))
    }

    /// A head with random rows.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check); [`Error::Memory`] where the rows do not fit; of a joint training, where the full layer has no fewer identities than the set, or does not fit.
    pub fn init(&self, context: &HeadContext) -> Result<VirtualHead> {
        self.check(context.batch)?;
        let device = context.device.clone().inner();
        let held = Held {
            what: "shared class weights with their momenta",
            rows: self.rows as u64,
            bytes: self.shared_bytes(context.dim).on_device(),
            remedy: "fewer `rows`",
        };
        held.check(&device)?;
        let rows = initial_rows::xavier_uniform(context.seed, self.rows, context.dim, &device);
        let mut head = VirtualHead::with_rows(self, rows)?;
        if let Some(joint) = &self.joint {
            head.joint = Some(joint.init(self, context)?);
        }
        Ok(head)
    }
}

impl VirtualHead {
    /// A head with given rows, without joint training.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[config.rows, dim]`, of any length
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where a setting is outside its range or there are not as many rows as it says.
    pub fn with_rows(config: &VirtualHeadConfig, rows: Tensor<2>) -> Result<Self> {
        config.check(config.images)?;
        let fits = rows.dims()[0] == config.rows;
        setting::check(fits, "rows", config.rows, "the number of given rows")?;
        let rows = rows.inner().cast(DType::F32);
        Ok(Self {
            momentum: rows.zeros_like(),
            rows,
            lent: None,
            joint: None,
            margin: config.arcface()?,
            config: config.clone(),
        })
    }
}
