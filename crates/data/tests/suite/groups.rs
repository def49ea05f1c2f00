//! Batches of P identities with K images each.

use std::collections::HashSet;
use std::sync::Arc;

use ffc_data::{
    AugmentConfig, ColourJitter, Cutout, Damaged, Dataset, Error, GroupBatch, GroupLoader,
    GroupPlan, ImageBatch, LoaderConfig, Plan, RandomCrop,
};

use super::scripted::{bad, scripted_with};
use super::support::{small, synthetic};

const PICTURE: usize = 16 * 16 * 3;

fn config(groups: usize, group: usize) -> LoaderConfig {
    LoaderConfig {
        group,
        ..small(groups * group)
    }
}

/// Everything random switched on.
fn augmented(groups: usize, group: usize) -> LoaderConfig {
    LoaderConfig {
        augment: AugmentConfig {
            flip: true,
            crop: Some(RandomCrop::default()),
            colour: Some(ColourJitter::default()),
            cutout: Some(Cutout::default()),
            grey: 0.3,
        },
        ..config(groups, group)
    }
}

fn batches(
    dataset: &Arc<Dataset>,
    config: &LoaderConfig,
    first_step: u64,
    steps: usize,
) -> Vec<GroupBatch> {
    let loader = GroupLoader::new(dataset.clone(), config.clone(), first_step).unwrap();
    loader.take(steps).map(Result::unwrap).collect()
}

/// Everything a batch holds.
type Content = (u64, u64, Vec<u64>, Vec<u64>, Vec<u8>);

fn contents(
    dataset: &Arc<Dataset>,
    config: &LoaderConfig,
    first_step: u64,
    steps: usize,
) -> Vec<Content> {
    let batches = batches(dataset, config, first_step, steps).into_iter();
    let content = |batch: GroupBatch| {
        let images = &batch.images;
        (
            batch.step,
            batch.epoch,
            images.identities().to_vec(),
            images.images().to_vec(),
            images.pixels().to_vec(),
        )
    };
    batches.map(content).collect()
}

/// The identities of a batch whose rows are whole groups of one identity each; all different.
fn identities(batch: &ImageBatch, group: usize) -> Vec<u64> {
    let groups = batch.identities().chunks(group);
    let identities: Vec<u64> = groups
        .map(|group| {
            assert!(group.iter().all(|identity| *identity == group[0]));
            group[0]
        })
        .collect();
    let different: HashSet<_> = identities.iter().collect();
    assert_eq!(different.len(), identities.len(), "{identities:?}");
    identities
}

/// Every identity once an epoch, also where epochs end within batches; K different images where there are K, else all of
/// them as often as K allows.
#[test]
fn groups_of_different_identities() {
    // Nine images at most, one at least.
    let dataset = synthetic(37);
    let index = dataset.index();
    for (groups, group) in [(5, 4), (8, 2), (20, 3), (36, 1), (37, 12)] {
        let config = config(groups, group);
        const EPOCHS: usize = 5;
        let steps = (37 * EPOCHS).div_ceil(groups);
        let batches = batches(&dataset, &config, 0, steps);
        let mut drawn = Vec::new();
        for (step, batch) in batches.iter().enumerate() {
            assert_eq!(batch.step, step as u64);
            assert_eq!(batch.epoch, (step * groups / 37) as u64);
            assert_eq!(batch.images.shape(), [groups * group, 16, 16, 3]);
            drawn.extend(identities(&batch.images, group));
            for (rows, images) in batch
                .images
                .identities()
                .chunks(group)
                .zip(batch.images.images().chunks(group))
            {
                let own = index.images_of(rows[0]);
                let count = (own.end - own.start) as usize;
                for image in own {
                    let times = images.iter().filter(|&&drawn| drawn == image).count();
                    assert!((group / count..=group.div_ceil(count)).contains(&times));
                }
            }
        }
        for epoch in drawn.chunks_exact(37) {
            let mut sorted = epoch.to_vec();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..37));
        }
        assert_ne!(drawn[..37], drawn[37..74]);
    }
}

#[test]
fn workers_and_starts_change_nothing() {
    let dataset = synthetic(37);
    for config in [config(5, 4), augmented(5, 4)] {
        let steps = GroupPlan::steps_per_epoch(dataset.index(), &config);
        assert_eq!(steps, 8);
        let whole = contents(&dataset, &config, 0, 18);
        for (workers, queue) in [(1, 1), (3, 4), (4, 2)] {
            let many = LoaderConfig {
                workers,
                queue,
                ..config.clone()
            };
            assert_eq!(contents(&dataset, &many, 0, 18), whole);
        }
        for first in 1..17 {
            let rest = contents(&dataset, &config, first, 2);
            assert_eq!(rest, whole[first as usize..first as usize + 2]);
        }
    }
}

/// The batches of the ranks one after the other are the batch of one process.
#[test]
fn ranks_share_a_batch() {
    let dataset = synthetic(37);
    let whole = contents(&dataset, &augmented(12, 3), 0, 8);
    for ranks in [2, 3, 4] {
        let shares = (0..ranks).map(|rank| {
            let config = LoaderConfig {
                rank,
                ranks,
                ..augmented(12 / ranks, 3)
            };
            contents(&dataset, &config, 0, 8)
        });
        let joined = shares.reduce(|mut all, share| {
            for (all, share) in all.iter_mut().zip(share) {
                assert_eq!((all.0, all.1), (share.0, share.1));
                all.2.extend(share.2);
                all.3.extend(share.3);
                all.4.extend(share.4);
            }
            all
        });
        assert_eq!(joined.unwrap(), whole, "{ranks} ranks");
    }
}

