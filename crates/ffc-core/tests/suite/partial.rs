//! Partial FC: a sample of the classes takes part in a step.

use ffc_core::margin::{ArcFaceForm, MarginConfig};
use ffc_core::{
    EmbeddingBatch, Error, FullHeadConfig, Head, HeadContext, PartialHead, PartialHeadConfig,
    PartialUpdate, StepContext, WeightStorage,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::class_weights::{
    BATCH, CLASSES, DIM, LR, Oracle, PARTS, SCALE, assert_step, context, part, partial_config,
    record, recorded_context, replay, set, step,
};
use crate::naive;
use crate::recorded::Recorded;
use crate::support::{
    Stepped, assert_close, device, hand_on, matrix, quantity, random_identities, random_rows,
};

const COSFACE: MarginConfig = MarginConfig::Cosface { margin: 0.3 };
const MOST_LOSS: f64 = 69.077_552_789_821_37;

fn head(update: PartialUpdate) -> PartialHead {
    partial_config(COSFACE, update)
        .init(&context(&device()))
        .unwrap()
}

/// A batch with classes that hold its labels.
fn batch(rng: &mut StdRng) -> (Vec<f32>, Vec<u64>, Vec<u64>) {
    let labels = random_identities(rng, BATCH, CLASSES as u64);
    let mut classes = [labels.clone(), random_identities(rng, 6, CLASSES as u64)].concat();
    classes.sort_unstable();
    classes.dedup();
    (random_rows(rng, BATCH, DIM), labels, classes)
}

#[test]
fn official_states() {
    for file in Recorded::official("partial_fc", 7) {
        let margin = file.number("margin_value") as f32;
        for free in [Some(1e-3), None] {
            let config = PartialHeadConfig {
                sample_rate: file.number("sample_rate"),
                update: match file.number("version") as u32 {
                    1 => PartialUpdate::Sparse,
                    _ => PartialUpdate::Dense,
                },
                storage: WeightStorage::F32,
                scale: file.number("scale") as f32,
                margin: match file.text("margin") {
                    "cosface" => MarginConfig::Cosface { margin },
                    _ => MarginConfig::Arcface {
                        margin,
                        form: ArcFaceForm::StraightThrough,
                    },
                },
                momentum: file.number("momentum"),
                weight_decay: file.number("weight_decay"),
                learning_rate_factor: 1.0,
                chunk: 32,
                keep_bytes: 1 << 13,
                sharded: false,
            };
            let device = device();
            let context = recorded_context(&file, &device);
            replay(&file, &mut config.init(&context).unwrap(), free);
        }
    }
}

#[test]
fn own_states() {
    replay(
        &Recorded::own("partial"),
        &mut head(PartialUpdate::Dense),
        Some(1e-4),
    );
}

/// Run by hand: `cargo test --workspace --test suite -- partial::write_golden --ignored`
#[test]
#[ignore = "writes a file"]
fn write_golden() {
    let mut rng = StdRng::seed_from_u64(90);
    let weight = naive::rows(&random_rows(&mut rng, CLASSES, DIM), DIM);
    let oracle = Oracle {
        dense: true,
        most: MOST_LOSS,
        ..Oracle::new(weight, COSFACE)
    };
    record("partial", oracle, (0..5).map(|_| batch(&mut rng)).collect());
}

#[test]
fn random_cases_equal_the_oracle() {
    for (update, dense) in [(PartialUpdate::Sparse, false), (PartialUpdate::Dense, true)] {
        let mut rng = StdRng::seed_from_u64(1);
        let mut head = head(update);
        let mut oracle = Oracle {
            dense,
            most: MOST_LOSS,
            ..Oracle::new(naive::rows(&part(&head, "weight.f32"), DIM), COSFACE)
        };
        for number in 0..6 {
            let batch = batch(&mut rng);
            let classes = &batch.2;
            let before = part(&head, "weight.f32");
            let what = format!("{update:?}, step {number}");
            let found = assert_step(&what, &mut head, &mut oracle, &batch);
            let share = quantity(&head, &found.output, "sampled_share");
            assert_eq!(share, classes.len() as f64 / CLASSES as f64);
            // Bit for bit: a step's decay is less than any tolerance.
            let after = part(&head, "weight.f32");
            let rows = before.chunks(DIM).zip(after.chunks(DIM)).enumerate();
            for (class, (before, after)) in rows {
                let takes_part = classes.contains(&(class as u64));
                assert_eq!(
                    before == after,
                    !takes_part && !dense,
                    "{what}, class {class}"
                );
            }
        }
    }
}

/// A row's loss counts at most -log 1e-30, and its gradient goes on.
#[test]
fn losses_are_cut_off_and_gradients_are_not() {
    let config = PartialHeadConfig {
        scale: 200.0,
        ..partial_config(COSFACE, PartialUpdate::Sparse)
    };
    let mut head = config.init(&context(&device())).unwrap();
    let mut weight = vec![0.0; CLASSES * DIM];
    for (class, row) in weight.chunks_mut(DIM).enumerate() {
        row[0] = if class == 0 { -1.0 } else { 1.0 };
        row[1] = 0.1;
    }
    set(&mut head, "weight.f32", &weight);
    let found = step(&mut head, &[1.0, 0.2, 0.0, 0.0, 0.0], &[0], &[0, 1, 2], LR);
    assert_close("loss", &[found.loss], &[MOST_LOSS as f32], 1e-6);
    assert!(found.gradient.iter().any(|slope| slope.abs() > 1.0));
}

/// With all classes it is the full layer.
#[test]
fn a_rate_of_1_is_the_full_layer() {
    let mut rng = StdRng::seed_from_u64(2);
    let device = device();
    let full = FullHeadConfig {
        scale: SCALE,
        margin: COSFACE,
        chunk: 5,
        ..Default::default()
    };
    let mut full = full.init(&context(&device)).unwrap();
    for update in [PartialUpdate::Sparse, PartialUpdate::Dense] {
        let config = PartialHeadConfig {
            sample_rate: 1.0,
            ..partial_config(COSFACE, update)
        };
        let mut partial = config.init(&context(&device)).unwrap();
        for (name, _) in PARTS {
            set(&mut partial, name, &part(&full, name));
        }
        for number in 0..3 {
            let (embeddings, labels, _) = batch(&mut rng);
            let context = StepContext {
                step: number,
                learning_rate: LR,
            };
            let found = Stepped::new(&embeddings, None, &labels, |batch| {
                partial.step(batch.into(), &context)
            });
            let expected = Stepped::new(&embeddings, None, &labels, |batch| {
                full.step(batch.into(), &context)
            });
            assert_close("loss", &[found.loss], &[expected.loss], 1e-6);
            assert_close("gradient", &found.gradient, &expected.gradient, 1e-5);
            for (name, _) in PARTS {
                assert_close(name, &part(&partial, name), &part(&full, name), 1e-5);
            }
        }
    }
}

/// Drawn classes depend on seed and step alone; all labels are among them.
#[test]
fn samples_follow_seed_and_step() {
    let head = head(PartialUpdate::Sparse);
    let labels = [3, 29, 3];
    assert_eq!(head.sample(&labels, 5), head.sample(&labels, 5));
    assert_ne!(head.sample(&labels, 5), head.sample(&labels, 6));
    assert_eq!(head.sample(&labels, 5).len(), 12);
    let many: Vec<u64> = (0..20).collect();
    assert_eq!(head.sample(&many, 5), many);
}

/// Weights in a file give what those in memory do, and those in 16 bits nearly so.
#[test]
fn storage_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let run = |storage: WeightStorage| {
        let mut rng = StdRng::seed_from_u64(3);
        let config = PartialHeadConfig {
            storage,
            ..partial_config(COSFACE, PartialUpdate::Sparse)
        };
        let mut head = config.init(&context(&device())).unwrap();
        let mut losses = Vec::new();
        for number in 0..6 {
            let (embeddings, labels, _) = batch(&mut rng);
            let context = StepContext {
                step: number,
                learning_rate: LR,
            };
            let found = Stepped::new(&embeddings, None, &labels, |batch| {
                head.step(batch.into(), &context)
            });
            losses.push(found.loss);
        }
        (losses, PARTS.map(|(name, _)| part(&head, name)))
    };
    let memory = run(WeightStorage::F32);
    assert!(run(WeightStorage::File(folder.path().join("weights"))) == memory);
    let (losses, [weight, _]) = run(WeightStorage::Bf16);
    assert_close("loss in bf16", &losses, &memory.0, 0.02);
    assert_close("weights in bf16", &weight, &memory.1[0], 0.05);
}

