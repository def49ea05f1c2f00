//! The full layer: every class has a trained row.

use ffc_core::margin::{ArcFaceForm, MarginConfig};
use ffc_core::{BatchForm, EmbeddingBatch, Error, FullHeadConfig, Head, HeadContext, StepContext};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::class_weights::{
    BATCH, CLASSES, DIM, LR, Oracle, PARTS, SCALE, assert_step, context, full, part, record,
    replay, replay_full, set, step,
};
use crate::naive;
use crate::recorded::Recorded;
use crate::support::{
    assert_close, device, hand_on, matrix, quantity, random_identities, random_rows,
};

const MARGINS: [MarginConfig; 5] = [
    MarginConfig::None,
    MarginConfig::Cosface { margin: 0.3 },
    arcface(ArcFaceForm::Exact),
    arcface(ArcFaceForm::Fallback),
    arcface(ArcFaceForm::StraightThrough),
];

const fn arcface(form: ArcFaceForm) -> MarginConfig {
    MarginConfig::Arcface { margin: 0.5, form }
}

/// What a recorded run was made with.
fn recorded_margin(file: &Recorded) -> MarginConfig {
    let margin = || file.number("margin_value") as f32;
    match (file.name(), file.text("margin")) {
        ("arcface_fallback", _) => MarginConfig::Arcface {
            margin: margin(),
            form: ArcFaceForm::Fallback,
        },
        (_, "arcface") => MarginConfig::Arcface {
            margin: margin(),
            form: ArcFaceForm::Exact,
        },
        (_, "cosface") => MarginConfig::Cosface { margin: margin() },
        (_, "none") => MarginConfig::None,
        (name, other) => panic!("{name}: {other}"),
    }
}

#[test]
fn official_states() {
    for file in Recorded::official("full_fc", 4) {
        replay_full(&file, recorded_margin(&file));
    }
}

#[test]
fn own_states() {
    let mut head = full(arcface(ArcFaceForm::Fallback));
    replay(&Recorded::own("full"), &mut head, Some(1e-4));
}

/// Run by hand: `cargo test --workspace --test suite -- full::write_golden --ignored`
#[test]
#[ignore = "writes a file"]
fn write_golden() {
    let mut rng = StdRng::seed_from_u64(80);
    let weight = naive::rows(&random_rows(&mut rng, CLASSES, DIM), DIM);
    let all: Vec<u64> = (0..CLASSES as u64).collect();
    let steps = (0..5).map(|_| {
        let embeddings = random_rows(&mut rng, BATCH, DIM);
        let labels = random_identities(&mut rng, BATCH, CLASSES as u64);
        (embeddings, labels, all.clone())
    });
    let steps = steps.collect();
    record(
        "full",
        Oracle::new(weight, arcface(ArcFaceForm::Fallback)),
        steps,
    );
}

#[test]
fn random_cases_equal_the_oracle() {
    let all: Vec<u64> = (0..CLASSES as u64).collect();
    for margin in MARGINS {
        let mut rng = StdRng::seed_from_u64(1);
        let mut head = full(margin);
        let mut oracle = Oracle::new(naive::rows(&part(&head, "weight.f32"), DIM), margin);
        for number in 0..5 {
            let embeddings = random_rows(&mut rng, BATCH, DIM);
            let labels = random_identities(&mut rng, BATCH, CLASSES as u64);
            let what = format!("{margin:?}, step {number}");
            let batch = (embeddings, labels, all.clone());
            assert_step(&what, &mut head, &mut oracle, &batch);
        }
    }
}