/// One picture several times in a group: each is changed anew.
#[test]
fn pictures_that_come_twice_are_augmented_apart() {
    let (dataset, _) = scripted_with(&[1, 1], |_| Ok(()));
    let config = LoaderConfig {
        augment: AugmentConfig {
            flip: false,
            cutout: Some(Cutout {
                probability: 1.0,
                max_side: 1.0,
            }),
            ..Default::default()
        },
        ..config(1, 8)
    };
    for batch in batches(&dataset, &config, 0, 4) {
        let pictures: HashSet<_> = batch.images.pixels().chunks(PICTURE).collect();
        assert!(pictures.len() >= 7, "{} different of 8", pictures.len());
    }
}

/// Identity 0 has no readable image, 1 has one of two, 2 four of six, the others all.
fn damaged() -> Arc<Dataset> {
    const BAD: [u64; 5] = [0, 1, 4, 7, 9];
    scripted_with(&[2, 2, 6, 5, 1, 3, 7], |image| match BAD.contains(&image) {
        true => Err(bad(image)),
        false => Ok(()),
    })
    .0
}

/// A damaged picture gives way to another of its identity, an identity without pictures to one that the batch does not have.
#[test]
fn damaged_pictures_do_not_break_groups() {
    let dataset = damaged();
    let readable: [&[u64]; 7] = [
        &[],
        &[2, 3],
        &[5, 6, 8],
        &[10, 11, 12, 13, 14],
        &[15],
        &[16, 17, 18],
        &[19, 20, 21, 22, 23, 24, 25],
    ];
    for (groups, group) in [(3, 4), (6, 2), (2, 5), (1, 3)] {
        let config = LoaderConfig {
            damaged: Damaged::Skip { limit: 5 },
            augment: AugmentConfig {
                flip: false,
                ..Default::default()
            },
            ..config(groups, group)
        };
        let mut loader = GroupLoader::new(dataset.clone(), config.clone(), 0).unwrap();
        let mut seen = HashSet::new();
        for batch in loader.by_ref().take(60).map(Result::unwrap) {
            let identities = identities(&batch.images, group);
            assert_eq!(identities.len(), groups);
            seen.extend(identities.iter().copied());
            for (identity, images) in identities.iter().zip(batch.images.images().chunks(group)) {
                let own = readable[*identity as usize];
                assert!(images.iter().all(|image| own.contains(image)));
                let different: HashSet<_> = images.iter().collect();
                assert_eq!(different.len(), group.min(own.len()), "{images:?}");
            }
            let pictures = batch.images.pixels().chunks(PICTURE);
            for (image, pixels) in batch.images.images().iter().zip(pictures) {
                assert!(pixels.iter().all(|&value| u64::from(value) == *image));
            }
        }
        assert_eq!(seen, (1..7).collect());
        assert_eq!(loader.skipped(), 5);

        let whole = contents(&dataset, &config, 0, 20);
        for workers in [1, 4] {
            let config = LoaderConfig {
                workers,
                ..config.clone()
            };
            assert_eq!(contents(&dataset, &config, 0, 20), whole);
        }
        for first in [3, 11] {
            assert_eq!(
                contents(&dataset, &config, first, 3),
                whole[first as usize..][..3]
            );
        }
    }
    // Without a licence to skip the step fails.
    let failed = GroupLoader::new(dataset, config(3, 4), 0)
        .unwrap()
        .take(9)
        .last();
    assert!(
        matches!(failed, Some(Err(Error::Image { .. }))),
        "{failed:?}"
    );
}

/// The ranks replace what is damaged as one process does.
#[test]
fn damaged_pictures_over_ranks() {
    let dataset = damaged();
    let config = |groups, rank, ranks| LoaderConfig {
        damaged: Damaged::Skip { limit: 5 },
        rank,
        ranks,
        ..config(groups, 3)
    };
    let whole = contents(&dataset, &config(4, 0, 1), 0, 30);
    let [first, second] = [0, 1].map(|rank| contents(&dataset, &config(2, rank, 2), 0, 30));
    for ((whole, first), second) in whole.iter().zip(first).zip(second) {
        assert_eq!(whole.3, [first.3, second.3].concat());
        assert_eq!(whole.4, [first.4, second.4].concat());
    }
}

/// Fewer readable identities than groups: some come twice, for the batch must be whole.
#[test]
fn too_few_readable_identities() {
    let (dataset, _) = scripted_with(&[2, 3, 2], |image| match image < 2 {
        true => Err(bad(image)),
        false => Ok(()),
    });
    let config = LoaderConfig {
        damaged: Damaged::Skip { limit: 2 },
        ..config(3, 2)
    };
    for batch in batches(&dataset, &config, 0, 10) {
        for group in batch.images.identities().chunks(2) {
            assert!(group[0] == group[1] && group[0] != 0);
        }
    }
    let (dataset, _) = scripted_with(&[2, 3, 2], |image| Err(bad(image)));
    let config = LoaderConfig {
        damaged: Damaged::Skip { limit: 9 },
        ..config
    };
    let failed = GroupLoader::new(dataset, config, 0).unwrap().next();
    let message = failed.unwrap().unwrap_err().to_string();
    assert!(message.contains("nor of 2 others"), "{message}");
}

#[test]
fn groups_must_fill_the_batch() {
    for group in [0, 3, 16] {
        let config = LoaderConfig { group, ..small(8) };
        let error = GroupLoader::new(synthetic(5), config, 0).err().unwrap();
        assert!(error.to_string().starts_with("group is"), "{error}");
    }
}
