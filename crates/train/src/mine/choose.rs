use ffc_core::FfcHeadConfig;
use ffc_core::margin::MarginConfig;
use ffc_data::{AugmentConfig, ColourJitter, DualRows, InstanceOrderConfig, RandomCrop};
use ffc_model::BackboneConfig;
use ffc_model::network::{CompactConfig, IResNetConfig};

use super::{Hardware, Look};
use crate::config::{
    CheckpointConfig, Config, Decay, GalleryConfig, HeadConfig, Length, LoaderSettings,
    OptimizerConfig, ScheduleConfig, TrainingConfig,
};

/// What is given, and others hang on.
#[derive(Default)]
pub(super) struct Given {
    pub(super) length: Option<Length>,
    pub(super) batch: Option<usize>,
}

/// The settings for a set that looks so.
pub(super) fn choose(look: &Look, hardware: Hardware, given: &Given) -> Config {
    let batch = given.batch.unwrap_or_else(|| batch(look, hardware));
    let epoch = look.images.div_ceil(batch.max(1) as u64);
    let steps = match given.length {
        Some(length) => length.steps(epoch),
        None => steps(epoch, hardware),
    };
    let backbone = backbone(look, hardware);
    let pool = pool(look, batch);
    let momentum = momentum(steps);
    let quarter = Length::Steps((steps / 4).max(1));
    Config {
        training: TrainingConfig {
            length: Length::Steps(steps),
            log: Length::Steps((steps / 60).clamp(1, 50)),
            evaluate: quarter,
            ..TrainingConfig::default()
        },
        loader: LoaderSettings {
            batch,
            order: order(look),
            augment: augment(look),
            ..LoaderSettings::default()
        },
        backbone,
        gallery: GalleryConfig {
            momentum,
            ..GalleryConfig::default()
        },
        head: HeadConfig::Ffc(FfcHeadConfig {
            pool,
            // Better than 32 for every head in a short training (docs/experiments.md).
            scale: match hardware {
                Hardware::Processor => 16.0,
                Hardware::Gpu => 32.0,
            },
            margin: MarginConfig::Cosface { margin: 0.2 },
            ..FfcHeadConfig::default()
        }),
        optimizer: OptimizerConfig::adamw(2e-3),
        schedule: ScheduleConfig {
            warm_up: Length::Steps((steps / 6).min(300)),
            decay: Decay::Cosine { floor: 0.01 },
        },
        checkpoint: CheckpointConfig {
            every: quarter,
            ..CheckpointConfig::default()
        },
        ..Config::default()
    }
}

/// A small network for a processor; the published one for a GPU, less deep where pictures are few.
fn backbone(look: &Look, hardware: Hardware) -> BackboneConfig {
    let channels = if look.colour { 3 } else { 1 };
    match hardware {
        Hardware::Processor => {
            let [width_px, height_px] = sides(look, [28, 32], 4);
            BackboneConfig::Compact(CompactConfig {
                width: 0.5,
                embedding: 128,
                channels,
                height_px,
                width_px,
            })
        }
        Hardware::Gpu => {
            let [width_px, height_px] = sides(look, [48, 112], 16);
            BackboneConfig::Iresnet(IResNetConfig {
                depth: if look.images < 100_000 { 18 } else { 50 },
                channels,
                height_px,
                width_px,
                ..IResNetConfig::default()
            })
        }
    }
}

/// Width and height near the pictures', the shorter one within `shorter`, the longer at most twice that, in multiples of `step`.
fn sides(look: &Look, [least, most]: [usize; 2], step: usize) -> [usize; 2] {
    let [width, height] = [look.width_px.max(1), look.height_px.max(1)];
    let shorter = width.min(height).clamp(least, most) as f64;
    let scale = shorter / width.min(height) as f64;
    [width, height].map(|side| {
        let side = (side as f64 * scale).min(2.0 * shorter);
        (side / step as f64).round().max(1.0) as usize * step
    })
}

/// Even, and no more than there are identities, so that an id batch holds each once.
fn batch(look: &Look, hardware: Hardware) -> usize {
    let most = match hardware {
        Hardware::Processor => 32,
        Hardware::Gpu => 128,
    };
    (look.identities.min(most) as usize / 2 * 2).max(2)
}

