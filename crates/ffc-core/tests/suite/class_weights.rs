//! Heads with trained class weights, full and partial, with any margin: against recorded runs of the official codes and against a naive
//! oracle.

use burn::tensor::Device;
use ffc_core::margin::MarginConfig;
use ffc_core::{
    EmbeddingBatch, FullHead, FullHeadConfig, Head, HeadContext, HeadOutput, PartialHead,
    PartialHeadConfig, PartialUpdate, Result, StepContext,
};

use crate::naive::{self, cross_entropy, dot, unit};
use crate::recorded::{Recorded, Recorder};
use crate::support::{Stepped, assert_close, bytes, device};

pub const DIM: usize = 5;
pub const CLASSES: usize = 30;
pub const BATCH: usize = 6;
pub const LR: f64 = 0.05;
pub const SCALE: f32 = 16.0;

/// A full or a partial head, which a test gives the classes of a step.
pub trait ClassWeights: Head {
    fn step_of(
        &mut self,
        batch: EmbeddingBatch,
        classes: &[u64],
        context: &StepContext,
    ) -> Result<HeadOutput>;
}

impl ClassWeights for FullHead {
    fn step_of(
        &mut self,
        batch: EmbeddingBatch,
        _: &[u64],
        context: &StepContext,
    ) -> Result<HeadOutput> {
        self.step(batch.into(), context)
    }
}

impl ClassWeights for PartialHead {
    fn step_of(
        &mut self,
        batch: EmbeddingBatch,
        classes: &[u64],
        context: &StepContext,
    ) -> Result<HeadOutput> {
        self.step_with(batch, classes, context)
    }
}

pub fn context(device: &Device) -> HeadContext<'_> {
    HeadContext {
        identities: CLASSES as u64,
        dim: DIM,
        batch: BATCH,
        seed: 3,
        device,
        ranks: None,
    }
}

pub fn full(margin: MarginConfig) -> FullHead {
    let config = FullHeadConfig {
        scale: SCALE,
        margin,
        chunk: 7,
        ..Default::default()
    };
    config.init(&context(&device())).unwrap()
}

pub fn partial_config(margin: MarginConfig, update: PartialUpdate) -> PartialHeadConfig {
    PartialHeadConfig {
        sample_rate: 0.4,
        scale: SCALE,
        margin,
        update,
        chunk: 5,
        ..Default::default()
    }
}

