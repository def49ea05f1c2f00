//! The head against the oracle on random runs of several steps.

use burn::tensor::Tensor;
use ffc_core::{
    ClassPool, ClassPoolConfig, DualEmbeddings, EmbeddingBatch, FfcConfig, GallerySides, Head,
    Means, Storage, UpdateRule,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::oracle::{Oracle, OracleHalf};
use crate::support::{
    MarginKind, assert_close, device, host, matrix, matrix_on, random_identities, random_rows,
};

#[derive(Debug, Clone)]
struct Case {
    seed: u64,
    capacity: usize,
    dim: usize,
    batch: usize,
    identities: u64,
    chunk: usize,
    hard_negatives: usize,
    scale: f32,
    margin: MarginKind,
    update: UpdateRule,
    storage: Storage,
    mask_unused: bool,
    /// Rows of the prefilled pool.
    prefill: usize,
}

fn cases() -> impl Strategy<Value = Case> {
    let margin = prop_oneof![
        Just(MarginKind::None),
        Just(MarginKind::Am(0.4)),
        Just(MarginKind::Arc(0.5)),
        Just(MarginKind::Sv(0.35)),
    ];
    let update = prop_oneof![
        Just(UpdateRule::TwoLayer),
        (0.0f32..=1.0).prop_map(|alpha| UpdateRule::Weighted { alpha }),
    ];
    let storage = prop_oneof![Just(Storage::F32), Just(Storage::Bf16)];
    // In fewer dimensions random rows come so close to parallel that ArcFace's slope, which divides by
    // the sine, is lost to rounding in f32.
    (
        (any::<u64>(), 1usize..12, 0usize..60, 4usize..12, 1u64..80),
        (
            1usize..40,
            1usize..8,
            prop_oneof![Just(4.0f32), Just(32.0), Just(64.0)],
        ),
        (margin, update, storage, any::<bool>(), 0usize..30),
    )
        .prop_map(
            |(
                (seed, batch, spare, dim, identities),
                (chunk, hard_negatives, scale),
                (margin, update, storage, mask_unused, prefill),
            )| {
                // A batch of id loader rows and half as many of the instance loader.
                let capacity = batch + batch / 2 + spare;
                Case {
                    seed,
                    capacity,
                    dim,
                    batch,
                    identities,
                    chunk,
                    hard_negatives,
                    scale,
                    margin,
                    update,
                    storage,
                    mask_unused,
                    prefill: if mask_unused {
                        prefill.min(capacity)
                    } else {
                        0
                    },
                }
            },
        )
}

fn run(case: &Case) {
    let mut rng = StdRng::seed_from_u64(case.seed);
    let layers = case.update.layers();
    // bf16 centres may round to either side where the two ways differ in the last bit of f32.
    let tolerance = match case.storage {
        Storage::F32 => 2e-4,
        Storage::Bf16 => 3e-2,
    };
    let config = ClassPoolConfig {
        capacity: case.capacity,
        dim: case.dim,
        update: case.update,
        storage: case.storage,
    };
    let (mut pool, layers) = if case.mask_unused {
        let zeros = vec![vec![vec![0.0; case.dim]; case.capacity]; layers];
        (ClassPool::new(config, &device()).unwrap(), zeros)
    } else {
        // Exact in bf16.
        let corner =
            |index: usize| (0..case.dim).map(move |at| f32::from(u8::from(at == index % case.dim)));
        let layer: Vec<Vec<f32>> = (0..case.capacity)
            .map(|slot| corner(slot).collect())
            .collect();
        let flat: Vec<f32> = layer.iter().flatten().copied().collect();
        let centres = vec![matrix(&flat, case.capacity); layers];
        (
            ClassPool::with_centres(config, centres).unwrap(),
            vec![layer; layers],
        )
    };
    // Two or three groups, with their rows as they come.
    let side = case.batch + case.batch / 2;
    let groups = (case.seed % 3 == 1 && side > 2).then(|| -> Vec<u32> {
        let count = 2 + (case.seed % 2) as u32;
        (0..side as u32).map(|row| row % count).collect()
    });
    let mut oracle = Oracle {
        capacity: case.capacity,
        dim: case.dim,
        update: case.update,
        storage: case.storage,
        mask_unused: case.mask_unused,
        margin: case.margin,
        scale: case.scale,
        hard_negatives: case.hard_negatives,
        layers,
        recency: Vec::new(),
        next_layer: vec![0; case.capacity],
        groups: groups.clone(),
    };
    if case.prefill > 0 {
        let features = matrix(&random_rows(&mut rng, case.prefill, case.dim), case.prefill);
        let identities = random_identities(&mut rng, case.prefill, case.identities);
        pool.prefill(features.clone(), &identities).unwrap();
        oracle.edit(&features, &identities);
    }
    let one_sided = case.seed % 4 == 1;
    let config = FfcConfig {
        scale: case.scale,
        hard_negatives: Some(case.hard_negatives),
        chunk: case.chunk,
        gallery_sides: match one_sided {
            true => GallerySides::One,
            false => GallerySides::Both,
        },
        means: match groups {
            Some(_) => Means::Groups,
            None => Means::All,
        },
        check_embeddings: case.seed.is_multiple_of(2),
    };
    let mut head = case.margin.head(pool, config);
    head.group_rows(groups.as_deref().unwrap_or_default());

    for step in 0..6 {
        let shared = random_identities(&mut rng, case.batch, case.identities);
        let mut half = || {
            let mut identities = shared.clone();
            identities.extend(random_identities(&mut rng, case.batch / 2, case.identities));
            let rows = identities.len();
            let probe = random_rows(&mut rng, rows, case.dim);
            let gallery = matrix(&random_rows(&mut rng, rows, case.dim), rows);
            (probe, gallery, identities)
        };
        let (x, y) = (half(), half());
        let tracked = |rows: &[f32], identities: &[u64]| {
            matrix_on(rows, identities.len(), &device().autodiff()).require_grad()
        };

        let fast = [&x, &y].map(|(probe, _, identities)| tracked(probe, identities));
        let half = |probe: &Tensor<2>, (_, gallery, identities): &(_, Tensor<2>, Vec<u64>)| {
            EmbeddingBatch {
                probe: probe.clone(),
                gallery: Some(gallery.clone()),
                identities: identities.clone(),
            }
        };
        let (half_x, mut half_y) = (half(&fast[0], &x), half(&fast[1], &y));
        if one_sided {
            half_y.gallery = None;
        }
        let output = head
            .step(DualEmbeddings {
                x: half_x,
                y: half_y,
            })
            .unwrap();
        let found = output.loss.backward();

        let slow = [&x, &y].map(|(probe, _, identities)| tracked(probe, identities));
        let half =
            |probe: &Tensor<2>, (_, gallery, identities): &(_, Tensor<2>, Vec<u64>)| OracleHalf {
                probe: probe.clone(),
                gallery: Some(gallery.clone()),
                identities: identities.clone(),
            };
        let (half_x, mut half_y) = (half(&slow[0], &x), half(&slow[1], &y));
        if one_sided {
            half_y.gallery = None;
        }
        let loss = oracle.step(&half_x, &half_y);
        let expected = loss.backward();

        let name = format!("step {step}");
        assert_close(
            &format!("{name}: loss"),
            &host(output.loss),
            &host(loss),
            tolerance,
        );
        let gradient = |leaves: &[Tensor<2>; 2], gradients| -> Vec<f32> {
            let gradients = leaves
                .iter()
                .map(|leaf| host(leaf.grad(gradients).unwrap()));
            gradients.flatten().collect()
        };
        let (found, expected) = (gradient(&fast, &found), gradient(&slow, &expected));
        // Gradients that are all but zero are compared by the scale of the loss.
        let largest = expected.iter().fold(1e-3f32, |a, b| a.max(b.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            let error = (found - expected).abs() / largest;
            assert!(
                error <= tolerance * 5.0,
                "{name}: gradient {found}, not {expected}"
            );
        }

        let slots = head.pool().slots();
        assert_eq!(
            slots.by_recency().collect::<Vec<_>>(),
            oracle.recency,
            "{name}"
        );
        assert_eq!(output.stats.pool_used, oracle.recency.len(), "{name}");
        for (slot, &layer) in oracle.next_layer.iter().enumerate() {
            let found = slots.next_layer(slot as u32);
            assert_eq!(found.unwrap_or(0), layer, "{name}, slot {slot}");
        }
        for (layer, centres) in oracle.layers.iter().enumerate() {
            let centres: Vec<f32> = centres.iter().flatten().copied().collect();
            let found = host(head.pool().centres(layer));
            assert_close(
                &format!("{name}: layer {layer}"),
                &found,
                &centres,
                tolerance,
            );
        }
    }
}

proptest! {
    // A fixed seed: SV's rule is a jump, which a case in a few thousand hits within rounding.
    #![proptest_config(ProptestConfig {
        cases: 200,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn on_random_runs(case in cases()) {
        run(&case);
    }
}

/// Chunks so large that groups of columns, several chunks and a ragged last one all occur.
#[test]
fn on_a_large_pool() {
    for (margin, chunk) in [
        (MarginKind::Am(0.4), 256),
        (MarginKind::Sv(0.35), 999),
        (MarginKind::Arc(0.5), 4096),
    ] {
        run(&Case {
            seed: 3,
            capacity: 1000,
            dim: 16,
            batch: 32,
            identities: 3000,
            chunk,
            hard_negatives: 5,
            scale: 32.0,
            margin,
            update: UpdateRule::TwoLayer,
            storage: Storage::F32,
            mask_unused: true,
            prefill: 900,
        });
    }
}
