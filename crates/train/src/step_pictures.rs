use ffc_core::{BatchForm, Needs};
use ffc_data::DualRows;
use serde::{Deserialize, Serialize};

use crate::config::{GalleryConfig, GallerySides};

/// How many pictures a step takes, by the ways in which trainings are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepPictures {
    /// Through the trained network, forward and backward.
    pub trained: usize,
    /// These and those through the gallery network, which are embedded alone.
    pub embedded: usize,
    /// Of the instance loader, which make an epoch. None where pictures are drawn by identity alone.
    pub instances: usize,
}

impl StepPictures {
    /// Of batches of size B for a head that needs these.
    pub(crate) fn new(needs: Needs, batch: usize, dual: DualRows, gallery: &GalleryConfig) -> Self {
        let trained = match needs.batch {
            BatchForm::Dual => 3 * batch,
            _ => batch,
        };
        let by_gallery = match (has_gallery(needs, gallery.momentum), gallery.sides) {
            (false, _) => 0,
            (true, GallerySides::Both) => trained,
            (true, GallerySides::One) => trained / 2,
        };
        Self {
            trained,
            embedded: trained + by_gallery,
            instances: match needs.batch {
                BatchForm::Dual => dual.instances(batch),
                BatchForm::Instances => trained,
                _ => 0,
            },
        }
    }
}

/// Whether a gallery network of its own follows the trained one. With momentum 0 it would be the trained one, and its embeddings of the
/// same pictures are the trained one's own: a forward pass less. Pairs show it other pictures.
pub(crate) fn has_gallery(needs: Needs, momentum: f64) -> bool {
    needs.gallery && (momentum > 0.0 || needs.batch == BatchForm::Pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures(batch: BatchForm, gallery: bool, dual: DualRows, momentum: f64) -> [usize; 3] {
        let needs = Needs {
            batch,
            gallery,
            prefill: 0,
        };
        let gallery = GalleryConfig {
            momentum,
            ..GalleryConfig::default()
        };
        let StepPictures {
            trained,
            embedded,
            instances,
        } = StepPictures::new(needs, 8, dual, &gallery);
        [trained, embedded, instances]
    }

    #[test]
    fn pictures_of_a_step() {
        use DualRows::{Both, Identity, Instance};
        let dual = |dual, momentum| pictures(BatchForm::Dual, true, dual, momentum);
        assert_eq!(dual(Both, 0.99), [24, 48, 8]);
        assert_eq!(dual(Instance, 0.99), [24, 48, 24]);
        assert_eq!(dual(Identity, 0.99), [24, 48, 0]);
        assert_eq!(dual(Both, 0.0), [24, 24, 8]);
        let other = |batch, gallery| pictures(batch, gallery, Both, 0.0);
        assert_eq!(other(BatchForm::Instances, false), [8, 8, 8]);
        assert_eq!(other(BatchForm::Groups { images: 2 }, false), [8, 8, 0]);
        assert_eq!(other(BatchForm::Pairs, true), [8, 16, 0]);
        let one = GalleryConfig {
            sides: GallerySides::One,
            ..GalleryConfig::default()
        };
        let needs = Needs {
            batch: BatchForm::Dual,
            gallery: true,
            prefill: 0,
        };
        assert_eq!(StepPictures::new(needs, 8, Both, &one).embedded, 24 + 12);
    }
}
