//! Virtual FC against recorded runs of its official code and against a naive oracle.

use std::f64::consts::PI;

use burn::tensor::Tensor;
use ffc_core::margin::MarginConfig;
use ffc_core::{
    Anchors, BatchForm, EmbeddingBatch, Embeddings, Error, FullHeadConfig, GallerySides, Head,
    HeadContext, JointConfig, Needs, VirtualHead, VirtualHeadConfig, VisitingOrder,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::naive::{self, cross_entropy, dot, flat};
use crate::recorded::{Recorded, Recorder};
use crate::support::{
    Stepped, assert_close, at, bytes, context, device, hand_on, host, matrix, quantity, random_rows,
};

/// Virtual FC in plain loops.
struct Naive {
    rows: Vec<Vec<f64>>,
    momentum: Vec<Vec<f64>>,
    lent: Vec<(usize, Vec<f64>)>,
    config: VirtualHeadConfig,
}

struct NaiveStep {
    loss: f64,
    gradient: Vec<Vec<f64>>,
    conflicts: usize,
}

impl Naive {
    fn new(config: &VirtualHeadConfig, rows: Vec<Vec<f64>>) -> Self {
        Self {
            momentum: vec![vec![0.0; rows[0].len()]; rows.len()],
            rows,
            lent: Vec::new(),
            config: config.clone(),
        }
    }

    fn target(&self, cosine: f64) -> f64 {
        let margin = f64::from(self.config.margin);
        let angle = cosine.clamp(-1.0, 1.0).acos() + margin;
        if angle < PI {
            angle.cos()
        } else {
            cosine - margin * (PI - margin).sin()
        }
    }

    fn loss(&self, embeddings: &[Vec<f64>], rows: &[Vec<f64>], own: &[usize]) -> f64 {
        let scale = f64::from(self.config.scale);
        let rows = naive::units(rows);
        let losses = embeddings.iter().zip(own).map(|(embedding, &own)| {
            let embedding = naive::unit(embedding);
            let cosine = |row: usize| dot(&embedding, &rows[row]);
            let others = (0..rows.len())
                .filter(|&row| row != own)
                .map(|row| scale * cosine(row));
            cross_entropy(scale * self.target(cosine(own)), others)
        });
        f64::from(self.config.loss_factor) * losses.sum::<f64>() / own.len() as f64
    }

    /// Identities visited in the order of the batch.
    fn step(&mut self, embeddings: &[Vec<f64>], identities: &[u64], lr: f64) -> NaiveStep {
        for (row, content) in self.lent.drain(..) {
            self.rows[row] = content;
        }
        let mut owner: Vec<Option<u64>> = vec![None; self.rows.len()];
        let mut late = Vec::new();
        for &identity in identities {
            let row = identity as usize % self.rows.len();
            match owner[row] {
                None => owner[row] = Some(identity),
                Some(other) if other != identity && !late.contains(&identity) => {
                    late.push(identity)
                }
                Some(_) => {}
            }
        }
        for &identity in &late {
            let row = owner.iter().position(Option::is_none).unwrap();
            owner[row] = Some(identity);
            self.lent.push((row, self.rows[row].clone()));
        }
        for (row, owner) in self.rows.iter_mut().zip(&owner) {
            let Some(owner) = owner else { continue };
            row.fill(0.0);
            for (embedding, identity) in embeddings.iter().zip(identities) {
                if identity == owner {
                    row.iter_mut()
                        .zip(embedding)
                        .for_each(|(sum, value)| *sum += value);
                }
            }
        }
        let row_of = |identity: &u64| {
            owner
                .iter()
                .position(|owner| owner.as_ref() == Some(identity))
        };
        let own: Vec<usize> = identities
            .iter()
            .map(|identity| row_of(identity).unwrap())
            .collect();

        let rows = self.rows.clone();
        let loss = self.loss(embeddings, &rows, &own);
        let gradient = naive::gradient(embeddings, |moved| self.loss(moved, &rows, &own));
        let by_rows = naive::gradient(&rows, |moved| self.loss(embeddings, moved, &own));
        let (decay, keep) = (self.config.weight_decay, self.config.momentum);
        for (row, (momentum, slopes)) in self
            .rows
            .iter_mut()
            .zip(self.momentum.iter_mut().zip(by_rows))
        {
            for (value, (momentum, slope)) in row.iter_mut().zip(momentum.iter_mut().zip(slopes)) {
                *momentum = keep * *momentum + slope + decay * *value;
                *value -= lr * *momentum;
            }
        }
        NaiveStep {
            loss,
            gradient,
            conflicts: late.len(),
        }
    }
}

fn replay(file: &Recorded, free: bool) {
    let number = |key| file.number(key) as f32;
    let config = VirtualHeadConfig {
        rows: number("rows") as usize,
        images: number("images_per_id") as usize,
        scale: number("scale"),
        margin: number("margin_value"),
        loss_factor: number("loss_factor"),
        momentum: file.number("momentum"),
        weight_decay: file.number("weight_decay"),
        learning_rate_factor: 1.0,
        joint: None,
    };
    let start = matrix(&file.floats("init.weight"), config.rows);
    let mut head = VirtualHead::with_rows(&config, start).unwrap();
    for step in 0..file.number("steps") as usize {
        let name = |what: &str| format!("step{step:02}.{what}");
        let integers = |what: &str| file.integers(&name(what));
        let identities = integers("labels");
        let order = VisitingOrder {
            identities: integers("identity_order"),
            conflicts: Some(integers("free_identities")),
        };
        let anchors = Anchors::assign(&order, config.rows).unwrap();
        let rows = |identities: &[u64]| -> Vec<u64> {
            let row = |&identity| u64::from(anchors.row(identity).unwrap());
            identities.iter().map(row).collect()
        };
        assert_eq!(rows(&order.identities), integers("identity_row"));
        assert_eq!(rows(&identities), integers("row_label"));
        let free_rows: Vec<u64> = anchors.free().iter().map(|&(_, row)| row.into()).collect();
        assert_eq!(free_rows, integers("free_rows"));
        let is_free = |identity| anchors.free().iter().any(|&(free, _)| free == identity);
        let free_ones: Vec<u64> = order
            .identities
            .iter()
            .map(|&identity| is_free(identity).into())
            .collect();
        assert_eq!(free_ones, integers("identity_free"));

        let embeddings = file.floats(&name("embeddings"));
        let found = Stepped::new(&embeddings, None, &identities, |batch| {
            head.step_in_order(batch, &order, &at(file.number("lr")))
        });
        file.check(&name("loss"), &[found.loss / config.loss_factor], 1e-5);
        file.check(&name("grad_embeddings"), &found.gradient, 1e-4);
        file.check(&name("weight"), &host(head.rows()), 1e-4);
        file.check(&name("momentum"), &host(head.momentum()), 1e-4);
        let conflicts = quantity(&head, &found.output, "conflicts");
        assert_eq!(conflicts as usize, anchors.free().len());
        if !free {
            for (part, state) in [
                ("virtual_rows.f32", "weight"),
                ("virtual_momentum.f32", "momentum"),
            ] {
                let recorded = bytes(&file.floats(&name(state)));
                head.read_part(part, &mut &recorded[..]).unwrap();
            }
        }
    }
}

#[test]
fn official_states() {
    for file in Recorded::official("virtual_fc", 2) {
        replay(&file, true);
        replay(&file, false);
    }
}

const DIM: usize = 5;
const ROWS: usize = 7;
const BATCH: usize = 8;

fn config() -> VirtualHeadConfig {
    VirtualHeadConfig {
        rows: ROWS,
        images: 2,
        scale: 8.0,
        ..Default::default()
    }
}

fn init() -> VirtualHead {
    config().init(&context(DIM, BATCH, &device())).unwrap()
}

/// Four identities with two images each, in an order in which they are mixed; an image of the first points away from the other.
fn batch(rng: &mut StdRng) -> (Vec<f32>, Vec<u64>) {
    let mut embeddings = random_rows(rng, BATCH, DIM);
    for at in 0..DIM {
        embeddings[4 * DIM + at] = -0.3 * embeddings[at] + 0.05 * embeddings[4 * DIM + at];
    }
    let mut identities: Vec<u64> = Vec::new();
    while identities.len() < BATCH / 2 {
        let identity = rng.random_range(0..20);
        if !identities.contains(&identity) {
            identities.push(identity);
        }
    }
    identities.extend_from_within(..);
    (embeddings, identities)
}

fn step(head: &mut VirtualHead, embeddings: &[f32], identities: &[u64], lr: f64) -> Stepped {
    Stepped::new(embeddings, None, identities, |batch| {
        head.step(batch.into(), &at(lr))
    })
}

#[test]
fn own_states() {
    let file = Recorded::own("virtual_fc");
    let rows = matrix(&file.floats("init.weight"), ROWS);
    let mut head = VirtualHead::with_rows(&config(), rows).unwrap();
    for number in 0..file.number("steps") as usize {
        let name = |what: &str| format!("step{number:02}.{what}");
        let embeddings = file.floats(&name("embeddings"));
        let found = step(
            &mut head,
            &embeddings,
            &file.integers(&name("labels")),
            file.number("lr"),
        );
        file.check(&name("loss"), &[found.loss], 1e-5);
        file.check(&name("grad"), &found.gradient, 1e-4);
        file.check(&name("weight"), &host(head.rows()), 1e-4);
        file.check(&name("momentum"), &host(head.momentum()), 1e-4);
    }
}

/// Run by hand: `cargo test --workspace --test suite -- virtual_fc::write_golden --ignored`
#[test]
#[ignore = "writes a file"]
fn write_golden() {
    let mut rng = StdRng::seed_from_u64(70);
    let rows = naive::rows(&random_rows(&mut rng, ROWS, DIM), DIM);
    let mut file = Recorder::default();
    file.number("steps", 6.0);
    file.number("lr", 0.1);
    file.floats("init.weight", rows.concat());
    let mut oracle = Naive::new(&config(), rows);
    let mut conflicts = 0;
    for number in 0..6 {
        let name = |what: &str| format!("step{number:02}.{what}");
        let (embeddings, identities) = batch(&mut rng);
        let embeddings = naive::rows(&embeddings, DIM);
        let found = oracle.step(&embeddings, &identities, 0.1);
        conflicts += found.conflicts;
        file.floats(&name("embeddings"), embeddings.concat());
        file.integers(&name("labels"), &identities);
        file.floats(&name("loss"), [found.loss]);
        file.floats(&name("grad"), found.gradient.concat());
        file.floats(&name("weight"), oracle.rows.concat());
        file.floats(&name("momentum"), oracle.momentum.concat());
    }
    assert!(conflicts > 2);
    file.write("virtual_fc");
}

#[test]
fn random_cases_equal_the_oracle() {
    for seed in 0..4 {
        let mut rng = StdRng::seed_from_u64(seed);
        let config = VirtualHeadConfig {
            loss_factor: 2.5,
            ..config()
        };
        let mut head = config.init(&context(DIM, BATCH, &device())).unwrap();
        let mut oracle = Naive::new(&config, naive::rows(&host(head.rows()), DIM));
        let mut conflicts = 0;
        for number in 0..5 {
            let (embeddings, identities) = batch(&mut rng);
            let expected = oracle.step(&naive::rows(&embeddings, DIM), &identities, 0.02);
            let found = step(&mut head, &embeddings, &identities, 0.02);
            let what = format!("seed {seed}, step {number}");
            assert_close(&what, &[found.loss], &[expected.loss as f32], 1e-5);
            assert_close(&what, &found.gradient, &flat(&expected.gradient), 1e-4);
            assert_close(&what, &host(head.rows()), &flat(&oracle.rows), 1e-4);
            assert_close(&what, &host(head.momentum()), &flat(&oracle.momentum), 1e-4);
            let share = quantity(&head, &found.output, "conflict_share");
            assert_eq!(share, expected.conflicts as f64 / 4.0);
            conflicts += expected.conflicts;
        }
        assert!(conflicts > 0, "seed {seed} shows no conflict");
    }
}

/// An identity with one image has a row that equals it: the cosine is 1, where ArcFace's slope is infinite.
#[test]
fn rows_that_equal_an_embedding_are_finite() {
    let config = VirtualHeadConfig {
        rows: 2,
        images: 1,
        ..config()
    };
    let start = matrix(&[1.0, 0.0, 0.0, 1.0], 2);
    let mut head = VirtualHead::with_rows(&config, start).unwrap();
    let found = step(&mut head, &[2.0, 0.0, 0.0, 3.0], &[0, 1], 0.1);
    let (scale, cos, sin) = (8.0, 0.5f32.cos(), 0.5f32.sin());
    let excess: f32 = -scale * cos;
    assert_close("loss", &[found.loss], &[excess.exp().ln_1p()], 1e-5);
    // The target's pull is along the embedding, which normalisation takes away; the other row's push stays.
    let push = scale / 2.0 / (1.0 + (-excess).exp());
    assert_close(
        "gradient",
        &found.gradient,
        &[0.0, push / 2.0, push / 3.0, 0.0],
        1e-5,
    );

    // Off the axis by a little, the slope is that of the formula.
    let found = step(&mut head, &[1.0, 1e-2, -1e-2, 1.0], &[0, 1], 0.1);
    assert!(found.gradient.iter().all(|slope| slope.is_finite()));
    assert!(sin > 0.0 && host(head.rows()).iter().all(|value| value.is_finite()));
}

#[test]
fn parts_go_on_bit_for_bit() {
    let mut rng = StdRng::seed_from_u64(6);
    let mut first = init();
    // A checkpoint after every step: with and without lent rows.
    let mut lent = [false; 2];
    for _ in 0..8 {
        let (embeddings, identities) = batch(&mut rng);
        let found = step(&mut first, &embeddings, &identities, 0.1);
        lent[usize::from(quantity(&first, &found.output, "conflicts") > 0.0)] = true;
        let mut second = init();
        hand_on(&first, &mut second);
        let (embeddings, identities) = batch(&mut rng);
        let [a, b] = [&mut first, &mut second].map(|head| {
            let found = step(head, &embeddings, &identities, 0.1);
            (
                found.loss,
                found.gradient,
                host(head.rows()),
                host(head.momentum()),
            )
        });
        assert_eq!(a, b);
    }
    assert_eq!(lent, [true, true]);
}

#[test]
fn damaged_lists_of_lent_rows() {
    let mut head = init();
    for numbers in [&[8][..], &[2, 3, 3], &[2, 4, 3], &[1, 7], &[1]] {
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|number: &u32| number.to_le_bytes())
            .collect();
        let error = head
            .read_part("virtual_lent.bin", &mut &bytes[..])
            .unwrap_err();
        assert!(error.to_string().contains("virtual_lent.bin"), "{error}");
    }
}

