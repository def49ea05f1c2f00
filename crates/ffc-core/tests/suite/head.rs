//! What a training asks of a head, and the streams of its parts.

use burn::tensor::Tensor;
use ffc_core::margin::MarginConfig;
use ffc_core::{
    BatchForm, DualEmbeddings, EmbeddingBatch, Error, FfcHead, FfcHeadConfig, GallerySides, Head,
    HeadContext, HeadInput, Needs, PairsHeadConfig, Quantity, QueueHeadConfig, StepContext,
    TripletHeadConfig, VirtualHeadConfig, part,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::{context, device, host, matrix, random_rows};

const FIRST: StepContext = StepContext {
    step: 0,
    learning_rate: 0.1,
};

fn config() -> FfcHeadConfig {
    FfcHeadConfig {
        pool: 12,
        prefill: 0.5,
        ..Default::default()
    }
}

fn head() -> FfcHead {
    let context = HeadContext {
        identities: 10,
        dim: 4,
        batch: 2,
        seed: 0,
        device: &device(),
        ranks: None,
    };
    config().init(&context).unwrap()
}

fn side(seed: u64) -> EmbeddingBatch {
    let mut rng = StdRng::seed_from_u64(seed);
    EmbeddingBatch {
        probe: matrix(&random_rows(&mut rng, 3, 4), 3),
        gallery: Some(matrix(&random_rows(&mut rng, 3, 4), 3)),
        identities: vec![1, 2, 3 + seed],
    }
}

fn input(seed: u64) -> HeadInput {
    let (x, y) = (side(seed), side(seed + 1));
    DualEmbeddings { x, y }.into()
}

#[test]
fn says_what_it_needs_and_reports_what_it_names() {
    let mut head = head();
    let needs = Needs {
        batch: BatchForm::Dual,
        gallery: true,
        gallery_sides: GallerySides::Both,
        prefill: 5,
    };
    assert_eq!(head.needs(), needs);
    let output = Head::step(&mut head, input(0), &FIRST).unwrap();
    assert_eq!(output.quantities.len(), head.quantities().len());
    let named: Vec<_> = head.quantities().iter().zip(output.quantities).collect();
    assert!(matches!(named[0], (&"fresh_share", Quantity::Host(share)) if share > 0.0));
    assert!(matches!(named[3], (&"target_cosine", Quantity::Device(_))));
}

#[test]
fn another_batch_or_no_gallery_is_refused_and_changes_nothing() {
    let mut head = head();
    let error = Head::step(&mut head, side(0).into(), &FIRST).unwrap_err();
    assert!(matches!(error, Error::BatchForm { .. }), "{error}");
    let (x, y) = (
        side(0),
        EmbeddingBatch {
            gallery: None,
            ..side(1)
        },
    );
    let error = Head::step(&mut head, DualEmbeddings { x, y }.into(), &FIRST).unwrap_err();
    assert!(error.to_string().contains("side y"), "{error}");
    assert!(head.pool().slots().is_empty());
}

#[test]
fn its_parts_restore_it() {
    let mut first = head();
    Head::step(&mut first, input(0), &FIRST).unwrap();
    let mut second = head();
    for part in first.parts() {
        let mut bytes = Vec::new();
        first.write_part(part, &mut bytes).unwrap();
        second.read_part(part, &mut &bytes[..]).unwrap();
        let damaged = second.read_part(part, &mut &bytes[..bytes.len() / 2]);
        assert!(damaged.is_err());
    }
    let [a, b] = [&mut first, &mut second].map(|head| {
        let output = Head::step(head, input(7), &FIRST).unwrap();
        host(output.loss)
    });
    assert_eq!(a, b);
    for error in [
        first.write_part("other", &mut Vec::new()).unwrap_err(),
        first.read_part("other", &mut std::io::empty()).unwrap_err(),
    ] {
        assert!(error.to_string().contains("other"), "{error}");
    }
}

#[test]
fn heads_without_sides_refuse_a_dual_batch() {
    let device = device();
    let context = context(4, 4, &device);
    let queue = QueueHeadConfig {
        queue: 8,
        ..Default::default()
    };
    let groups = VirtualHeadConfig {
        images: 2,
        ..Default::default()
    };
    let triplets = TripletHeadConfig {
        images: 2,
        ..Default::default()
    };
    let heads: [Box<dyn Head>; 4] = [
        Box::new(queue.init(&context).unwrap()),
        Box::new(groups.init(&context).unwrap()),
        Box::new(triplets.init(&context).unwrap()),
        Box::new(PairsHeadConfig::default().init(&context).unwrap()),
    ];
    for mut head in heads {
        let error = head.step(input(0), &FIRST).unwrap_err();
        assert!(matches!(error, Error::BatchForm { .. }), "{error}");
    }
}

/// A matrix larger than what is held at once comes back to the last bit; one of another size is refused.
#[test]
fn a_matrix_is_streamed() {
    let rows = 1_300;
    let columns = 2_048;
    let values: Vec<f32> = (0..rows * columns).map(|at| at as f32 * 0.37).collect();
    let written = matrix(&values, rows);
    let mut bytes = Vec::new();
    part::write_matrix("weights", &written, &mut bytes).unwrap();
    assert_eq!(bytes.len(), rows * columns * 4);
    assert_eq!(bytes[4..8], 0.37f32.to_le_bytes());

    let mut read = Tensor::zeros([rows, columns], &device());
    part::read_matrix("weights", &mut read, &mut &bytes[..]).unwrap();
    assert!(host(read.clone()) == values);
    for bad in [&bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat()] {
        let error = part::read_matrix("weights", &mut read, &mut &bad[..]).unwrap_err();
        assert!(matches!(error, Error::Part { .. }), "{error}");
    }
}

#[test]
fn settings_outside_their_range() {
    let with = |change: fn(&mut FfcHeadConfig)| {
        let mut config = config();
        change(&mut config);
        config.check(2)
    };
    assert!(with(|_| {}).is_ok());
    for (change, name) in [
        (
            (|config| config.scale = 0.0) as fn(&mut FfcHeadConfig),
            "scale",
        ),
        (|config| config.chunk = 0, "chunk"),
        (|config| config.prefill = 1.5, "prefill"),
        (|config| config.hard_negatives = Some(0), "hard_negatives"),
        (|config| config.pool = 2, "2 slots"),
        (
            |config| config.margin = MarginConfig::Cosface { margin: -1.0 },
            "margin",
        ),
    ] {
        let message = with(change).unwrap_err().to_string();
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn rows_that_no_memory_holds_are_refused() {
    let device = device();
    let context = HeadContext {
        identities: 10,
        dim: 1 << 12,
        batch: 2,
        seed: 0,
        device: &device,
        ranks: None,
    };
    // More than a tensor can have, so that devices that do not tell their memory refuse them too.
    let many = 1 << 42;
    let queue = QueueHeadConfig {
        queue: many,
        ..Default::default()
    };
    let rows = VirtualHeadConfig {
        rows: many,
        images: 1,
        ..Default::default()
    };
    let pool = FfcHeadConfig {
        pool: many,
        ..config()
    };
    for (error, what) in [
        (queue.init(&context).unwrap_err(), "smaller `queue`"),
        (rows.init(&context).unwrap_err(), "fewer `rows`"),
        (pool.init(&context).unwrap_err(), "smaller pool"),
    ] {
        assert!(matches!(error, Error::Memory { .. }), "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
}
