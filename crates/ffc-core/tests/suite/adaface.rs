//! AdaFace in the heads that take margins.

use ffc_core::margin::MarginConfig;
use ffc_core::{
    DualEmbeddings, EmbeddingBatch, FfcHeadConfig, FullHeadConfig, Head, HeadContext,
    PartialHeadConfig, StepContext,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::class_weights::{
    BATCH, CLASSES, DIM, LR, Oracle, assert_step, context, full, part, record, replay, replay_full,
    set,
};
use crate::naive;
use crate::recorded::Recorded;
use crate::support::{assert_close, device, host, matrix, random_identities, random_rows};

const ADAFACE: MarginConfig = MarginConfig::Adaface {
    margin: 0.4,
    h: 0.333,
    t_alpha: 0.5,
};

/// Embeddings of lengths from 1 to beyond what AdaFace takes.
fn embeddings(rng: &mut StdRng) -> Vec<f32> {
    let mut embeddings = random_rows(rng, BATCH, DIM);
    for (row, scale) in embeddings
        .chunks_mut(DIM)
        .zip([1.0, 10.0, 30.0, 60.0, 90.0, 300.0])
    {
        row.iter_mut().for_each(|value| *value *= scale);
    }
    embeddings
}

#[test]
fn official_states() {
    for file in Recorded::official("adaface", 3) {
        let number = |key| file.number(key) as f32;
        let margin = MarginConfig::Adaface {
            margin: number("margin_value"),
            h: number("h"),
            t_alpha: number("t_alpha"),
        };
        replay_full(&file, margin);
    }
}

#[test]
fn own_states() {
    replay(&Recorded::own("adaface"), &mut full(ADAFACE), Some(1e-4));
}

/// Run by hand: `cargo test --workspace --test suite -- adaface::write_golden --ignored`
#[test]
#[ignore = "writes a file"]
fn write_golden() {
    let mut rng = StdRng::seed_from_u64(100);
    let weight = naive::rows(&random_rows(&mut rng, CLASSES, DIM), DIM);
    let all: Vec<u64> = (0..CLASSES as u64).collect();
    let steps = (0..5).map(|_| {
        let labels = random_identities(&mut rng, BATCH, CLASSES as u64);
        (embeddings(&mut rng), labels, all.clone())
    });
    let steps = steps.collect();
    record("adaface", Oracle::new(weight, ADAFACE), steps);
}

#[test]
fn random_cases_equal_the_oracle() {
    let all: Vec<u64> = (0..CLASSES as u64).collect();
    let mut rng = StdRng::seed_from_u64(1);
    let mut head = full(ADAFACE);
    let mut oracle = Oracle::new(naive::rows(&part(&head, "weight.f32"), DIM), ADAFACE);
    for number in 0..6 {
        let embeddings = embeddings(&mut rng);
        let labels = random_identities(&mut rng, BATCH, CLASSES as u64);
        let what = format!("step {number}");
        let batch = (embeddings, labels, all.clone());
        assert_step(&what, &mut head, &mut oracle, &batch);
        let lengths = oracle.lengths.map(|value| value as f32);
        assert_close(&what, &part(&head, "margin.f32"), &lengths, 1e-5);
    }
}

/// The running statistics are a part of every head's state, with this margin alone.
#[test]
fn its_statistics_are_a_part() {
    let device = device();
    let context = HeadContext {
        identities: 100,
        ..context(&device)
    };
    let heads = |margin: MarginConfig| -> [Box<dyn Head>; 3] {
        let ffc = FfcHeadConfig {
            pool: 20,
            margin,
            ..Default::default()
        };
        let full = FullHeadConfig {
            margin,
            ..Default::default()
        };
        let partial = PartialHeadConfig {
            margin,
            ..Default::default()
        };
        [
            Box::new(ffc.init(&context).unwrap()),
            Box::new(full.init(&context).unwrap()),
            Box::new(partial.init(&context).unwrap()),
        ]
    };
    for head in heads(ADAFACE) {
        assert!(head.parts().contains(&"margin.f32"));
        let mut bytes = Vec::new();
        head.write_part("margin.f32", &mut bytes).unwrap();
        assert_eq!(bytes.len(), 8);
    }
    for mut head in heads(MarginConfig::Cosface { margin: 0.4 }) {
        assert!(!head.parts().contains(&"margin.f32"));
        assert!(head.write_part("margin.f32", &mut Vec::new()).is_err());
        assert!(head.read_part("margin.f32", &mut &[0; 8][..]).is_err());
    }
}

/// FFC's rows get their margins by their own lengths: at a cosine of 0.8 a longer row has the lower target. Other margins do not see it.
#[test]
fn ffc_rows_have_margins_by_their_lengths() {
    let device = device();
    let loss = |length: f32, margin: MarginConfig| {
        let config = FfcHeadConfig {
            pool: 20,
            margin,
            ..Default::default()
        };
        let mut head = config.init(&context(&device)).unwrap();
        if head.parts().contains(&"margin.f32") {
            set(&mut head, "margin.f32", &[20.0, 30.0]);
        }
        let side = || EmbeddingBatch {
            probe: matrix(&[length, 0.0, 0.0, 0.0, 0.0, 0.0, length, 0.0, 0.0, 0.0], 2),
            gallery: Some(matrix(
                &[0.8, 0.0, 0.6, 0.0, 0.0, 0.0, 0.8, 0.6, 0.0, 0.0],
                2,
            )),
            identities: vec![7, 8],
        };
        let context = StepContext {
            step: 0,
            learning_rate: LR,
        };
        let (x, y) = (side(), side());
        let output = Head::step(&mut head, DualEmbeddings { x, y }.into(), &context).unwrap();
        host(output.loss)[0]
    };
    let still = MarginConfig::Adaface {
        margin: 0.4,
        h: 0.333,
        t_alpha: 0.0,
    };
    // k of a length: the margin by hand against one other centre, of cosine 0.36 with the row's own; rows are at right angles to it.
    let expected = |length: f64| {
        let k = 0.333 * (length - 20.0) / (30.0 + 1e-3);
        let target = (0.8f64.acos() - 0.4 * k).cos() - (0.4 + 0.4 * k);
        // Two passes and two layers with the same centres.
        4.0 * naive::cross_entropy(32.0 * target, [0.0])
    };
    for length in [10.0, 20.0, 60.0, 90.0] {
        let found = loss(length, still);
        assert_close(
            "loss",
            &[found],
            &[expected(f64::from(length)) as f32],
            1e-3,
        );
    }
    assert!(loss(90.0, still) > 1.5 * loss(10.0, still));
    let cosface = MarginConfig::Cosface { margin: 0.4 };
    assert_close("loss", &[loss(90.0, cosface)], &[loss(10.0, cosface)], 1e-5);
}
