use ffc_core::{BatchForm, GallerySides, Needs};
use ffc_data::DualRows;
use serde::{Deserialize, Serialize};

use crate::config::GalleryConfig;

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
    /// Of batches of size B for a head that needs these. A pass of the gallery network that some steps leave out counts for all.
    pub(crate) fn new(needs: Needs, batch: usize, dual: DualRows, gallery: &GalleryConfig) -> Self {
        let trained = match needs.batch {
            BatchForm::Dual => 3 * batch,
            _ => batch,
        };
        let has_pass = has_gallery(needs, gallery.momentum) && gallery.reuse_up_to < 1.0;
        let by_gallery = match (has_pass, needs.gallery_sides) {
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

    fn needs(batch: BatchForm, gallery: bool) -> Needs {
        Needs {
            batch,
            gallery,
            gallery_sides: GallerySides::Both,
            prefill: 0,
        }
    }

    fn pictures(needs: Needs, dual: DualRows, momentum: f64) -> [usize; 3] {
        let StepPictures {
            trained,
            embedded,
            instances,
        } = StepPictures::new(needs, 8, dual, &gallery(momentum, 0.0));
        [trained, embedded, instances]
    }

    fn gallery(momentum: f64, reuse_up_to: f64) -> GalleryConfig {
        GalleryConfig {
            momentum,
            reuse_up_to,
            ..GalleryConfig::default()
        }
    }

    #[test]
    fn pictures_of_a_step() {
        use DualRows::{Both, Identity, Instance};
        let of_ffc = needs(BatchForm::Dual, true);
        let dual = |dual, momentum| pictures(of_ffc, dual, momentum);
        assert_eq!(dual(Both, 0.99), [24, 48, 8]);
        assert_eq!(dual(Instance, 0.99), [24, 48, 24]);
        assert_eq!(dual(Identity, 0.99), [24, 48, 0]);
        assert_eq!(dual(Both, 0.0), [24, 24, 8]);
        let other = |batch, gallery| pictures(needs(batch, gallery), Both, 0.0);
        assert_eq!(other(BatchForm::Instances, false), [8, 8, 8]);
        assert_eq!(other(BatchForm::Groups { images: 2 }, false), [8, 8, 0]);
        assert_eq!(other(BatchForm::Pairs, true), [8, 16, 0]);
        let one = Needs {
            gallery_sides: GallerySides::One,
            ..of_ffc
        };
        assert_eq!(pictures(one, Both, 0.99), [24, 36, 8]);
        let embedded = |reuse| StepPictures::new(of_ffc, 8, Both, &gallery(0.99, reuse)).embedded;
        assert_eq!([0.0, 0.5, 1.0].map(embedded), [48, 48, 24]);
    }
}
