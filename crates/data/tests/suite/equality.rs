//! The same batches whatever the workers, the start and the ranks.

use ffc_data::{
    AugmentConfig, ColourJitter, Cutout, DualBatch, DualLoader, DualRows, IdentityLoader,
    ImageBatch, InstanceLoader, InstanceOrderConfig, Loader, LoaderConfig, Plan, RandomCrop,
};

use super::support::{copies, open, small, synthetic};

/// Everything a batch holds.
type Content = (Vec<u64>, Vec<u64>, Vec<u8>);

fn content(batch: &ImageBatch) -> Content {
    (
        batch.identities().to_vec(),
        batch.images().to_vec(),
        batch.pixels().to_vec(),
    )
}

fn dual(batch: DualBatch) -> (u64, u64, Content, Content) {
    (
        batch.step,
        batch.epoch,
        content(&batch.x),
        content(&batch.y),
    )
}

fn duals(
    config: &LoaderConfig,
    first_step: u64,
    steps: usize,
) -> Vec<(u64, u64, Content, Content)> {
    let loader = DualLoader::new(synthetic(37), config.clone(), first_step).unwrap();
    loader
        .take(steps)
        .map(|batch| dual(batch.unwrap()))
        .collect()
}

/// As published, and with everything random switched on.
fn configs(batch: usize) -> [LoaderConfig; 2] {
    let everything = LoaderConfig {
        order: InstanceOrderConfig { power: 0.4 },
        augment: AugmentConfig {
            crop: Some(RandomCrop::default()),
            colour: Some(ColourJitter::default()),
            cutout: Some(Cutout::default()),
            grey: 0.3,
            ..Default::default()
        },
        ..small(batch)
    };
    [small(batch), everything]
}

#[test]
fn workers_change_nothing() {
    for config in configs(6) {
        let one = duals(&config, 0, 30);
        for (workers, queue) in [(1, 1), (2, 4), (16, 3)] {
            let many = LoaderConfig {
                workers,
                queue,
                ..config.clone()
            };
            assert_eq!(duals(&many, 0, 30), one);
        }
    }
}

#[test]
fn a_resume_at_every_step_of_two_epochs_changes_nothing() {
    for config in configs(6) {
        let steps = 2 * DualLoader::new(synthetic(37), config.clone(), 0)
            .unwrap()
            .steps_per_epoch();
        let whole = duals(&config, 0, steps as usize + 2);
        assert!(steps > 12 && whole.last().unwrap().1 == 2);
        for first in 0..steps {
            assert_eq!(
                duals(&config, first, 2),
                whole[first as usize..first as usize + 2]
            );
        }
    }
}

/// Encoded pictures too: what a buffer or a decoder held before leaves no trace.
#[test]
fn workers_change_nothing_of_files() {
    let folder = copies(&["made/webdataset"]);
    let contents = |workers: usize, queue: usize| -> Vec<_> {
        let dataset = open(&folder.path().join("webdataset")).unwrap();
        let config = LoaderConfig {
            workers,
            queue,
            height_px: 24,
            width_px: 24,
            ..small(6)
        };
        let loader = DualLoader::new(std::sync::Arc::new(dataset), config, 0).unwrap();
        loader.take(20).map(|batch| dual(batch.unwrap())).collect()
    };
    let one = contents(1, 1);
    for (workers, queue) in [(2, 4), (16, 2)] {
        assert_eq!(contents(workers, queue), one);
    }
}

/// A side of the batch of one process, from the sides of the ranks: id rows of all, then instance rows of all.
fn join(ranks: &[Content], batch: usize, picture: usize) -> Content {
    let mut joined = (Vec::new(), Vec::new(), Vec::new());
    for rows in [0..batch, batch..batch + batch / 2] {
        for (identities, images, pixels) in ranks {
            joined.0.extend(&identities[rows.clone()]);
            joined.1.extend(&images[rows.clone()]);
            joined
                .2
                .extend(&pixels[rows.start * picture..rows.end * picture]);
        }
    }
    joined
}

#[test]
fn ranks_share_the_batch_of_one_process() {
    for config in configs(48) {
        ranks_share(&config);
    }
}

