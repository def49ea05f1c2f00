//! The Dynamic Class Queue against recorded runs of its official code and against a naive oracle.

use burn::tensor::Tensor;
use ffc_core::{
    BatchForm, EmbeddingBatch, Embeddings, Error, GallerySides, Head, HeadContext, Needs, Quantity,
    QueueHead, QueueHeadConfig, QueueStart,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::naive::{self, cross_entropy, dot, flat};
use crate::recorded::{Recorded, Recorder};
use crate::support::{
    Stepped, assert_close, at, bytes, context, device, hand_on, host, matrix, quantity,
    random_identities, random_rows,
};

/// The queue in plain loops.
struct Naive {
    /// Entries that can be seen, of an identity or of none.
    entries: Vec<(Vec<f64>, Option<u64>)>,
    size: usize,
    next: usize,
    scale: f64,
    margin: f64,
}

impl Naive {
    fn new(config: &QueueHeadConfig) -> Self {
        Self {
            entries: Vec::new(),
            size: config.queue,
            next: 0,
            scale: f64::from(config.scale),
            margin: f64::from(config.margin),
        }
    }

    fn loss(&self, firsts: &[Vec<f64>], keys: &[Vec<f64>], identities: &[u64]) -> f64 {
        let rows = firsts
            .iter()
            .zip(keys)
            .zip(identities)
            .map(|((first, key), &identity)| {
                let first = naive::unit(first);
                let others = self.entries.iter().filter(|(_, of)| *of != Some(identity));
                let others = others.map(|(entry, _)| self.scale * dot(&first, entry));
                let target = self.scale * (dot(&first, &naive::unit(key)) - self.margin);
                cross_entropy(target, others)
            });
        rows.sum::<f64>() / firsts.len() as f64
    }

    fn masked(&self, identities: &[u64]) -> usize {
        let of = |identity: &u64| {
            self.entries
                .iter()
                .filter(|(_, of)| of == &Some(*identity))
                .count()
        };
        identities.iter().map(of).sum()
    }

    fn enter(&mut self, keys: &[Vec<f64>], identities: &[u64]) {
        for (key, &identity) in keys.iter().zip(identities) {
            let entry = (naive::unit(key), Some(identity));
            if self.next < self.entries.len() {
                self.entries[self.next] = entry;
            } else {
                self.entries.push(entry);
            }
            self.next = (self.next + 1) % self.size;
        }
    }
}

fn step(head: &mut QueueHead, firsts: &[f32], keys: &[f32], identities: &[u64]) -> Stepped {
    let found = Stepped::new(firsts, Some(keys), identities, |batch| {
        head.step(batch.into(), &at(0.1))
    });
    assert_eq!(found.output.quantities.len(), head.quantities().len());
    found
}

fn init(config: &QueueHeadConfig) -> QueueHead {
    config.init(&context(DIM, ROWS, &device())).unwrap()
}

/// The parts of a queue whose first entries are of given identities.
fn restore(head: &mut QueueHead, features: &[f32], identities: &[u64], pointer: u64) {
    head.read_part("queue_features.f32", &mut &bytes(features)[..])
        .unwrap();
    let numbers = [pointer, identities.len() as u64];
    let bytes: Vec<u8> = numbers
        .iter()
        .chain(identities)
        .flat_map(|n| n.to_le_bytes())
        .collect();
    head.read_part("queue_identities.u64", &mut &bytes[..])
        .unwrap();
}

/// W x for each row x.
fn embed(weight: &[f32], inputs: &[f32], width: usize) -> Vec<f32> {
    let weight = naive::rows(weight, width);
    let inputs = naive::rows(inputs, width);
    inputs
        .iter()
        .flat_map(|x| weight.iter().map(|w| dot(w, x) as f32))
        .collect()
}

/// d loss / d W, of d loss / d (W x).
fn weight_gradient(gradient: &[f32], inputs: &[f32], rows: usize) -> Vec<f32> {
    let (gradient, inputs) = (matrix(gradient, rows), matrix(inputs, rows));
    host(gradient.transpose().matmul(inputs))
}

/// Replays a run of the official code with its two networks, on from the initial state or from the recorded state before each step.
fn replay(file: &Recorded, free: bool) {
    let setting = |key| file.number(key) as usize;
    let (rows, width) = (setting("batch"), setting("din"));
    let config = QueueHeadConfig {
        queue: setting("queue_size"),
        scale: file.number("scale") as f32,
        margin: file.number("margin_value") as f32,
        ..Default::default()
    };
    let momentum = file.number("momentum") as f32;
    let (lr, decay) = (file.number("lr") as f32, file.number("weight_decay") as f32);
    let start = matrix(&file.floats("init.queue"), config.queue);
    let mut head = QueueHead::with_features(&config, rows, start).unwrap();
    let mut query_weight = file.floats("init.query_weight");
    let mut key_weight = file.floats("init.key_weight");
    let mut speed = vec![0.0; query_weight.len()];
    let mut identities_so_far: Vec<u64> = Vec::new();
    for number in 0..setting("steps") {
        let name = |what: &str| format!("step{number:02}.{what}");
        let identities = file.integers(&name("labels"));
        for (key, query) in key_weight.iter_mut().zip(&query_weight) {
            *key = momentum * *key + (1.0 - momentum) * query;
        }
        let inputs = file.floats(&name("query_input"));
        let firsts = embed(&query_weight, &inputs, width);
        let keys = embed(&key_weight, &file.floats(&name("key_input")), width);
        let visible = head.features().dims()[0];
        let found = step(&mut head, &firsts, &keys, &identities);

        file.check(&name("loss"), &[found.loss], 1e-5);
        file.check(&name("grad_query_raw"), &found.gradient, 1e-4);
        let gradient = weight_gradient(&found.gradient, &inputs, rows);
        file.check(&name("grad_weight"), &gradient, 1e-4);
        file.check(&name("key_weight"), &key_weight, 1e-4);
        file.check(&name("queue"), &host(head.features()), 1e-4);
        let masked = quantity(&head, &found.output, "masked_share") * (rows * visible) as f64;
        assert_eq!(masked.round() as u64, file.integers(&name("masked"))[0]);
        assert_eq!(head.pointer() as u64, file.integers(&name("pointer"))[0]);
        identities_so_far.extend(&identities);
        let labels = file.floats(&name("queue_label"));
        let written = head.identities();
        assert_eq!(written.len(), identities_so_far.len().min(config.queue));
        for (label, &identity) in labels.iter().zip(written) {
            assert_eq!(*label, identity as f32);
        }

        for ((weight, speed), gradient) in query_weight.iter_mut().zip(&mut speed).zip(&gradient) {
            *speed = 0.9 * *speed + gradient + decay * *weight;
            *weight -= lr * *speed;
        }
        file.check(&name("query_weight"), &query_weight, 1e-4);
        if !free {
            query_weight = file.floats(&name("query_weight"));
            key_weight = file.floats(&name("key_weight"));
            let written = head.identities().to_vec();
            let pointer = head.pointer() as u64;
            restore(&mut head, &file.floats(&name("queue")), &written, pointer);
        }
    }
}

#[test]
fn official_states() {
    for file in Recorded::official("dcq", 2) {
        replay(&file, true);
        replay(&file, false);
    }
}

const DIM: usize = 6;
const ROWS: usize = 4;

fn config() -> QueueHeadConfig {
    QueueHeadConfig {
        queue: 12,
        scale: 10.0,
        chunk: 5,
        ..Default::default()
    }
}

#[test]
fn own_states() {
    let file = Recorded::own("queue");
    let mut head = init(&config());
    for number in 0..file.number("steps") as usize {
        let name = |what: &str| format!("step{number:02}.{what}");
        let found = step(
            &mut head,
            &file.floats(&name("firsts")),
            &file.floats(&name("keys")),
            &file.integers(&name("labels")),
        );
        file.check(&name("loss"), &[found.loss], 1e-5);
        file.check(&name("grad"), &found.gradient, 1e-4);
        let written = head.identities();
        let queue = head.features().slice_dim(0, 0..written.len());
        file.check(&name("queue"), &host(queue), 1e-5);
        assert_eq!(written, file.integers(&name("queue_label")));
    }
}

/// Run by hand: `cargo test --workspace --test suite -- queue::write_golden --ignored`
#[test]
#[ignore = "writes a file"]
fn write_golden() {
    let mut rng = StdRng::seed_from_u64(60);
    let mut oracle = Naive::new(&config());
    let mut file = Recorder::default();
    file.number("steps", 5.0);
    for number in 0..5 {
        let name = |what: &str| format!("step{number:02}.{what}");
        let [firsts, keys] = [(); 2].map(|()| naive::rows(&random_rows(&mut rng, ROWS, DIM), DIM));
        let identities = random_identities(&mut rng, ROWS, 7);
        let loss = oracle.loss(&firsts, &keys, &identities);
        let gradient = naive::gradient(&firsts, |firsts| oracle.loss(firsts, &keys, &identities));
        oracle.enter(&keys, &identities);
        file.floats(&name("firsts"), firsts.concat());
        file.floats(&name("keys"), keys.concat());
        file.integers(&name("labels"), &identities);
        file.floats(&name("loss"), [loss]);
        file.floats(&name("grad"), gradient.concat());
        file.floats(
            &name("queue"),
            oracle.entries.iter().flat_map(|(entry, _)| entry.clone()),
        );
        let labels: Vec<u64> = oracle.entries.iter().filter_map(|(_, of)| *of).collect();
        file.integers(&name("queue_label"), &labels);
    }
    file.write("queue");
}

/// Any start, any chunk, repeated identities and turns of the queue give what plain loops give.
#[test]
fn random_cases_equal_the_oracle() {
    for (seed, start, chunk) in [
        (0, QueueStart::Masked, 1),
        (1, QueueStart::Masked, 4),
        (2, QueueStart::Masked, 100),
        (3, QueueStart::Random, 5),
        (4, QueueStart::Random, 12),
    ] {
        let mut rng = StdRng::seed_from_u64(seed);
        let config = QueueHeadConfig {
            start,
            chunk,
            ..config()
        };
        let mut head = init(&config);
        let mut oracle = Naive::new(&config);
        if start == QueueStart::Random {
            let entries = naive::rows(&host(head.features()), DIM);
            for entry in &entries {
                assert!((dot(entry, entry) - 1.0).abs() < 1e-5);
            }
            oracle.entries = entries.into_iter().map(|entry| (entry, None)).collect();
        }
        for number in 0..8 {
            let [firsts, keys] = [(); 2].map(|()| random_rows(&mut rng, ROWS, DIM));
            let identities = random_identities(&mut rng, ROWS, 6);
            let [wide, key_rows] = [&firsts, &keys].map(|rows| naive::rows(rows, DIM));
            let loss = oracle.loss(&wide, &key_rows, &identities) as f32;
            let gradient = naive::gradient(&wide, |wide| oracle.loss(wide, &key_rows, &identities));
            let masked = oracle.masked(&identities) as f64;
            let visible = oracle.entries.len() as f64;
            oracle.enter(&key_rows, &identities);

            let found = step(&mut head, &firsts, &keys, &identities);
            let what = format!("seed {seed}, step {number}");
            if number == 0 && start == QueueStart::Masked {
                assert_eq!(found.loss, 0.0);
                assert!(found.gradient.iter().all(|&slope| slope == 0.0));
                assert!(matches!(found.output.quantities[1], Quantity::Missing));
            } else {
                assert_close(&what, &[found.loss], &[loss], 1e-5);
                assert_close(&what, &found.gradient, &flat(&gradient), 1e-4);
                let share = quantity(&head, &found.output, "masked_share");
                assert!((share - masked / (ROWS as f64 * visible)).abs() < 1e-9);
            }
            let fill = quantity(&head, &found.output, "queue_fill");
            assert_eq!(fill, (number + 1).min(3) as f64 / 3.0);
        }
    }
}

/// A random start is a matter of the seed.
#[test]
fn random_starts_follow_the_seed() {
    let config = QueueHeadConfig {
        start: QueueStart::Random,
        ..config()
    };
    let device = device();
    let features = |seed| {
        let context = HeadContext {
            seed,
            ..context(DIM, ROWS, &device)
        };
        host(config.init(&context).unwrap().features())
    };
    assert_eq!(features(1), features(1));
    assert_ne!(features(1), features(2));
}

#[test]
fn parts_go_on_bit_for_bit() {
    let mut rng = StdRng::seed_from_u64(8);
    // Before the queue is full, and after it has turned.
    for steps in [2, 4] {
        let mut first = init(&config());
        let mut inputs = || {
            let [firsts, keys] = [(); 2].map(|()| random_rows(&mut rng, ROWS, DIM));
            (firsts, keys, random_identities(&mut rng, ROWS, 6))
        };
        for _ in 0..steps {
            let (firsts, keys, identities) = inputs();
            step(&mut first, &firsts, &keys, &identities);
        }
        let mut second = init(&config());
        hand_on(&first, &mut second);
        for _ in 0..3 {
            let (firsts, keys, identities) = inputs();
            let [a, b] = [&mut first, &mut second].map(|head| {
                let step = step(head, &firsts, &keys, &identities);
                (step.loss, step.gradient, host(head.features()))
            });
            assert_eq!(a, b);
        }
        assert_eq!(first.identities(), second.identities());
    }
}

#[test]
fn parts_of_another_queue_are_refused() {
    let mut head = init(&config());
    let mut read = |numbers: &[u64]| {
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        let error = head
            .read_part("queue_identities.u64", &mut &bytes[..])
            .unwrap_err();
        error.to_string()
    };
    assert!(read(&[4, 13]).contains("13 entries"));
    assert!(read(&[8, 4, 1, 2, 3, 4]).contains("writes 8 next"));
    // Of batches of 3.
    assert!(read(&[3, 3, 1, 2, 3]).contains("batches of 4"));
    assert!(head.identities().is_empty());
}

#[test]
fn bad_input_changes_nothing() {
    let mut head = init(&config());
    let needs = Needs {
        batch: BatchForm::Pairs,
        gallery: true,
        gallery_sides: GallerySides::Both,
        prefill: 0,
    };
    assert_eq!(head.needs(), needs);
    let mut rng = StdRng::seed_from_u64(9);
    let mut rows = |count, dim| matrix(&random_rows(&mut rng, count, dim), count);
    let mut batch = |count: usize, dim| EmbeddingBatch {
        probe: rows(count, dim),
        gallery: Some(rows(count, dim)),
        identities: (0..count as u64).collect(),
    };
    head.step(batch(ROWS, DIM).into(), &at(0.1)).unwrap();
    let before = (
        host(head.features()),
        head.identities().to_vec(),
        head.pointer(),
    );
    let mut refused = |batch: EmbeddingBatch| {
        let error = head.step(batch.into(), &at(0.1)).unwrap_err();
        let after = (
            host(head.features()),
            head.identities().to_vec(),
            head.pointer(),
        );
        assert_eq!(after, before, "{error}");
        error
    };
    let no_gallery = EmbeddingBatch {
        gallery: None,
        ..batch(ROWS, DIM)
    };
    let what = Embeddings::Gallery;
    let error = refused(no_gallery);
    assert!(matches!(error, Error::NoGallery { what: found } if found == what));
    let error = refused(batch(ROWS, DIM + 1));
    assert!(
        matches!(
            error,
            Error::Dimension {
                what: Embeddings::Probe,
                ..
            }
        ),
        "{error}"
    );
    let error = refused(batch(2 * ROWS, DIM));
    assert!(
        matches!(
            error,
            Error::BatchRows {
                expected: 4,
                found: 8
            }
        ),
        "{error}"
    );
    let short = EmbeddingBatch {
        gallery: Some(Tensor::ones([ROWS - 1, DIM], &device())),
        ..batch(ROWS, DIM)
    };
    let error = refused(short);
    assert!(
        matches!(
            error,
            Error::RowCount {
                what: Embeddings::Gallery,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn settings() {
    let published = QueueHeadConfig::default();
    assert_eq!(
        (published.queue, published.scale, published.margin),
        (8192, 50.0, 0.3)
    );
    published.check(64).unwrap();
    let message = |config: QueueHeadConfig, batch| config.check(batch).unwrap_err().to_string();
    assert!(message(published.clone(), 48).ends_with("8160 or 8208"));
    assert!(
        message(
            QueueHeadConfig {
                queue: 20,
                ..config()
            },
            48
        )
        .ends_with("set it to 48")
    );
    for (config, name) in [
        (
            QueueHeadConfig {
                queue: 0,
                ..config()
            },
            "queue",
        ),
        (
            QueueHeadConfig {
                scale: f32::NAN,
                ..config()
            },
            "scale",
        ),
        (
            QueueHeadConfig {
                margin: -0.1,
                ..config()
            },
            "margin",
        ),
        (
            QueueHeadConfig {
                chunk: 0,
                ..config()
            },
            "chunk",
        ),
    ] {
        assert!(message(config, ROWS).starts_with(name));
    }
    assert!(message(config(), 0).starts_with("batch"));
    let read: QueueHeadConfig =
        serde_json::from_str(r#"{"start": "random", "queue": 64}"#).unwrap();
    assert_eq!(
        (read.start, read.queue, read.chunk),
        (QueueStart::Random, 64, 2048)
    );
    assert!(serde_json::from_str::<QueueHeadConfig>(r#"{"size": 64}"#).is_err());
}