/// A part of a head as numbers.
pub fn part(head: &impl Head, name: &str) -> Vec<f32> {
    let mut bytes = Vec::new();
    head.write_part(name, &mut bytes).unwrap();
    let numbers = bytes.as_chunks().0.iter();
    numbers.map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

pub fn set(head: &mut impl Head, name: &str, values: &[f32]) {
    head.read_part(name, &mut &bytes(values)[..]).unwrap();
}

pub fn step(
    head: &mut impl ClassWeights,
    embeddings: &[f32],
    labels: &[u64],
    classes: &[u64],
    learning_rate: f64,
) -> Stepped {
    let context = StepContext {
        step: 0,
        learning_rate,
    };
    Stepped::new(embeddings, None, labels, |batch| {
        head.step_of(batch, classes, &context)
    })
}

/// Class weights in plain loops, with slopes by hand: those of margins are not always those of their values.
pub struct Oracle {
    pub weight: Vec<Vec<f64>>,
    pub momentum: Vec<Vec<f64>>,
    pub margin: MarginConfig,
    pub scale: f64,
    pub momentum_share: f64,
    pub decay: f64,
    /// Whether classes that take no part decay.
    pub dense: bool,
    /// A row's loss counts no more.
    pub most: f64,
    /// AdaFace's mean and deviation of lengths.
    pub lengths: [f64; 2],
}

pub struct OracleStep {
    pub loss: f64,
    pub gradient: Vec<Vec<f64>>,
}

impl Oracle {
    pub fn new(weight: Vec<Vec<f64>>, margin: MarginConfig) -> Self {
        Self {
            momentum: vec![vec![0.0; weight[0].len()]; weight.len()],
            weight,
            margin,
            scale: f64::from(SCALE),
            momentum_share: 0.9,
            decay: 5e-4,
            dense: false,
            most: f64::INFINITY,
            lengths: [20.0, 100.0],
        }
    }

    /// The target's cosine after the margin, and its slope.
    fn target(&self, cosine: f64, length: f64) -> (f64, f64) {
        let exact = |m: f64| {
            let angle = cosine.clamp(-1.0, 1.0).acos();
            ((angle + m).cos(), (angle + m).sin() / angle.sin())
        };
        match self.margin {
            MarginConfig::None => (cosine, 1.0),
            MarginConfig::Cosface { margin } => (cosine - f64::from(margin), 1.0),
            MarginConfig::Arcface { margin, form } => {
                let m = f64::from(margin);
                match serde_json::to_value(form).unwrap().as_str().unwrap() {
                    "exact" => exact(m),
                    "straight_through" => (exact(m).0, 1.0),
                    "fallback" if cosine.acos() + m < std::f64::consts::PI => exact(m),
                    "fallback" => (cosine - m * m.sin(), 1.0),
                    other => panic!("{other}"),
                }
            }
            MarginConfig::Adaface { margin, h, .. } => {
                let [mean, deviation] = self.lengths;
                let k = f64::from(h) * (length.clamp(1e-3, 100.0) - mean) / (deviation + 1e-3);
                let (m, k) = (f64::from(margin), k.clamp(-1.0, 1.0));
                let theta = cosine.clamp(-0.999, 0.999).acos();
                let moved = theta - m * k;
                let free =
                    cosine.abs() < 0.999 && (1e-3..std::f64::consts::PI - 1e-3).contains(&moved);
                let angle = moved.clamp(1e-3, std::f64::consts::PI - 1e-3);
                let slope = if free { angle.sin() / theta.sin() } else { 0.0 };
                (angle.cos() - (m + m * k), slope)
            }
            other => panic!("{other:?}"),
        }
    }

    fn observe(&mut self, embeddings: &[Vec<f64>]) {
        if let MarginConfig::Adaface { t_alpha, .. } = self.margin {
            let lengths: Vec<f64> = embeddings
                .iter()
                .map(|row| dot(row, row).sqrt().clamp(1e-3, 100.0))
                .collect();
            let count = lengths.len() as f64;
            let mean = lengths.iter().sum::<f64>() / count;
            let variance = lengths
                .iter()
                .map(|length| (length - mean).powi(2))
                .sum::<f64>();
            let new = [mean, (variance / (count - 1.0)).sqrt()];
            let share = f64::from(t_alpha);
            for (old, new) in self.lengths.iter_mut().zip(new) {
                *old = share * new + (1.0 - share) * *old;
            }
        }
    }

    pub fn step(
        &mut self,
        embeddings: &[Vec<f64>],
        labels: &[u64],
        classes: &[u64],
        lr: f64,
    ) -> OracleStep {
        self.observe(embeddings);
        let dim = embeddings[0].len();
        let count = embeddings.len() as f64;
        let classes: Vec<usize> = classes.iter().map(|&class| class as usize).collect();
        let units: Vec<Vec<f64>> = self.weight.iter().map(|row| unit(row)).collect();
        let mut loss = 0.0;
        let mut gradient = vec![vec![0.0; dim]; embeddings.len()];
        let mut by_units = vec![vec![0.0; dim]; self.weight.len()];
        for (row, (embedding, &label)) in embeddings.iter().zip(labels).enumerate() {
            let label = label as usize;
            let length = dot(embedding, embedding).sqrt();
            let u = unit(embedding);
            let cosine = |class: usize| dot(&u, &units[class]);
            let (target, slope) = self.target(cosine(label), length);
            let logit = |class: usize| {
                self.scale
                    * if class == label {
                        target
                    } else {
                        cosine(class)
                    }
            };
            let others = classes.iter().filter(|&&class| class != label);
            let value = cross_entropy(logit(label), others.map(|&class| logit(class)));
            loss += value.min(self.most) / count;
            let mut by_u = vec![0.0; dim];
            for &class in &classes {
                // Probability less one-hot, times the slope.
                let share = (-cross_entropy(
                    logit(class),
                    classes.iter().filter(|&&c| c != class).map(|&c| logit(c)),
                ))
                .exp();
                let pull = match class == label {
                    true => (share - 1.0) * slope,
                    false => share,
                } * self.scale
                    / count;
                for at in 0..dim {
                    by_u[at] += pull * units[class][at];
                    by_units[class][at] += pull * u[at];
                }
            }
            gradient[row] = raw(&by_u, &u, length);
        }
        for class in 0..self.weight.len() {
            let takes_part = classes.contains(&class);
            if !takes_part && !self.dense {
                continue;
            }
            let length = dot(&self.weight[class], &self.weight[class]).sqrt();
            let slopes = raw(&by_units[class], &units[class], length);
            let numbers = self.weight[class].iter_mut();
            let numbers = numbers.zip(&mut self.momentum[class]).zip(slopes);
            for ((weight, momentum), slope) in numbers {
                *momentum = self.momentum_share * *momentum + slope + self.decay * *weight;
                *weight -= lr * *momentum;
            }
        }
        OracleStep { loss, gradient }
    }
}

/// The gradient by a row from that by its unit row.
fn raw(gradient: &[f64], unit: &[f64], length: f64) -> Vec<f64> {
    let radial = dot(gradient, unit);
    let raw = gradient.iter().zip(unit);
    raw.map(|(slope, unit)| (slope - radial * unit) / length)
        .collect()
}

pub const PARTS: [(&str, &str); 2] = [("weight.f32", "weight"), ("momentum.f32", "momentum")];

/// Replays a recorded run. `free` is the tolerance of gradients and states of a run from the initial state; without it each step starts
/// from the recorded state.
pub fn replay(file: &Recorded, head: &mut impl ClassWeights, free: Option<f32>) {
    set(head, "weight.f32", &file.floats("init.weight"));
    for number in 0..file.number("steps") as usize {
        let name = |what: &str| format!("step{number:02}.{what}");
        let labels = file.integers(&name("labels"));
        let classes = match file.has(&name("sampled")) {
            true => file.integers(&name("sampled")),
            false => Vec::new(),
        };
        let embeddings = file.floats(&name("embeddings"));
        let found = step(head, &embeddings, &labels, &classes, file.number("lr"));
        let tolerance = free.unwrap_or(1e-4);
        file.check(&name("loss"), &[found.loss], 1e-5);
        file.check(&name("grad_embeddings"), &found.gradient, tolerance);
        for (part_name, state) in PARTS {
            file.check(&name(state), &part(head, part_name), tolerance);
            if free.is_none() {
                set(head, part_name, &file.floats(&name(state)));
            }
        }
        if file.has(&name("batch_mean")) {
            let lengths = ["batch_mean", "batch_std"].map(|what| file.floats(&name(what))[0]);
            assert_close("lengths", &part(head, "margin.f32"), &lengths, 1e-5);
        }
    }
}

/// Writes a run of the oracle.
pub fn record(file_name: &str, mut oracle: Oracle, steps: Vec<(Vec<f32>, Vec<u64>, Vec<u64>)>) {
    let mut file = Recorder::default();
    file.number("steps", steps.len() as f64);
    file.number("lr", LR);
    file.floats("init.weight", oracle.weight.concat());
    for (number, (embeddings, labels, classes)) in steps.into_iter().enumerate() {
        let name = |what: &str| format!("step{number:02}.{what}");
        let embeddings = naive::rows(&embeddings, DIM);
        let found = oracle.step(&embeddings, &labels, &classes, LR);
        file.floats(&name("embeddings"), embeddings.concat());
        file.integers(&name("labels"), &labels);
        file.integers(&name("sampled"), &classes);
        file.floats(&name("loss"), [found.loss]);
        file.floats(&name("grad_embeddings"), found.gradient.concat());
        file.floats(&name("weight"), oracle.weight.concat());
        file.floats(&name("momentum"), oracle.momentum.concat());
        if let MarginConfig::Adaface { .. } = oracle.margin {
            file.floats(&name("batch_mean"), [oracle.lengths[0]]);
            file.floats(&name("batch_std"), [oracle.lengths[1]]);
        }
    }
    file.write(file_name);
}

/// What a recorded run was made for.
pub fn recorded_context<'a>(file: &Recorded, device: &'a Device) -> HeadContext<'a> {
    HeadContext {
        identities: file.number("classes") as u64,
        dim: file.number("embedding") as usize,
        batch: file.number("batch") as usize,
        seed: 0,
        device,
        ranks: None,
    }
}