/// Rows are a matter of the seed, and lie within Xavier's bound.
#[test]
fn initial_rows() {
    let device = device();
    let rows = |seed| {
        let context = ffc_core::HeadContext {
            seed,
            ..context(DIM, BATCH, &device)
        };
        host(config().init(&context).unwrap().rows())
    };
    assert_eq!(rows(1), rows(1));
    assert_ne!(rows(1), rows(2));
    let bound = (6.0 / (ROWS + DIM) as f32).sqrt();
    let largest = rows(1).iter().fold(0.0f32, |a, b| a.max(b.abs()));
    assert!(largest <= bound && largest > 0.8 * bound);
}

#[test]
fn anchors_in_the_order_of_the_batch() {
    let order = VisitingOrder::of_batch(&[9, 9, 2, 16, 2, 5, 16]);
    assert_eq!(order.identities, [9, 2, 16, 5]);
    // 9, 2 and 16 own row 2 of 7.
    let anchors = Anchors::assign(&order, 7).unwrap();
    assert_eq!(anchors.free(), [(2, 0), (16, 1)]);
    assert_eq!(
        [9, 5, 4].map(|identity| anchors.row(identity)),
        [Some(2), Some(5), None]
    );
    let other = VisitingOrder {
        conflicts: Some(vec![16, 2]),
        ..order
    };
    assert_eq!(
        Anchors::assign(&other, 7).unwrap().free(),
        [(16, 0), (2, 1)]
    );
}

