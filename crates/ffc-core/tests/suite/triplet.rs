//! Batch-hard triplets against recorded losses of pytorch-metric-learning and against a naive oracle.

use burn::tensor::Tensor;
use ffc_core::{
    BatchForm, EmbeddingBatch, Error, GallerySides, Head, Needs, TripletDistance, TripletHead,
    TripletHeadConfig, TripletMean,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::naive::{self, dot, flat};
use crate::recorded::{Recorded, Recorder};
use crate::support::{
    Stepped, assert_close, at, context, device, quantity, random_identities, random_rows,
};

/// Batch-hard triplets in plain loops.
struct Naive {
    /// Anchor, positive and negative rows.
    triplets: Vec<[usize; 3]>,
    terms: Vec<f64>,
    loss: f64,
}

impl Naive {
    fn new(config: &TripletHeadConfig, embeddings: &[Vec<f64>], identities: &[u64]) -> Self {
        let rows = match config.normalize {
            true => naive::units(embeddings),
            false => embeddings.to_vec(),
        };
        let distance = |a: usize, b: usize| {
            let squared: f64 = rows[a]
                .iter()
                .zip(&rows[b])
                .map(|(a, b)| (a - b) * (a - b))
                .sum();
            match config.distance {
                TripletDistance::Cosine => 1.0 - dot(&rows[a], &rows[b]),
                TripletDistance::Euclidean => squared.sqrt(),
                TripletDistance::EuclideanSquared => squared,
            }
        };
        let mut triplets = Vec::new();
        let mut terms = Vec::new();
        for a in 0..rows.len() {
            let farther = |b: &usize, c: &usize| distance(a, *b).total_cmp(&distance(a, *c));
            let of_same = (0..rows.len()).filter(|&b| b != a && identities[b] == identities[a]);
            let of_others = (0..rows.len()).filter(|&b| identities[b] != identities[a]);
            let (Some(p), Some(n)) = (of_same.max_by(farther), of_others.min_by(farther)) else {
                continue;
            };
            let excess = distance(a, p) - distance(a, n) + f64::from(config.margin);
            triplets.push([a, p, n]);
            terms.push(match config.soft {
                true => excess.exp().ln_1p(),
                false => excess.max(0.0),
            });
        }
        let counted = match config.mean_over {
            TripletMean::All => terms.len(),
            TripletMean::Active => terms.iter().filter(|&&term| term > 0.0).count(),
        };
        Self {
            loss: terms.iter().sum::<f64>() / counted.max(1) as f64,
            triplets,
            terms,
        }
    }

    fn gradient(
        config: &TripletHeadConfig,
        rows: &[Vec<f64>],
        identities: &[u64],
    ) -> Vec<Vec<f64>> {
        naive::gradient(rows, |moved| Self::new(config, moved, identities).loss)
    }
}

fn step(head: &mut TripletHead, embeddings: &[f32], identities: &[u64]) -> Stepped {
    Stepped::new(embeddings, None, identities, |batch| {
        head.step(batch.into(), &at(0.1))
    })
}

/// By the names of the recorded file.
fn variants() -> [(&'static str, TripletHeadConfig); 7] {
    use TripletDistance::{Cosine, Euclidean, EuclideanSquared};
    let config = |distance| TripletHeadConfig {
        distance,
        ..Default::default()
    };
    let over_all = |distance| TripletHeadConfig {
        mean_over: TripletMean::All,
        ..config(distance)
    };
    let raw = TripletHeadConfig {
        normalize: false,
        ..config(Euclidean)
    };
    let soft = TripletHeadConfig {
        soft: true,
        ..config(Euclidean)
    };
    [
        ("cosine", config(Cosine)),
        ("euclidean", config(Euclidean)),
        ("euclidean_squared", config(EuclideanSquared)),
        ("euclidean_raw", raw),
        ("cosine_mean", over_all(Cosine)),
        ("euclidean_mean", over_all(Euclidean)),
        ("euclidean_soft", soft),
    ]
}

fn replay(file: &Recorded) {
    let identities = file.integers("labels");
    let embeddings = file.floats("embeddings");
    let dim = embeddings.len() / identities.len();
    for (name, config) in variants() {
        let mut head = config
            .init(&context(dim, identities.len(), &device()))
            .unwrap();
        let found = step(&mut head, &embeddings, &identities);
        file.check(&format!("{name}.loss"), &[found.loss], 1e-5);
        file.check(&format!("{name}.grad"), &found.gradient, 1e-4);

        let oracle = Naive::new(&config, &naive::rows(&embeddings, dim), &identities);
        let triplets: Vec<u64> = oracle
            .triplets
            .iter()
            .flatten()
            .map(|&row| row as u64)
            .collect();
        assert_eq!(triplets, file.integers(&format!("{name}.triplets")));
        let terms: Vec<f32> = oracle.terms.iter().map(|&term| term as f32).collect();
        file.check(&format!("{name}.terms"), &terms, 1e-5);
        let active = match config.soft {
            // Above log 2 where the hinge is above 0.
            true => terms.iter().filter(|&&term| term > 2f32.ln()).count(),
            false => terms.iter().filter(|&&term| term > 0.0).count(),
        };
        let share = quantity(&head, &found.output, "active_share");
        assert!(
            (share - active as f64 / terms.len() as f64).abs() < 1e-6,
            "{name}"
        );
    }
}

#[test]
fn official_losses() {
    let files = Recorded::official("metric", 2);
    for file in files
        .iter()
        .filter(|file| file.name() == "triplet_batch_hard")
    {
        replay(file);
    }
}

#[test]
fn own_losses() {
    replay(&Recorded::own("triplet"));
}

/// Run by hand: `cargo test --workspace --test suite -- triplet::write_golden --ignored`
#[test]
#[ignore = "writes a file"]
fn write_golden() {
    let mut rng = StdRng::seed_from_u64(80);
    let rows = naive::rows(&random_rows(&mut rng, 12, 6), 6);
    let identities = [4, 4, 7, 7, 7, 1, 1, 1, 1, 9, 2, 2];
    let mut file = Recorder::default();
    file.floats("embeddings", rows.concat());
    file.integers("labels", &identities);
    for (name, config) in variants() {
        let found = Naive::new(&config, &rows, &identities);
        let triplets: Vec<u64> = found
            .triplets
            .iter()
            .flatten()
            .map(|&row| row as u64)
            .collect();
        let gradient = Naive::gradient(&config, &rows, &identities);
        file.floats(&format!("{name}.loss"), [found.loss]);
        file.floats(&format!("{name}.grad"), gradient.concat());
        file.integers(&format!("{name}.triplets"), &triplets);
        file.floats(&format!("{name}.terms"), found.terms);
    }
    file.write("triplet");
}

#[test]
fn random_cases_equal_the_oracle() {
    for seed in 0..5 {
        let mut rng = StdRng::seed_from_u64(seed);
        let identities = random_identities(&mut rng, 16, 6);
        let embeddings = random_rows(&mut rng, 16, 4);
        let rows = naive::rows(&embeddings, 4);
        for (name, config) in variants() {
            let config = TripletHeadConfig {
                margin: 0.05,
                ..config
            };
            let mut head = config.init(&context(4, 16, &device())).unwrap();
            let found = step(&mut head, &embeddings, &identities);
            let what = format!("{name}, seed {seed}");
            let loss = Naive::new(&config, &rows, &identities).loss as f32;
            assert_close(&what, &[found.loss], &[loss], 1e-5);
            let gradient = flat(&Naive::gradient(&config, &rows, &identities));
            assert_close(&what, &found.gradient, &gradient, 1e-4);
        }
    }
}

/// Equal embeddings have a distance of 0, whose slope is none; solved triplets have a loss of 0.
#[test]
fn equal_and_solved_embeddings_are_finite() {
    for (name, config) in variants() {
        let config = TripletHeadConfig {
            images: 2,
            ..config
        };
        let mut head = config.init(&context(2, 4, &device())).unwrap();
        let all_equal = step(&mut head, &[0.6, 0.8].repeat(4), &[1, 1, 2, 2]);
        assert!(
            all_equal.gradient.iter().all(|slope| slope.is_finite()),
            "{name}"
        );
        let expected = if config.soft {
            0.2f32.exp().ln_1p()
        } else {
            0.2
        };
        assert_close(name, &[all_equal.loss], &[expected], 1e-5);

        let solved = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
        let solved = step(&mut head, &solved, &[1, 1, 2, 2]);
        assert!(
            solved.gradient.iter().all(|slope| slope.is_finite()),
            "{name}"
        );
        if !config.soft {
            assert_eq!(solved.loss, 0.0, "{name}");
            assert!(solved.gradient.iter().all(|&slope| slope == 0.0), "{name}");
        }
    }
}

#[test]
fn batches_without_triplets() {
    let config = TripletHeadConfig {
        images: 2,
        ..Default::default()
    };
    let mut head = config.init(&context(3, 4, &device())).unwrap();
    let needs = Needs {
        batch: BatchForm::Groups { images: 2 },
        gallery: false,
        gallery_sides: GallerySides::Both,
        prefill: 0,
    };
    assert_eq!(head.needs(), needs);
    let mut refused = |identities: &[u64]| {
        let batch = EmbeddingBatch {
            probe: Tensor::ones([identities.len(), 3], &device()),
            gallery: None,
            identities: identities.to_vec(),
        };
        head.step(batch.into(), &at(0.1)).unwrap_err()
    };
    let error = refused(&[1, 2, 3, 4]);
    assert!(matches!(error, Error::NoPositives { rows: 4 }), "{error}");
    let error = refused(&[1, 1, 1, 1]);
    assert!(matches!(error, Error::NoNegatives { rows: 4 }), "{error}");
    assert!(matches!(refused(&[]), Error::EmptyBatch { .. }));
}

#[test]
fn settings() {
    let config = || TripletHeadConfig::default();
    config().check(8).unwrap();
    for (config, name) in [
        (
            TripletHeadConfig {
                images: 1,
                ..config()
            },
            "images is 1",
        ),
        (
            TripletHeadConfig {
                images: 3,
                ..config()
            },
            "images is 3",
        ),
        (
            TripletHeadConfig {
                images: 8,
                ..config()
            },
            "images is 8",
        ),
        (
            TripletHeadConfig {
                margin: f32::INFINITY,
                ..config()
            },
            "margin",
        ),
        (
            TripletHeadConfig {
                normalize: false,
                distance: TripletDistance::Cosine,
                ..config()
            },
            "normalize",
        ),
    ] {
        let message = config.check(8).unwrap_err().to_string();
        assert!(message.starts_with(name), "{message}");
    }
    let read = r#"{"distance": "euclidean_squared", "mean_over": "all"}"#;
    let read: TripletHeadConfig = serde_json::from_str(read).unwrap();
    assert_eq!(read.distance, TripletDistance::EuclideanSquared);
    assert_eq!((read.mean_over, read.margin), (TripletMean::All, 0.2));
    assert!(serde_json::from_str::<TripletHeadConfig>(r#"{"k": 4}"#).is_err());
}