/// Replays recorded runs of a full layer, freely and step by step.
pub fn replay_full(file: &Recorded, margin: MarginConfig) {
    let config = FullHeadConfig {
        scale: file.number("scale") as f32,
        margin,
        momentum: file.number("momentum"),
        weight_decay: file.number("weight_decay"),
        chunk: 64,
        keep_bytes: 1 << 13,
        sharded: false,
        ..Default::default()
    };
    let device = device();
    for free in [Some(1e-3), None] {
        let mut head = config.init(&recorded_context(file, &device)).unwrap();
        replay(file, &mut head, free);
    }
}

/// A step of a head is one of the oracle.
pub fn assert_step(
    what: &str,
    head: &mut impl ClassWeights,
    oracle: &mut Oracle,
    (embeddings, labels, classes): &(Vec<f32>, Vec<u64>, Vec<u64>),
) -> Stepped {
    let expected = oracle.step(&naive::rows(embeddings, DIM), labels, classes, LR);
    let found = step(head, embeddings, labels, classes, LR);
    assert_close(what, &[found.loss], &[expected.loss as f32], 1e-5);
    assert_close(
        what,
        &found.gradient,
        &naive::flat(&expected.gradient),
        1e-4,
    );
    for (name, state) in [
        ("weight.f32", &oracle.weight),
        ("momentum.f32", &oracle.momentum),
    ] {
        assert_close(what, &part(head, name), &naive::flat(state), 1e-4);
    }
    found
}