#[test]
fn bad_input_changes_nothing() {
    let mut head = init();
    let needs = Needs {
        batch: BatchForm::Groups { images: 2 },
        gallery: false,
        gallery_sides: GallerySides::Both,
        prefill: 0,
    };
    assert_eq!(head.needs(), needs);
    let mut rng = StdRng::seed_from_u64(9);
    let (embeddings, identities) = batch(&mut rng);
    step(&mut head, &embeddings, &identities, 0.1);
    let before = [host(head.rows()), host(head.momentum())];
    let rows = |rows, dim| EmbeddingBatch {
        probe: Tensor::ones([rows, dim], &device()),
        gallery: None,
        identities: (0..rows as u64).collect(),
    };
    let mut refused = |batch: EmbeddingBatch, order: VisitingOrder| {
        let error = head.step_in_order(batch, &order, &at(0.1)).unwrap_err();
        assert_eq!(
            [host(head.rows()), host(head.momentum())],
            before,
            "{error}"
        );
        error
    };
    let order = |identities: &[u64], conflicts: Option<&[u64]>| VisitingOrder {
        identities: identities.to_vec(),
        conflicts: conflicts.map(<[u64]>::to_vec),
    };
    let all: Vec<u64> = (0..8).collect();
    let error = refused(rows(8, DIM), order(&all, None));
    assert!(
        matches!(
            error,
            Error::TooFewVirtualRows {
                rows: 7,
                identities: 8
            }
        ),
        "{error}"
    );
    let error = refused(rows(2, DIM + 1), order(&[0, 1], None));
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
    for bad in [
        order(&[0], None),
        order(&[0, 1, 2], None),
        order(&[0, 2], None),
        order(&[0, 1, 1], None),
        order(&[0, 1], Some(&[1])),
    ] {
        let error = refused(rows(2, DIM), bad);
        assert!(matches!(error, Error::VisitingOrder { .. }), "{error}");
    }
}

