//! What the tests share.

use burn::tensor::{DType, Device, Tensor, TensorData};
use ffc_core::margin::{ArcFace, CosFace, NoMargin, SvMargin};
use ffc_core::{ClassPool, FfcConfig, FfcHead, Head, HeadOutput, Quantity};
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