#[test]
fn parts_go_on_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let mut storages = vec![[WeightStorage::F32, WeightStorage::F32]];
    storages.push([WeightStorage::Bf16, WeightStorage::Bf16]);
    storages.push(["a", "b"].map(|name| WeightStorage::File(folder.path().join(name))));
    for storages in storages {
        let mut rng = StdRng::seed_from_u64(4);
        let [mut one, mut other] = storages.map(|storage| {
            let config = PartialHeadConfig {
                storage,
                ..partial_config(COSFACE, PartialUpdate::Sparse)
            };
            config.init(&context(&device())).unwrap()
        });
        let (embeddings, labels, classes) = batch(&mut rng);
        step(&mut one, &embeddings, &labels, &classes, LR);
        hand_on(&one, &mut other);
        for (name, _) in PARTS {
            set(&mut other, name, &part(&one, name));
        }
        let (embeddings, labels, classes) = batch(&mut rng);
        let [a, b] = [&mut one, &mut other].map(|head| {
            let found = step(head, &embeddings, &labels, &classes, LR);
            (
                found.loss,
                found.gradient,
                PARTS.map(|(name, _)| part(head, name)),
            )
        });
        assert!(a == b);
    }
}

#[test]
fn bad_input_changes_nothing() {
    let mut head = head(PartialUpdate::Dense);
    let before = PARTS.map(|(name, _)| part(&head, name));
    let mut give = |identities: Vec<u64>, classes: &[u64]| {
        let rows = identities.len();
        let batch = EmbeddingBatch {
            probe: matrix(&vec![0.5; rows * DIM], rows),
            gallery: None,
            identities,
        };
        let context = StepContext {
            step: 0,
            learning_rate: LR,
        };
        head.step_with(batch, classes, &context).unwrap_err()
    };
    let unknown = give(vec![CLASSES as u64], &[1, 2]);
    assert!(
        matches!(unknown, Error::UnknownIdentity { row: 0, .. }),
        "{unknown}"
    );
    for (classes, problem) in [
        (&[2, 1][..], "do not ascend"),
        (&[1, 1], "do not ascend"),
        (&[1, 99], "hold 99"),
        (&[0, 2], "lack 1"),
        (&[], "lack 1"),
    ] {
        let error = give(vec![1], classes);
        assert!(matches!(error, Error::Sample { .. }), "{error}");
        assert!(error.to_string().contains(problem), "{error}");
    }
    assert_eq!(PARTS.map(|(name, _)| part(&head, name)), before);
}