fn ranks_share(config: &LoaderConfig) {
    let one = duals(config, 0, 6);
    for ranks in [2, 3, 8] {
        let batch = config.batch / ranks;
        let shares: Vec<_> = (0..ranks)
            .map(|rank| {
                let config = LoaderConfig {
                    batch,
                    rank,
                    ranks,
                    ..config.clone()
                };
                duals(&config, 0, 6)
            })
            .collect();
        for (step, whole) in one.iter().enumerate() {
            // Also where an epoch ends within the step.
            assert!(
                shares.iter().all(|share| share[step].1 == whole.1),
                "epoch of step {step}"
            );
            let side = |pick: fn(&(u64, u64, Content, Content)) -> &Content| {
                let sides: Vec<Content> = shares
                    .iter()
                    .map(|share| pick(&share[step]).clone())
                    .collect();
                join(&sides, batch, 16 * 16 * 3)
            };
            assert_eq!(
                side(|batch| &batch.2),
                whole.2,
                "x of step {step} over {ranks} ranks"
            );
            assert_eq!(
                side(|batch| &batch.3),
                whole.3,
                "y of step {step} over {ranks} ranks"
            );
        }
    }
}

fn take<P: Plan>(config: LoaderConfig, steps: usize) -> Vec<P::Batch> {
    Loader::<P>::new(synthetic(37), config, 0)
        .unwrap()
        .take(steps)
        .map(Result::unwrap)
        .collect()
}

/// Single loaders over ranks: their rows one after the other are the rows of one process.
#[test]
fn single_loaders_over_ranks() {
    let config = small(12);
    let instances = |config: LoaderConfig| -> Vec<Content> {
        take::<ffc_data::InstancePlan>(config, 9)
            .iter()
            .map(|batch| content(&batch.images))
            .collect()
    };
    let identities = |config: LoaderConfig| -> Vec<Content> {
        let batches = take::<ffc_data::IdentityPlan>(config, 9);
        batches
            .iter()
            .flat_map(|batch| [content(&batch.a), content(&batch.b)])
            .collect()
    };
    let loaders: [&dyn Fn(LoaderConfig) -> Vec<Content>; 2] = [&instances, &identities];
    for loader in loaders {
        let one = loader(config.clone());
        for ranks in [2, 3, 6] {
            let shares: Vec<_> = (0..ranks)
                .map(|rank| {
                    loader(LoaderConfig {
                        batch: 12 / ranks,
                        rank,
                        ranks,
                        ..config.clone()
                    })
                })
                .collect();
            for (step, whole) in one.iter().enumerate() {
                let rows = |pick: fn(&Content) -> &[u64]| -> Vec<u64> {
                    shares
                        .iter()
                        .flat_map(|share| pick(&share[step]).to_vec())
                        .collect()
                };
                assert_eq!(rows(|content| &content.0), whole.0);
                assert_eq!(rows(|content| &content.1), whole.1);
                let pixels = shares.iter().flat_map(|share| share[step].2.clone());
                assert!(pixels.eq(whole.2.iter().copied()));
            }
        }
    }
}

/// Over whole epochs every image and every identity comes exactly once, also where epochs end within a batch.
#[test]
fn nothing_is_left_out() {
    let dataset = synthetic(37);
    let (images, identities) = (
        dataset.index().images() as usize,
        dataset.index().identities() as usize,
    );
    // Neither divides the batch.
    let config = small(10);
    assert!(images % 10 != 0 && identities % 10 != 0);
    const EPOCHS: usize = 10;
    let batches = InstanceLoader::new(dataset.clone(), config.clone(), 0)
        .unwrap()
        .take(EPOCHS * images / 10);
    let drawn: Vec<u64> = batches
        .flat_map(|batch| batch.unwrap().images.images().to_vec())
        .collect();
    for epoch in drawn.chunks(images) {
        let mut sorted = epoch.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..images as u64).collect::<Vec<_>>());
    }
    assert_ne!(drawn[..images], drawn[images..2 * images]);
    let batches = IdentityLoader::new(dataset.clone(), config, 0)
        .unwrap()
        .take(EPOCHS * identities / 10);
    let batches: Vec<_> = batches.map(Result::unwrap).collect();
    let drawn: Vec<u64> = batches
        .iter()
        .flat_map(|batch| batch.a.identities().to_vec())
        .collect();
    for epoch in drawn.chunks(identities) {
        let mut sorted = epoch.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..identities as u64).collect::<Vec<_>>());
    }
    for batch in &batches {
        assert_eq!(batch.a.identities(), batch.b.identities());
        for (row, &identity) in batch.a.identities().iter().enumerate() {
            let own = dataset.index().images_of(identity);
            let (a, b) = (batch.a.images()[row], batch.b.images()[row]);
            assert!(own.contains(&a) && own.contains(&b));
            assert_eq!(
                a == b,
                own.end - own.start == 1,
                "two different images where there are two"
            );
        }
    }
}