#[test]
fn settings() {
    let published = VirtualHeadConfig::default();
    let VirtualHeadConfig {
        rows,
        images,
        scale,
        margin,
        ..
    } = published;
    assert_eq!((rows, images, scale, margin), (1000, 10, 32.0, 0.5));
    published.check(700).unwrap();
    let message = |config: VirtualHeadConfig| config.check(BATCH).unwrap_err().to_string();
    for (config, name) in [
        (
            VirtualHeadConfig {
                rows: 0,
                ..config()
            },
            "rows",
        ),
        (
            VirtualHeadConfig {
                images: 3,
                ..config()
            },
            "images",
        ),
        (
            VirtualHeadConfig {
                images: 0,
                ..config()
            },
            "images",
        ),
        (
            VirtualHeadConfig {
                scale: 0.0,
                ..config()
            },
            "scale",
        ),
        (
            VirtualHeadConfig {
                margin: 3.2,
                ..config()
            },
            "margin",
        ),
        (
            VirtualHeadConfig {
                loss_factor: -1.0,
                ..config()
            },
            "loss_factor",
        ),
        (
            VirtualHeadConfig {
                momentum: 1.0,
                ..config()
            },
            "momentum",
        ),
        (
            VirtualHeadConfig {
                weight_decay: f64::NAN,
                ..config()
            },
            "weight_decay",
        ),
        (
            VirtualHeadConfig {
                rows: 3,
                ..config()
            },
            "3 virtual rows cannot stand for the 4",
        ),
    ] {
        let message = message(config);
        assert!(message.starts_with(name), "{message}");
    }
    let read: VirtualHeadConfig = serde_json::from_str(r#"{"rows": 50}"#).unwrap();
    assert_eq!(
        read,
        VirtualHeadConfig {
            rows: 50,
            ..published
        }
    );
    assert!(serde_json::from_str::<VirtualHeadConfig>(r#"{"row": 50}"#).is_err());
}

/// A joint step is a step of the full layer on its identities and one of the shared rows on the others: losses add up.
#[test]
fn a_joint_step_is_both_steps() {
    let device = device();
    let set = context(DIM, BATCH, &device);
    let joint = JointConfig {
        identities: 10,
        margin: MarginConfig::Cosface { margin: 0.2 },
    };
    let shared = VirtualHeadConfig {
        loss_factor: 2.5,
        ..config()
    };
    let both = VirtualHeadConfig {
        joint: Some(joint.clone()),
        ..shared.clone()
    };
    let mut both = both.init(&set).unwrap();
    let mut shared = shared.init(&set).unwrap();
    let full = FullHeadConfig {
        scale: 8.0,
        margin: joint.margin,
        ..Default::default()
    };
    let few = HeadContext {
        identities: 10,
        ..set.clone()
    };
    let mut full = full.init(&few).unwrap();
    let mut rng = StdRng::seed_from_u64(8);
    let (mut whole_of_one, mut mixed) = (0, 0);
    for number in 0..12 {
        let (embeddings, mut identities) = batch(&mut rng);
        match number {
            // Of the full layer alone, and of none of its identities.
            0 => identities.iter_mut().for_each(|identity| *identity %= 10),
            1 => identities.iter_mut().for_each(|identity| *identity += 20),
            _ => {}
        }
        let found = step(&mut both, &embeddings, &identities, 0.02);
        let mut loss = 0.0;
        let mut gradient = vec![0.0; embeddings.len()];
        let mut parts = 0;
        for own in [true, false] {
            let rows: Vec<usize> = (0..BATCH)
                .filter(|&row| (identities[row] < 10) == own)
                .collect();
            if rows.is_empty() {
                continue;
            }
            parts += 1;
            let take = |row: &usize| embeddings[row * DIM..][..DIM].to_vec();
            let some: Vec<f32> = rows.iter().flat_map(take).collect();
            let labels: Vec<u64> = rows.iter().map(|&row| identities[row]).collect();
            let head: &mut dyn Head = if own { &mut full } else { &mut shared };
            let of_part = Stepped::new(&some, None, &labels, |batch| {
                head.step(batch.into(), &at(0.02))
            });
            loss += of_part.loss;
            for (row, slopes) in rows.iter().zip(of_part.gradient.chunks(DIM)) {
                gradient[row * DIM..][..DIM].copy_from_slice(slopes);
            }
        }
        let what = format!("step {number}");
        assert_close(&what, &[found.loss], &[loss], 1e-6);
        assert_close(&what, &found.gradient, &gradient, 1e-5);
        if parts == 1 {
            whole_of_one += 1
        } else {
            mixed += 1
        }
    }
    assert!(whole_of_one >= 2 && mixed >= 2);
    assert_eq!(host(both.rows()), host(shared.rows()));
    let weight = |head: &dyn Head| {
        let mut bytes = Vec::new();
        head.write_part("weight.f32", &mut bytes).unwrap();
        bytes
    };
    assert!(weight(&both) == weight(&full));

    // All of it is in its parts.
    let mut other = VirtualHeadConfig {
        joint: Some(joint.clone()),
        ..config()
    }
    .init(&set)
    .unwrap();
    hand_on(&both, &mut other);

    // Its running statistics would be no part of the state.
    let adaface = VirtualHeadConfig {
        joint: Some(JointConfig {
            margin: MarginConfig::Adaface {
                margin: 0.4,
                h: 0.333,
                t_alpha: 0.01,
            },
            ..joint.clone()
        }),
        ..config()
    };
    let error = adaface.check(BATCH).unwrap_err();
    assert!(error.to_string().contains("joint.margin"), "{error}");
    let far = VirtualHeadConfig {
        joint: Some(JointConfig {
            margin: MarginConfig::Cosface { margin: -1.0 },
            ..joint.clone()
        }),
        ..config()
    };
    let error = far.check(BATCH).unwrap_err();
    assert!(error.to_string().contains("joint.margin is -1"), "{error}");

    let all = VirtualHeadConfig {
        joint: Some(JointConfig {
            identities: 100,
            ..joint
        }),
        ..config()
    };
    let error = all.init(&set).unwrap_err();
    assert!(
        error.to_string().contains("joint.identities is 100"),
        "{error}"
    );
}
