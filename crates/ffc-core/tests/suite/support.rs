//! What the tests share.

use burn::tensor::{DType, Device, Tensor, TensorData};
use ffc_core::margin::{ArcFace, CosFace, NoMargin, SvMargin};
use ffc_core::{
    ClassPool, EmbeddingBatch, FfcConfig, FfcHead, Head, HeadContext, HeadOutput, Quantity,
    StepContext,
};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

pub fn device() -> Device {
    match std::env::var_os("BURN_DEVICE") {
        Some(_) => Device::default(),
        None => Device::flex(),
    }
}

pub fn matrix(values: &[f32], rows: usize) -> Tensor<2> {
    matrix_on(values, rows, &device())
}

pub fn matrix_on(values: &[f32], rows: usize, device: &Device) -> Tensor<2> {
    let data = TensorData::new(values.to_vec(), [rows, values.len() / rows]);
    Tensor::from_data(data, device)
}

pub fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.inner().cast(DType::F32).try_into_vec_as().unwrap()
}

/// `rows` random vectors, none of unit length.
pub fn random_rows(rng: &mut StdRng, rows: usize, dim: usize) -> Vec<f32> {
    (0..rows * dim)
        .map(|_| rng.random_range(-1.0..1.0))
        .collect()
}

pub fn random_identities(rng: &mut StdRng, rows: usize, identities: u64) -> Vec<u64> {
    (0..rows).map(|_| rng.next_u64() % identities).collect()
}

/// The largest difference, by the largest magnitude in `expected`.
pub fn relative_error(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = |values: &mut dyn Iterator<Item = f32>| {
        values.fold(
            0.0,
            |a: f32, b| if b.is_nan() { f32::NAN } else { a.max(b.abs()) },
        )
    };
    let difference = largest(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    difference / largest(&mut expected.iter().copied()).max(1e-6)
}

#[track_caller]
pub fn assert_close(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    let error = relative_error(found, expected);
    // Written so that NaN fails.
    assert!(
        error <= tolerance,
        "{what}: relative error {error} > {tolerance}"
    );
}

/// A context of 100 identities.
pub fn context(dim: usize, batch: usize, device: &Device) -> HeadContext<'_> {
    HeadContext {
        identities: 100,
        dim,
        batch,
        seed: 3,
        device,
        ranks: None,
    }
}

/// Some step.
pub fn at(learning_rate: f64) -> StepContext {
    StepContext {
        step: 0,
        learning_rate,
    }
}

/// What came out of a step of a head that takes a batch without sides.
pub struct Stepped {
    pub loss: f32,
    /// By the probe embeddings.
    pub gradient: Vec<f32>,
    pub output: HeadOutput,
}

impl Stepped {
    /// Makes the step by `make`, whose batch holds embeddings that take a gradient.
    pub fn new(
        probe: &[f32],
        gallery: Option<&[f32]>,
        identities: &[u64],
        make: impl FnOnce(EmbeddingBatch) -> ffc_core::Result<HeadOutput>,
    ) -> Self {
        let rows = identities.len();
        let probe = matrix_on(probe, rows, &device().autodiff()).require_grad();
        let batch = EmbeddingBatch {
            probe: probe.clone(),
            gallery: gallery.map(|gallery| matrix(gallery, rows)),
            identities: identities.to_vec(),
        };
        let output = make(batch).unwrap();
        Self {
            loss: host(output.loss.clone())[0],
            gradient: host(probe.grad(&output.loss.backward()).unwrap()),
            output,
        }
    }
}

/// Writes the head's parts and reads them into another. Of each part a byte less and a byte more are refused.
pub fn hand_on(from: &impl Head, to: &mut impl Head) {
    for part in from.parts() {
        let mut bytes = Vec::new();
        from.write_part(part, &mut bytes).unwrap();
        to.read_part(part, &mut &bytes[..]).unwrap();
        for damaged in [&bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat()] {
            let error = to.read_part(part, &mut &damaged[..]).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }
    assert!(from.write_part("other", &mut Vec::new()).is_err());
    assert!(to.read_part("other", &mut std::io::empty()).is_err());
}

/// Little-endian, as in the parts of a head.
pub fn bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// What a step reports under a name.
#[track_caller]
pub fn quantity(head: &impl Head, output: &HeadOutput, name: &str) -> f64 {
    let at = head.quantities().iter().position(|&known| known == name);
    match &output.quantities[at.unwrap()] {
        Quantity::Host(value) => *value,
        Quantity::Device(value) => f64::from(host(value.clone())[0]),
        Quantity::Missing => panic!("{name} is missing"),
    }
}

/// The margins by name, for the crate and the oracle alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MarginKind {
    None,
    Am(f32),
    Arc(f32),
    Sv(f32),
}

impl MarginKind {
    pub fn head(self, pool: ClassPool, config: FfcConfig) -> FfcHead {
        match self {
            Self::None => FfcHead::new(pool, NoMargin, config),
            Self::Am(m) => FfcHead::new(pool, CosFace::new(m).unwrap(), config),
            Self::Arc(m) => FfcHead::new(pool, ArcFace::new(m).unwrap(), config),
            Self::Sv(m) => FfcHead::new(pool, SvMargin::new(m).unwrap(), config),
        }
        .unwrap()
    }
}