/// So many epochs of the instance loader, within what is useful and what can be waited for.
fn steps(epoch: u64, hardware: Hardware) -> u64 {
    match hardware {
        Hardware::Processor => (8 * epoch).clamp(600, 3000),
        Hardware::Gpu => (19 * epoch).max(2000),
    }
}

/// All identities where they are few, a tenth of them where they are many, and never more than was published.
fn pool(look: &Look, batch: usize) -> usize {
    let tenth = look.identities / 10;
    let slots = tenth.max(1000).min(look.identities).min(30_000) as usize;
    slots.max(batch + batch / 2)
}

/// The identity loader alone where the pool cannot hold all identities: most pictures of the instance loader find no centre of their own then,
/// and both loaders were behind on drawn identities, characters and faces (docs/experiments.md).
pub(super) fn dual(head: &HeadConfig, identities: u64) -> DualRows {
    match head {
        HeadConfig::Ffc(head) if (head.pool as u64) < identities => DualRows::Identity,
        _ => DualRows::Both,
    }
}

/// A gallery network that is an average of the last steps' hundredth and more: 0.99, as published, from 15,000 steps on.
fn momentum(steps: u64) -> f64 {
    let momentum = (1.0 - 150.0 / steps as f64).clamp(0.9, 0.99);
    (momentum * 100.0).round() / 100.0
}

/// Where few identities have most of the pictures they would drown the others.
fn order(look: &Look) -> InstanceOrderConfig {
    let mean = look.images as f64 / look.identities as f64;
    InstanceOrderConfig {
        power: if look.most_images as f64 > 10.0 * mean {
            0.5
        } else {
            1.0
        },
    }
}

/// Mirrored characters and signs are other ones; such pictures have no colour as a rule.
fn augment(look: &Look) -> AugmentConfig {
    AugmentConfig {
        crop: Some(RandomCrop {
            min_area: 0.6,
            max_aspect: 1.3,
            ..RandomCrop::default()
        }),
        flip: look.colour,
        colour: look.colour.then(ColourJitter::default),
        ..AugmentConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(identities: u64, images: u64) -> Look {
        Look {
            identities,
            images,
            most_images: images.div_ceil(identities),
            sampled: 200,
            damaged: 0,
            width_px: 112,
            height_px: 112,
            colour: true,
        }
    }

    #[test]
    fn every_choice_is_a_configuration_that_fits() {
        for hardware in [Hardware::Processor, Hardware::Gpu] {
            for identities in [2, 3, 31, 32, 1000, 10_000, 1_000_000, 100_000_000] {
                for (width_px, height_px) in [(1, 1), (28, 28), (105, 105), (4000, 30), (60, 90)] {
                    for colour in [false, true] {
                        let look = Look {
                            width_px,
                            height_px,
                            colour,
                            ..look(identities, 3 * identities)
                        };
                        let config = choose(&look, hardware, &Given::default());
                        config
                            .check()
                            .unwrap_or_else(|error| panic!("{look:?}: {error}"));
                    }
                }
            }
        }
    }

    #[test]
    fn the_rules_that_the_documents_give() {
        assert_eq!(
            [40, 1000, 5000, 20_000, 10_000_000].map(|n| pool(&look(n, n), 32)),
            [48, 1000, 1000, 2000, 30_000]
        );
        assert_eq!(
            [100, 1500, 4500, 50_000].map(momentum),
            [0.9, 0.9, 0.97, 0.99]
        );
        assert_eq!(
            [32, 200, 3125].map(|epoch| steps(epoch, Hardware::Processor)),
            [600, 1600, 3000]
        );
        assert_eq!(
            [2, 3, 31, 40].map(|n| batch(&look(n, n), Hardware::Processor)),
            [2, 2, 30, 32]
        );
        let sizes = |width_px, height_px| {
            sides(
                &Look {
                    width_px,
                    height_px,
                    ..look(2, 2)
                },
                [28, 48],
                4,
            )
        };
        assert_eq!(
            [
                sizes(105, 105),
                sizes(20, 20),
                sizes(30, 40),
                sizes(100, 900)
            ],
            [[48, 48], [28, 28], [32, 40], [48, 96]]
        );
    }
}