#[test]
fn settings() {
    for rate in [0.0, -0.1, 1.1, f64::NAN] {
        let config = PartialHeadConfig {
            sample_rate: rate,
            ..Default::default()
        };
        let error = config.check(BATCH).unwrap_err();
        assert!(
            error.to_string().contains("above 0 and at most 1"),
            "{error}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    let config = |update| PartialHeadConfig {
        storage: WeightStorage::File(path.clone()),
        ..partial_config(COSFACE, update)
    };
    let error = config(PartialUpdate::Dense).check(BATCH).unwrap_err();
    assert!(error.to_string().contains("sparse"), "{error}");

    let device = device();
    let held = config(PartialUpdate::Sparse)
        .init(&context(&device))
        .unwrap();
    let error = config(PartialUpdate::Sparse)
        .init(&context(&device))
        .unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
    drop(held);
    std::fs::write(&path, "somebody's letter").unwrap();
    let error = config(PartialUpdate::Sparse)
        .init(&context(&device))
        .unwrap_err();
    assert!(error.to_string().contains("17 bytes"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"somebody's letter");

    let many = HeadContext {
        identities: 1 << 50,
        ..context(&device)
    };
    let error = PartialHeadConfig::default().init(&many).unwrap_err();
    assert!(matches!(error, Error::Memory { .. }), "{error}");
    assert!(error.to_string().contains("file"), "{error}");

    // In a file a step's classes must fit the memory.
    let file = PartialHeadConfig {
        storage: WeightStorage::File(folder.path().join("large")),
        ..PartialHeadConfig::default()
    };
    let error = file.init(&many).unwrap_err();
    assert!(matches!(error, Error::Memory { .. }), "{error}");
    assert!(error.to_string().contains("sample_rate"), "{error}");
}
