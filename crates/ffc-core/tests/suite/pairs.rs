//! Losses over pairs against recorded ones of pytorch-metric-learning and against a naive oracle.

use burn::tensor::Tensor;
use ffc_core::{
    BatchForm, EmbeddingBatch, Error, GallerySides, Head, Needs, PairLoss, PairsHead,
    PairsHeadConfig,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::naive::{self, cross_entropy, dot, flat};
use crate::recorded::{Recorded, Recorder};
use crate::support::{
    Stepped, assert_close, at, context, device, quantity, random_identities, random_rows,
};

/// The loss of rows in groups of `config.images`, in plain loops.
fn naive_loss(config: &PairsHeadConfig, embeddings: &[Vec<f64>], identities: &[u64]) -> f64 {
    let rows = match config.normalize {
        true => naive::units(embeddings),
        false => embeddings.to_vec(),
    };
    let all: Vec<usize> = (0..rows.len()).collect();
    let temperature = config.temperature.map_or_else(
        || match config.loss {
            PairLoss::Npair => 1.0,
            PairLoss::Supcon => 0.1,
            _ => 0.07,
        },
        f64::from,
    );
    let logit = |a: usize, b: usize| dot(&rows[a], &rows[b]) / temperature;
    let same = |a: usize, b: usize| identities[a] == identities[b];
    let mean = |terms: Vec<f64>| terms.iter().sum::<f64>() / terms.len() as f64;
    let contrast = |anchors: &[usize], candidates: &[usize]| {
        let mut terms = Vec::new();
        for &a in anchors {
            for &p in candidates.iter().filter(|&&p| p != a && same(a, p)) {
                let others = candidates.iter().filter(|&&n| !same(a, n));
                terms.push(cross_entropy(logit(a, p), others.map(|&n| logit(a, n))));
            }
        }
        mean(terms)
    };
    match config.loss {
        PairLoss::Npair => {
            let of_identity = |a: usize| all.iter().copied().filter(move |&b| same(a, b));
            let firsts = all
                .iter()
                .copied()
                .filter(|&a| of_identity(a).next() == Some(a));
            let pairs = firsts.filter_map(|a| of_identity(a).nth(1).map(|b| (a, b)));
            let (firsts, seconds): (Vec<usize>, Vec<usize>) = pairs.unzip();
            contrast(&firsts, &seconds)
        }
        PairLoss::Infonce => {
            let (firsts, seconds): (Vec<usize>, Vec<usize>) = all
                .iter()
                .copied()
                .partition(|row| row % config.images == 0);
            contrast(&firsts, &seconds)
        }
        PairLoss::Ntxent => contrast(&all, &all),
        PairLoss::Supcon => {
            let term = |&a: &usize| {
                let others = || all.iter().copied().filter(move |&b| b != a);
                let terms: Vec<f64> = (others().filter(|&p| same(a, p)))
                    .map(|p| {
                        cross_entropy(
                            logit(a, p),
                            others().filter(|&b| b != p).map(|b| logit(a, b)),
                        )
                    })
                    .collect();
                (!terms.is_empty()).then(|| mean(terms))
            };
            mean(all.iter().filter_map(term).collect())
        }
    }
}

fn step(head: &mut PairsHead, embeddings: &[f32], identities: &[u64]) -> Stepped {
    Stepped::new(embeddings, None, identities, |batch| {
        head.step(batch.into(), &at(0.1))
    })
}

fn config(loss: PairLoss) -> PairsHeadConfig {
    PairsHeadConfig {
        loss,
        ..Default::default()
    }
}

/// By the names of the recorded file, and whether with its repeated labels.
fn variants() -> [(&'static str, PairsHeadConfig, bool); 10] {
    use PairLoss::{Infonce, Npair, Ntxent, Supcon};
    let warm = |loss| PairsHeadConfig {
        temperature: Some(0.5),
        ..config(loss)
    };
    let raw = PairsHeadConfig {
        normalize: false,
        ..config(Npair)
    };
    [
        ("npairs_unit", config(Npair), false),
        ("npairs_raw", raw, false),
        ("npairs_repeated", config(Npair), true),
        ("ntxent_007", config(Ntxent), false),
        ("ntxent_050", warm(Ntxent), false),
        ("ntxent_repeated", config(Ntxent), true),
        ("infonce_007", config(Infonce), false),
        ("infonce_050", warm(Infonce), false),
        ("infonce_repeated", config(Infonce), true),
        ("supcon_repeated", config(Supcon), true),
    ]
}

/// The recorded batch is all first images, then all second ones. N-pair takes it so, which decides what the first two images of a
/// repeated identity are; the others take it in groups, as a training brings it.
fn replay(file: &Recorded) {
    let recorded = file.floats("embeddings");
    let count = file.integers("labels").len();
    let dim = recorded.len() / count;
    for (name, config, repeated) in variants() {
        let labels = file.integers(if repeated {
            "labels_repeated"
        } else {
            "labels"
        });
        let order: Vec<usize> = match config.loss {
            PairLoss::Npair => (0..count).collect(),
            _ => (0..count)
                .map(|row| row / 2 + row % 2 * (count / 2))
                .collect(),
        };
        let rows: Vec<&[f32]> = recorded.chunks(dim).collect();
        let embeddings: Vec<f32> = order.iter().flat_map(|&row| rows[row]).copied().collect();
        let identities: Vec<u64> = order.iter().map(|&row| labels[row]).collect();
        let mut head = config.init(&context(dim, count, &device())).unwrap();
        let found = step(&mut head, &embeddings, &identities);
        let mut gradient = vec![0.0; recorded.len()];
        for (slopes, row) in found.gradient.chunks(dim).zip(order) {
            gradient[row * dim..][..dim].copy_from_slice(slopes);
        }
        file.check(&format!("{name}.loss"), &[found.loss], 1e-5);
        file.check(&format!("{name}.grad"), &gradient, 1e-4);
        let loss = naive_loss(&config, &naive::rows(&embeddings, dim), &identities) as f32;
        file.check(&format!("{name}.loss"), &[loss], 1e-5);
    }
}

#[test]
fn official_losses() {
    let files = Recorded::official("metric", 2);
    for file in files.iter().filter(|file| file.name() == "pairs") {
        replay(file);
    }
}

#[test]
fn own_losses() {
    replay(&Recorded::own("pairs"));
}

/// Run by hand: `cargo test --workspace --test suite -- pairs::write_golden --ignored`
#[test]
#[ignore = "writes a file"]
fn write_golden() {
    let (count, dim) = (12, 6);
    let mut rng = StdRng::seed_from_u64(90);
    let rows = naive::rows(&random_rows(&mut rng, count, dim), dim);
    let labels: Vec<u64> = (0..12).map(|row| 10 + row % 6).collect();
    let repeated: Vec<u64> = labels.iter().map(|&label| label.max(11)).collect();
    let mut file = Recorder::default();
    file.floats("embeddings", rows.concat());
    file.integers("labels", &labels);
    file.integers("labels_repeated", &repeated);
    for (name, config, is_repeated) in variants() {
        let labels = if is_repeated { &repeated } else { &labels };
        let loss = |rows: &[Vec<f64>]| {
            if config.loss == PairLoss::Npair {
                return naive_loss(&config, rows, labels);
            }
            let order: Vec<usize> = (0..count)
                .map(|row| row / 2 + row % 2 * (count / 2))
                .collect();
            let rows: Vec<Vec<f64>> = order.iter().map(|&row| rows[row].clone()).collect();
            let labels: Vec<u64> = order.iter().map(|&row| labels[row]).collect();
            naive_loss(&config, &rows, &labels)
        };
        file.floats(&format!("{name}.loss"), [loss(&rows)]);
        file.floats(
            &format!("{name}.grad"),
            naive::gradient(&rows, loss).concat(),
        );
    }
    file.write("pairs");
}

/// Identities that repeat or have one row alone, groups of 3, other temperatures.
#[test]
fn random_cases_equal_the_oracle() {
    for seed in 0..4 {
        let mut rng = StdRng::seed_from_u64(seed);
        let dim = 5;
        for (name, config, images) in [
            ("npair", config(PairLoss::Npair), 1),
            ("infonce", config(PairLoss::Infonce), 2),
            ("ntxent", config(PairLoss::Ntxent), 1),
            ("ntxent of 3", config(PairLoss::Ntxent), 3),
            ("supcon", config(PairLoss::Supcon), 1),
            ("supcon of 3", config(PairLoss::Supcon), 3),
        ] {
            let config = PairsHeadConfig {
                temperature: Some(0.3),
                images: images.max(2),
                ..config
            };
            let groups = random_identities(&mut rng, 12 / images, 8);
            let identities: Vec<u64> = (0..12).map(|row| groups[row / images]).collect();
            let embeddings = random_rows(&mut rng, 12, dim);
            let rows = naive::rows(&embeddings, dim);
            let mut head = config.init(&context(dim, 12, &device())).unwrap();
            let found = step(&mut head, &embeddings, &identities);
            let what = format!("{name}, seed {seed}");
            let loss = |rows: &[Vec<f64>]| naive_loss(&config, rows, &identities);
            assert_close(&what, &[found.loss], &[loss(&rows) as f32], 1e-5);
            let gradient = flat(&naive::gradient(&rows, loss));
            assert_close(&what, &found.gradient, &gradient, 1e-4);
        }
    }
}

/// Equal embeddings everywhere, a temperature at which all others vanish, and the reported means.
#[test]
fn extremes_are_finite() {
    for loss in [
        PairLoss::Npair,
        PairLoss::Infonce,
        PairLoss::Ntxent,
        PairLoss::Supcon,
    ] {
        let config = PairsHeadConfig {
            temperature: Some(1e-3),
            ..config(loss)
        };
        let mut head = config.init(&context(2, 4, &device())).unwrap();
        let identities = [1, 1, 2, 2];
        for embeddings in [
            [0.6, 0.8].repeat(4),
            vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0],
            vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0],
        ] {
            let found = step(&mut head, &embeddings, &identities);
            assert!(found.loss.is_finite(), "{loss:?}");
            assert!(
                found.gradient.iter().all(|slope| slope.is_finite()),
                "{loss:?}"
            );
        }
        let solved = [1.0, 0.0, 1.0, 0.0, -1.0, 0.0, -1.0, 0.0];
        let output = step(&mut head, &solved, &identities).output;
        let similarity = |name| quantity(&head, &output, name);
        assert_eq!(similarity("positive_similarity"), 1.0, "{loss:?}");
        assert_eq!(similarity("negative_similarity"), -1.0, "{loss:?}");
    }
}

