//! A run folder as a training might leave it, by formulas.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use ffc_data::{Content, Dataset, SyntheticConfig};
use ffc_train::run::{
    BaselineMeasure, EvaluationMetrics, EvaluationScores, Facts, Metric, MetricsWriter, Mistake,
    Picture, Scores,
};
use image::{ImageFormat, RgbImage};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::support::named_metrics;

const STEPS: u64 = 24_000;
const LOG_EVERY: u64 = 20;
const EVALUATE_EVERY: u64 = 2_000;

/// Writes all files of a run but the report.
pub fn write(folder: &Path) {
    write_metrics(folder);
    scores().write(folder.join("scores.json")).unwrap();
    std::fs::write(folder.join("config.toml"), CONFIG).unwrap();
    let facts = Facts {
        identities: 20_000,
        images: 153_261,
        parameters: 1_234_567,
    };
    facts.write(folder.join("facts.json")).unwrap();
    let environment = BTreeMap::from([
        ("started", "2026-11-24 09:12 UTC"),
        ("backend", "flex"),
        ("commit", "4cccc66"),
        ("device", "cpu"),
        ("processor", "A processor"),
        ("threads", "2"),
        ("ffc", "0.1.0"),
        ("os", "Linux"),
    ]);
    let environment = serde_json::to_string(&environment).unwrap();
    std::fs::write(folder.join("environment.json"), environment).unwrap();
}

/// Noise between -1 and 1, more often small.
fn noise(rng: &mut StdRng) -> f64 {
    (0..3).map(|_| rng.random_range(-1.0..1.0)).sum::<f64>() / 3.0
}

fn write_metrics(folder: &Path) {
    let mut rng = StdRng::seed_from_u64(1);
    let mut writer = MetricsWriter::open(
        folder,
        0,
        &[],
        &["target_cosine", "fresh_share", "pool_fill", "evictions"],
    )
    .unwrap();
    evaluate(&mut writer, &mut rng, 0);
    for step in (LOG_EVERY..=STEPS).step_by(LOG_EVERY as usize) {
        let done = step as f64 / STEPS as f64;
        let learning_rate = match done {
            ..0.02 => 0.1 * done / 0.02,
            ..0.45 => 0.1,
            ..0.75 => 0.01,
            _ => 0.001,
        };
        let level = 3.0 + 34.0 * (-9.0 * done).exp() - if done > 0.45 { 1.1 } else { 0.0 };
        let values = [
            ("epoch", 19.0 * done),
            ("loss", level * (1.0 + 0.25 * noise(&mut rng))),
            ("learning_rate", learning_rate),
            (
                "gradient_norm",
                (2.0 + 20.0 * (-20.0 * done).exp()) * noise(&mut rng).exp(),
            ),
            (
                "target_cosine",
                0.72 * (1.0 - (-6.0 * done).exp()) + 0.05 * noise(&mut rng),
            ),
            (
                "fresh_share",
                (0.3 * (1.0 + (-10.0 * done).exp()) + 0.05 * noise(&mut rng)).min(1.0),
            ),
            ("pool_fill", (0.1 + 12.0 * done).min(1.0)),
            (
                "evictions",
                if done > 0.075 {
                    41.0 + 8.0 * noise(&mut rng)
                } else {
                    0.0
                },
            ),
            (
                "images_per_s",
                412.0 + 30.0 * noise(&mut rng) - if step % 2_000 == 20 { 250.0 } else { 0.0 },
            ),
            ("data_wait_share", 0.02 + 0.015 * noise(&mut rng).abs()),
            ("elapsed_s", step as f64 * 0.47),
        ]
        .map(|(name, value)| (name, Some(value)));
        let metrics = named_metrics(step, &values);
        writer.write(&Metric::Step(metrics)).unwrap();
        if step.is_multiple_of(EVALUATE_EVERY) {
            evaluate(&mut writer, &mut rng, step);
        }
    }
}

fn evaluate(writer: &mut MetricsWriter, rng: &mut StdRng, step: u64) {
    let done = step as f64 / STEPS as f64;
    for (name, network, measure, first, last, half) in [
        ("faces", "gallery", "accuracy", 0.612, 0.974, 0.006),
        ("faces", "probe", "accuracy", 0.612, 0.965, 0.007),
        ("profile", "gallery", "accuracy", 0.553, 0.921, 0.011),
        ("faces", "gallery", "TAR@FAR 1e-3", 0.041, 0.871, 0.02),
    ] {
        let learned = 1.0 - (-7.0 * done).exp();
        let value: f64 = first + (last - first) * learned + 0.004 * noise(rng);
        let half = half * (1.6 - 0.6 * done);
        let metrics = EvaluationMetrics {
            step,
            name: name.to_owned(),
            network: network.to_owned(),
            measure: measure.to_owned(),
            value,
            low: value - half,
            high: (value + half).min(1.0),
        };
        writer.write(&Metric::Evaluation(metrics)).unwrap();
    }
}

/// Scores of 3,000 pairs of either kind.
pub fn scores() -> Scores {
    let mut rng = StdRng::seed_from_u64(2);
    let mut scores = |centre: f64, width: f64| -> Vec<f32> {
        let scores = (0..3_000).map(|_| centre + width * noise(&mut rng));
        scores.map(|score| score.clamp(-1.0, 1.0) as f32).collect()
    };
    let evaluation = EvaluationScores {
        network: "gallery".to_owned(),
        same: scores(0.62, 0.6),
        different: scores(0.04, 0.5),
        roc: Vec::new(),
        threshold: Some(0.31),
        mistakes: mistakes(),
        baselines: vec![BaselineMeasure {
            name: "cosine of raw pixels".to_owned(),
            measure: "accuracy".to_owned(),
            value: 0.587,
            low: 0.574,
            high: 0.6,
        }],
    };
    Scores(BTreeMap::from([("faces".to_owned(), evaluation)]))
}

fn mistakes() -> Vec<Mistake> {
    let dataset = Dataset::synthetic(SyntheticConfig {
        identities: 40,
        size_px: 64,
        ..Default::default()
    })
    .unwrap();
    let picture = |identity: u64, number: u64| {
        let images = dataset.index().images_of(identity);
        let image = (images.start + number).min(images.end - 1);
        Picture {
            name: format!("identity_{identity:04}/{number:03}.jpg"),
            png: png(&dataset, image),
        }
    };
    (0..20)
        .map(|number| Mistake {
            score: if number < 8 {
                0.02 + 0.03 * number as f32
            } else {
                0.7 - 0.02 * number as f32
            },
            same: number < 8,
            left: picture(number, 0),
            right: if number < 8 {
                picture(number, 1)
            } else {
                picture(number + 15, 0)
            },
        })
        .collect()
}

fn png(dataset: &Dataset, image: u64) -> Vec<u8> {
    let mut buffer = Vec::new();
    let Content::Rgb { height, width, .. } = dataset.read(image, &mut buffer).unwrap() else {
        panic!("drawn pictures are bytes")
    };
    let picture = RgbImage::from_raw(width as u32, height as u32, buffer).unwrap();
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

const CONFIG: &str = r#"# Resolved configuration: every setting, defaults too.
seed = 0

[data]
source = { kind = "synthetic", identities = 20000, size_px = 112 }

[backbone]
network = "iresnet"
depth = 18
embedding = 512
channels = 3
height_px = 112
width_px = 112

[head]
kind = "ffc"
pool = 3000
margin = { kind = "arcface", margin = 0.5 }
scale = 32.0

[optimizer]
learning_rate = 0.1
momentum = 0.9
weight_decay = 1e-4
"#;
