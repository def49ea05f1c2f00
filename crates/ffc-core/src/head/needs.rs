use serde::{Deserialize, Serialize};

/// What a head asks of the training around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// What a batch is.
    pub batch: BatchForm,
    /// Whether a gallery network follows the trained one and embeds the pictures too, of pairs the second ones.
    pub gallery: bool,
    /// Of a dual batch, which sides the gallery network embeds.
    pub gallery_sides: GallerySides,
    /// Identities whose gallery embeddings the head takes before the first step.
    pub prefill: u64,
}

impl Needs {
    /// Batches of a form and nothing else.
    pub(crate) fn only(batch: BatchForm) -> Self {
        Self {
            batch,
            gallery: false,
            gallery_sides: GallerySides::Both,
            prefill: 0,
        }
    }
}

/// Sides of a dual batch that a gallery network embeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GallerySides {
    /// Both, as published: each side's embeddings are there for the other side's pass.
    Both,
    /// Side x alone, whose embeddings stay in the memory.
    One,
}

/// How the pictures of a batch are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchForm {
    /// FFC's two sides of 3 B / 2 pictures: the id loader's B pairs and the instance loader's B pictures.
    Dual,
    /// B pictures, each once an epoch.
    Instances,
    /// B / K identities with K pictures each, the pictures of an identity one after another.
    Groups {
        /// K, at least 1. Divides B.
        images: usize,
    },
    /// B identities with two pictures each: the trained network embeds the first, the gallery network alone the second, so that the rows of
    /// [`gallery`](crate::EmbeddingBatch::gallery) are of other pictures than those of `probe`.
    Pairs,
}