/// The gradients are those of the loss, by embeddings and by weights.
#[test]
fn finite_differences() {
    let mut rng = StdRng::seed_from_u64(2);
    let config = FullHeadConfig {
        scale: SCALE,
        margin: arcface(ArcFaceForm::Exact),
        momentum: 0.0,
        weight_decay: 0.0,
        ..Default::default()
    };
    let mut head = config.init(&context(&device())).unwrap();
    let weight = random_rows(&mut rng, CLASSES, DIM);
    let embeddings = random_rows(&mut rng, BATCH, DIM);
    let labels = random_identities(&mut rng, BATCH, CLASSES as u64);
    let mut loss = |weight: &[f32], embeddings: &[f32], learning_rate: f64| {
        set(&mut head, "weight.f32", weight);
        let found = step(&mut head, embeddings, &labels, &[], learning_rate);
        (
            f64::from(found.loss),
            found.gradient,
            part(&head, "weight.f32"),
        )
    };
    let (_, by_embeddings, moved) = loss(&weight, &embeddings, 1.0);
    let by_weight: Vec<f32> = weight.iter().zip(&moved).map(|(a, b)| a - b).collect();
    let mut differences = |which: usize, length: usize| -> Vec<f32> {
        (0..length)
            .map(|at| {
                let mut around = [1e-2, -1e-2].map(|offset: f32| {
                    let mut inputs = [weight.clone(), embeddings.clone()];
                    inputs[which][at] += offset;
                    loss(&inputs[0], &inputs[1], 0.0).0
                });
                around[0] -= around[1];
                (around[0] / 2e-2) as f32
            })
            .collect()
    };
    let expected = differences(0, weight.len());
    assert_close("weights", &by_weight, &expected, 1e-2);
    let expected = differences(1, embeddings.len());
    assert_close("embeddings", &by_embeddings, &expected, 1e-2);
}

/// Chunks of any size, and one that holds all, give the same numbers.
#[test]
fn chunks_do_not_matter() {
    let mut rng = StdRng::seed_from_u64(3);
    let weight = random_rows(&mut rng, CLASSES, DIM);
    let batches: Vec<_> = (0..3)
        .map(|_| {
            let labels = random_identities(&mut rng, BATCH, CLASSES as u64);
            (random_rows(&mut rng, BATCH, DIM), labels)
        })
        .collect();
    let run = |chunk: usize, keep_bytes: usize| -> Vec<f32> {
        let config = FullHeadConfig {
            scale: SCALE,
            margin: MarginConfig::Sv { margin: 0.3 },
            chunk,
            keep_bytes,
            ..Default::default()
        };
        let mut head = config.init(&context(&device())).unwrap();
        set(&mut head, "weight.f32", &weight);
        let mut numbers = Vec::new();
        for (embeddings, labels) in &batches {
            let found = step(&mut head, embeddings, labels, &[], LR);
            numbers.push(found.loss);
            numbers.extend(found.gradient);
        }
        numbers.extend(part(&head, "weight.f32"));
        numbers
    };
    let whole = run(1000, 1 << 20);
    for chunk in [1, 4, 29, 30, 31] {
        // The softmax of all chunks kept, of some, and of none.
        for keep_bytes in [1 << 20, 500, 0] {
            let what = format!("chunk {chunk}, {keep_bytes} bytes kept");
            assert_close(&what, &run(chunk, keep_bytes), &whole, 1e-5);
        }
    }
}

#[test]
fn parts_go_on_bit_for_bit() {
    let mut rng = StdRng::seed_from_u64(4);
    let mut head = full(MARGINS[1]);
    let mut other = full(MARGINS[1]);
    let mut batch = || {
        let labels = random_identities(&mut rng, BATCH, CLASSES as u64);
        (random_rows(&mut rng, BATCH, DIM), labels)
    };
    let (embeddings, labels) = batch();
    step(&mut head, &embeddings, &labels, &[], LR);
    hand_on(&head, &mut other);
    // What was refused may have changed it.
    for (name, _) in PARTS {
        set(&mut other, name, &part(&head, name));
    }
    let (embeddings, labels) = batch();
    let [a, b] = [&mut head, &mut other].map(|head| {
        let found = step(head, &embeddings, &labels, &[], LR);
        let state = PARTS.map(|(name, _)| part(head, name));
        (found.loss, found.gradient, state)
    });
    assert!(a == b);
}

/// The same weights whatever the number of identities and the device's generator.
#[test]
fn initial_weights_follow_seed_and_row() {
    let device = device();
    let weights = |identities: u64, seed: u64| {
        let context = HeadContext {
            identities,
            seed,
            ..context(&device)
        };
        part(
            &FullHeadConfig::default().init(&context).unwrap(),
            "weight.f32",
        )
    };
    let all = weights(2000, 1);
    device.seed(5);
    assert_eq!(weights(3, 1), all[..3 * DIM]);
    assert_ne!(weights(3, 2), all[..3 * DIM]);
    let mean = all.iter().sum::<f32>() / all.len() as f32;
    let variance = all.iter().map(|value| (value - mean).powi(2)).sum::<f32>();
    let deviation = (variance / all.len() as f32).sqrt();
    assert!(mean.abs() < 3e-4, "{mean}");
    assert!((deviation - 0.01).abs() < 3e-4, "{deviation}");
}