/// The two images of an identity are different pictures even where it has only one, by augmentation of their own.
#[test]
fn both_views_are_augmented_independently() {
    let batches = IdentityLoader::new(synthetic(37), small(12), 0)
        .unwrap()
        .take(12);
    let (mut same, mut different) = (0, 0);
    for batch in batches.map(Result::unwrap) {
        let picture = 16 * 16 * 3;
        for row in 0..12 {
            if batch.a.images()[row] == batch.b.images()[row] {
                let pixels = |side: &ImageBatch| side.pixels()[row * picture..][..picture].to_vec();
                *(if pixels(&batch.a) == pixels(&batch.b) {
                    &mut same
                } else {
                    &mut different
                }) += 1;
            }
        }
    }
    assert!(
        same > 3 && different > 3,
        "flip alone: {same} alike, {different} mirrored"
    );
}

/// A dual batch of one loader alone has as many rows and is that loader's batch, whatever the rank.
#[test]
fn one_loader_alone_fills_a_dual_batch() {
    for ranks in [1, 2] {
        for config in configs(6) {
            let of_ranks = |batch, dual| LoaderConfig {
                batch,
                dual,
                ranks,
                rank: ranks - 1,
                ..config.clone()
            };
            let duals = |dual, steps| duals(&of_ranks(6, dual), 0, steps);

            let loader =
                IdentityLoader::new(synthetic(37), of_ranks(9, DualRows::Both), 0).unwrap();
            let epoch = loader.steps_per_epoch();
            let pairs = loader.take(20).map(|batch| {
                let batch = batch.unwrap();
                (
                    batch.step,
                    batch.epoch,
                    content(&batch.a),
                    content(&batch.b),
                )
            });
            assert_eq!(duals(DualRows::Identity, 20), pairs.collect::<Vec<_>>());
            let alone = DualLoader::new(synthetic(37), of_ranks(6, DualRows::Identity), 0).unwrap();
            assert_eq!(alone.steps_per_epoch(), epoch);

            // One process's batch of 18 is cut into halves, each rank's too: the halves' order is compared with one rank alone.
            if ranks == 1 {
                let loader =
                    InstanceLoader::new(synthetic(37), of_ranks(18, DualRows::Both), 0).unwrap();
                let epoch = loader.steps_per_epoch();
                let whole: Vec<_> = loader
                    .take(20)
                    .map(|batch| {
                        let batch = batch.unwrap();
                        (batch.step, batch.epoch, content(&batch.images))
                    })
                    .collect();
                let joined =
                    duals(DualRows::Instance, 20)
                        .into_iter()
                        .map(|(step, epoch, mut x, y)| {
                            assert_eq!((x.0.len(), y.0.len()), (9, 9));
                            x.0.extend(y.0);
                            x.1.extend(y.1);
                            x.2.extend(y.2);
                            (step, epoch, x)
                        });
                assert_eq!(joined.collect::<Vec<_>>(), whole);
                let alone =
                    DualLoader::new(synthetic(37), of_ranks(6, DualRows::Instance), 0).unwrap();
                assert_eq!(alone.steps_per_epoch(), epoch);
            }
        }
    }
}