#[test]
fn batches_without_pairs() {
    for loss in [
        PairLoss::Npair,
        PairLoss::Infonce,
        PairLoss::Ntxent,
        PairLoss::Supcon,
    ] {
        let mut head = config(loss).init(&context(3, 4, &device())).unwrap();
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
        let error = refused(&[1, 1, 1, 1]);
        assert!(matches!(error, Error::NoNegatives { rows: 4 }), "{error}");
        let error = refused(&[1, 2, 3, 4]);
        if loss == PairLoss::Infonce {
            assert!(
                matches!(error, Error::Groups { images: 2, row: 1 }),
                "{error}"
            );
            assert!(matches!(
                refused(&[1, 1, 2]),
                Error::Groups { images: 2, row: 2 }
            ));
        } else {
            assert!(matches!(error, Error::NoPositives { rows: 4 }), "{error}");
            assert!(error.to_string().contains("at least two images"), "{error}");
        }
    }
}

#[test]
fn settings() {
    for (config, name) in [
        (
            PairsHeadConfig {
                images: 1,
                ..config(PairLoss::Ntxent)
            },
            "images is 1",
        ),
        (
            PairsHeadConfig {
                images: 4,
                ..config(PairLoss::Npair)
            },
            "images is 4",
        ),
        (
            PairsHeadConfig {
                images: 4,
                ..config(PairLoss::Infonce)
            },
            "images is 4",
        ),
        (
            PairsHeadConfig {
                images: 16,
                ..config(PairLoss::Supcon)
            },
            "images is 16",
        ),
        (
            PairsHeadConfig {
                temperature: Some(0.0),
                ..config(PairLoss::Supcon)
            },
            "temperature",
        ),
        (
            PairsHeadConfig {
                normalize: false,
                ..config(PairLoss::Ntxent)
            },
            "normalize",
        ),
    ] {
        let message = config.check(16).unwrap_err().to_string();
        assert!(message.starts_with(name), "{message}");
    }
    let read: PairsHeadConfig = serde_json::from_str(r#"{"loss": "supcon", "images": 4}"#).unwrap();
    read.check(16).unwrap();
    assert_eq!(
        (read.loss, read.temperature, read.normalize),
        (PairLoss::Supcon, None, true)
    );
    assert_eq!(
        serde_json::from_str::<PairsHeadConfig>("{}").unwrap(),
        config(PairLoss::Ntxent)
    );
    assert!(serde_json::from_str::<PairsHeadConfig>(r#"{"tau": 0.1}"#).is_err());
}