/// The weights follow the run's rate times the factor.
#[test]
fn the_learning_rate_has_a_factor() {
    let mut rng = StdRng::seed_from_u64(5);
    let embeddings = random_rows(&mut rng, BATCH, DIM);
    let labels = random_identities(&mut rng, BATCH, CLASSES as u64);
    let weight = |factor: f64, rate: f64| {
        let config = FullHeadConfig {
            learning_rate_factor: factor,
            ..Default::default()
        };
        let mut head = config.init(&context(&device())).unwrap();
        step(&mut head, &embeddings, &labels, &[], rate);
        part(&head, "weight.f32")
    };
    assert_eq!(weight(4.0, 0.01), weight(1.0, 0.04));
    assert_ne!(weight(4.0, 0.01), weight(1.0, 0.01));
}

#[test]
fn needs_and_quantities() {
    let mut head = full(MARGINS[0]);
    let needs = head.needs();
    assert_eq!(needs.batch, BatchForm::Instances);
    assert!(!needs.gallery && needs.prefill == 0);
    let row = part(&head, "weight.f32")[..DIM].to_vec();
    let found = step(&mut head, &row, &[0], &[], LR);
    let cosine = quantity(&head, &found.output, "target_cosine");
    assert!((cosine - 1.0).abs() < 1e-5, "{cosine}");
}

#[test]
fn bad_input_changes_nothing() {
    let mut head = full(MARGINS[1]);
    let before = part(&head, "weight.f32");
    let mut give = |columns: usize, rows: usize, identities: Vec<u64>| {
        let batch = EmbeddingBatch {
            probe: matrix(&vec![0.5; rows * columns], rows.max(1)),
            gallery: None,
            identities,
        };
        let context = StepContext {
            step: 0,
            learning_rate: LR,
        };
        head.step(batch.into(), &context).unwrap_err()
    };
    let error = give(DIM + 1, 2, vec![1, 2]);
    assert!(
        matches!(error, Error::Dimension { expected: DIM, .. }),
        "{error}"
    );
    let error = give(DIM, 2, vec![1]);
    assert!(matches!(error, Error::RowCount { .. }), "{error}");
    let error = give(DIM, 3, vec![1, 2, CLASSES as u64]);
    assert!(
        matches!(error, Error::UnknownIdentity { row: 2, .. }),
        "{error}"
    );
    assert_eq!(part(&head, "weight.f32"), before);
}

#[test]
fn settings() {
    let wrong = |change: fn(&mut FullHeadConfig)| {
        let mut config = FullHeadConfig::default();
        change(&mut config);
        config.check(BATCH).unwrap_err().to_string()
    };
    assert!(wrong(|config| config.scale = 0.0).contains("scale is 0"));
    assert!(wrong(|config| config.momentum = 1.0).contains("momentum is 1"));
    assert!(wrong(|config| config.weight_decay = -1.0).contains("weight_decay is -1"));
    assert!(
        wrong(|config| config.learning_rate_factor = 0.0).contains("learning_rate_factor is 0")
    );
    assert!(wrong(|config| config.chunk = 0).contains("chunk is 0"));
    assert!(
        wrong(|config| config.margin = MarginConfig::Cosface { margin: 9.0 })
            .contains("margin is 9")
    );

    let device = device();
    let of = |identities: u64| {
        let context = HeadContext {
            identities,
            ..context(&device)
        };
        FullHeadConfig::default().init(&context).unwrap_err()
    };
    assert!(matches!(of(0), Error::NoIdentities));
    // More bytes than any machine has.
    let error = of(1 << 50);
    assert!(
        matches!(error, Error::Memory { needed_bytes, .. } if needed_bytes == (1 << 50) * 8 * DIM as u64),
        "{error}"
    );
    for part in ["bytes", "available", "`partial`", "`ffc`"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}
