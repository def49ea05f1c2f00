//! Against the references, run in PyTorch: counts, embeddings in both modes and the gradient of the first convolution.
//!
//! Four states: `../shared/golden/backbones` beside the checkout, recorded in single precision; its first values in `../golden` here, for
//! a checkout without it, where `FFC_REQUIRE_SHARED` is not set; `../golden/networks.json`, the same of further networks; and
//! `../golden/double.json`, the training mode in double precision.
//!
//! Norms over four pictures make these networks sensitive: PyTorch itself, in single precision, is up to some percent away from its
//! gradients in double precision. So the training mode is compared twice: in double precision on small pictures, where it must agree to
//! nine digits, and in single precision at full size, where it must be about as near to the exact values as PyTorch is.

use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Gradients, Tensor, TensorData};
use ffc_model::network::*;
use ffc_model::{Backbone, BackboneConfig, NormMode};
use serde_json::Value;

use crate::support::{device, fill_by_formula, iresnet, pictures, shared};

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn full() -> Option<PathBuf> {
    shared("golden/backbones/eval_train.json")
}

fn reduced() -> PathBuf {
    folder().join("tests/golden/eval_train.json")
}

fn entries(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn recorded(path: &Path, network: &str) -> Value {
    let mut entries = entries(path).into_iter();
    entries.find(|entry| entry["net"] == network).unwrap()
}

/// The training mode in double precision, for pictures of `size` pixels.
fn exact(network: &str, size: usize) -> Training {
    let mut entries = entries(&folder().join("tests/golden/double.json")).into_iter();
    let entry = entries.find(|entry| entry["net"] == network && entry["size"] == size);
    Training::recorded(&entry.unwrap())
}

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().unwrap().iter();
    numbers.map(|number| number.as_f64().unwrap()).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(numbers).collect()
}

fn doubles<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert::<f64>().try_to_vec().unwrap()
}

fn matrix(tensor: Tensor<2>) -> Vec<Vec<f64>> {
    let width = tensor.dims()[1];
    doubles(tensor).chunks(width).map(<[f64]>::to_vec).collect()
}

/// Length of the difference over length of the expected, over as many values as both have.
fn error(found: &[f64], expected: &[f64]) -> f64 {
    let pairs = || found.iter().zip(expected);
    assert!(pairs().count() > 0);
    let difference: f64 = pairs().map(|(a, b)| (a - b).powi(2)).sum();
    let length: f64 = pairs().map(|(_, b)| b.powi(2)).sum();
    (difference / length).sqrt()
}

fn rows_error(found: &[Vec<f64>], expected: &[Vec<f64>]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let width = found[0].len().min(expected[0].len());
    let heads = |rows: &[Vec<f64>]| rows.iter().flat_map(|row| row[..width].to_vec()).collect();
    let (found, expected): (Vec<f64>, Vec<f64>) = (heads(found), heads(expected));
    error(&found, &expected)
}

fn shown(errors: [f64; 3]) -> String {
    let [embedding, gradient, norm] = errors;
    format!("{embedding:.1e} embedding, {gradient:.1e} gradient, {norm:.1e} its norm")
}

/// What a step in training mode gives.
struct Training {
    embedding: Vec<Vec<f64>>,
    gradient: Vec<f64>,
    norm: f64,
}

impl Training {
    fn recorded(entry: &Value) -> Self {
        Self {
            embedding: rows(&entry["embedding_train"]),
            gradient: numbers(&entry["first_conv_grad"]),
            norm: entry["first_conv_grad_norm"].as_f64().unwrap(),
        }
    }

    /// The loss is the sum of embedding * cos(flat index).
    fn run(backbone: &Backbone, images: Tensor<4>, dtype: DType) -> Self {
        let device = images.device();
        let embedding = backbone.forward(images, NormMode::Train).unwrap();
        let [rows, width] = embedding.dims();
        let weights: Vec<f64> = (0..rows * width).map(|i| (i as f64).cos()).collect();
        let weights = TensorData::new(weights, [rows, width]);
        let weights = Tensor::<2>::from_data(weights, (&device, dtype));
        let gradients = (embedding.clone() * weights).sum().backward();
        let mut first = FirstConvolution {
            gradients: &gradients,
            found: None,
        };
        backbone.visit(&mut first);
        let gradient = first.found.unwrap();
        Self {
            embedding: matrix(embedding),
            norm: gradient.iter().map(|v| v * v).sum::<f64>().sqrt(),
            gradient,
        }
    }

    /// Distances of embeddings, of the gradient's first values and of its norm.
    fn errors(&self, exact: &Self) -> [f64; 3] {
        [
            rows_error(&self.embedding, &exact.embedding),
            error(&self.gradient, &exact.gradient),
            error(&[self.norm], &[exact.norm]),
        ]
    }
}

/// The gradient of the first tensor with four dimensions.
struct FirstConvolution<'a> {
    gradients: &'a Gradients,
    found: Option<Vec<f64>>,
}

impl ModuleVisitor for FirstConvolution<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if D == 4 && self.found.is_none() {
            self.found = Some(doubles(param.val().grad(self.gradients).unwrap()));
        }
    }
}

struct Double;

impl ModuleMapper for Double {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|value| value.cast(DType::F64))
    }
}

/// The networks that `eval_train.json` has not.
fn further() -> PathBuf {
    folder().join("tests/golden/networks.json")
}

/// A state in single precision; as much of it as there is.
fn state(network: &str, is_reduced: bool) -> Value {
    let is_further = (entries(&further()).iter()).any(|entry| entry["net"] == network);
    match (is_further, is_reduced) {
        (true, _) => recorded(&further(), network),
        (false, true) => recorded(&reduced(), network),
        (false, false) => recorded(&full().unwrap_or_else(reduced), network),
    }
}

fn single_precision(network: &str, config: &BackboneConfig) {
    let golden = state(network, false);
    let phase = golden["phase"].as_f64().unwrap();
    let device = device().autodiff();
    let mut backbone = config.init(&device).unwrap();

    let summary = backbone.summary();
    assert_eq!(summary.parameters, golden["parameters"].as_u64().unwrap());
    assert_eq!(summary.tensors, golden["tensors"].as_u64().unwrap());
    let tensors = backbone.tensors();
    let first = tensors
        .iter()
        .find(|tensor| tensor.shape.len() == 4)
        .unwrap();
    assert_eq!(golden["first_conv"], first.name);

    fill_by_formula(&mut backbone, phase);
    let input = config.input();
    let shape = [4, input.channels, input.height_px, input.width_px];
    assert_eq!(golden["input"], serde_json::json!(shape));
    let images = pictures(4, input, phase, &device);

    let evaluated = backbone
        .valid()
        .forward(images.clone().inner(), NormMode::Evaluate)
        .unwrap();
    let evaluated = rows_error(&matrix(evaluated), &rows(&golden["embedding_eval"]));
    println!("{network}: relative error {evaluated:.1e} evaluating");
    assert!(evaluated < 1e-4);

    let exact = exact(network, input.height_px);
    let ours = Training::run(&backbone, images, DType::F32);
    let golden = Training::recorded(&golden);
    println!(
        "{network}: from the recorded state {}",
        shown(ours.errors(&golden))
    );
    let (ours, golden) = (ours.errors(&exact), golden.errors(&exact));
    println!(
        "{network}: from the exact values {}, PyTorch {}",
        shown(ours),
        shown(golden)
    );
    for (ours, golden) in ours.into_iter().zip(golden) {
        // The gradient of adaface_ir_se18 is 2.8e-3 away, where PyTorch's is 2.3e-4; in double precision it agrees.
        assert!(ours < 4.0 * golden + 4e-3, "{ours}, PyTorch {golden}");
    }
}

/// `config` is for pictures of 32 pixels.
fn double_precision(network: &str, config: &BackboneConfig) {
    let input = config.input();
    let phase = state(network, true)["phase"].as_f64().unwrap();
    let mut backbone = config.init(&device()).unwrap();
    fill_by_formula(&mut backbone, phase);
    let backbone = backbone.map(&mut Double).train();
    let images = pictures(4, input, phase, &device().autodiff()).cast(DType::F64);
    let ours = Training::run(&backbone, images, DType::F64);
    let errors = ours.errors(&exact(network, input.height_px));
    println!(
        "{network}: relative errors in double precision {}",
        shown(errors)
    );
    for error in errors {
        assert!(error < 1e-9, "{error}");
    }
}

macro_rules! networks {
    ($($test:ident, $network:literal, $config:expr;)*) => {
        $(
            mod $test {
                use super::*;

                #[test]
                fn in_single_precision() {
                    single_precision($network, &$config(None));
                }

                #[test]
                fn in_double_precision() {
                    double_precision($network, &$config(Some(32)));
                }
            }
        )*
    };
}

networks! {
    iresnet18, "iresnet18", |size| resized(iresnet(18), size);
    iresnet50, "iresnet50", |size| resized(iresnet(50), size);
    iresnet100, "iresnet100", |size| resized(iresnet(100), size);
    mobile_face_net, "mobilefacenet", |size| resized(
        BackboneConfig::MobileFaceNet(MobileFaceNetConfig::default()), size);
    resnet50, "resnet50", |size| resized(BackboneConfig::Resnet50(ResNetConfig::default()), size);
    ir_bottleneck, "iresnet286", |size| resized(
        BackboneConfig::IrBottleneck(IrBottleneckConfig::default()), size);
    mbf, "mbf", |size| resized(BackboneConfig::Mbf(MbfConfig::default()), size);
    ada_face_ir50, "adaface_ir50", |size| resized(
        ir([3, 4, 14, 3], IrVariant::AdaFace, false), size);
    ir_se50, "ir_se50", |size| resized(
        ir([3, 4, 14, 3], IrVariant::InsightFacePytorch, true), size);
    ada_face_ir_se18, "adaface_ir_se18", |size| resized(
        ir([2, 2, 2, 2], IrVariant::AdaFace, true), size);
}

fn ir(blocks: [usize; 4], variant: IrVariant, squeeze: bool) -> BackboneConfig {
    BackboneConfig::IrBottleneck(IrBottleneckConfig {
        variant,
        squeeze,
        blocks,
        ..Default::default()
    })
}

fn resized(mut config: BackboneConfig, size: Option<usize>) -> BackboneConfig {
    let Some(size) = size else { return config };
    let (height, width) = match &mut config {
        BackboneConfig::Iresnet(config) => (&mut config.height_px, &mut config.width_px),
        BackboneConfig::IrBottleneck(config) => (&mut config.height_px, &mut config.width_px),
        BackboneConfig::MobileFaceNet(config) => (&mut config.height_px, &mut config.width_px),
        BackboneConfig::Mbf(config) => (&mut config.height_px, &mut config.width_px),
        BackboneConfig::Resnet50(config) => (&mut config.height_px, &mut config.width_px),
        BackboneConfig::Vit(config) => (&mut config.height_px, &mut config.width_px),
        BackboneConfig::Compact(config) => (&mut config.height_px, &mut config.width_px),
    };
    (*height, *width) = (size, size);
    config
}

#[test]
fn reduced_states_are_heads_of_the_full_ones() {
    let Some(full) = full() else { return };
    let reduced = entries(&reduced());
    assert_eq!(reduced.len(), 6);
    for reduced in reduced {
        let full = recorded(&full, reduced["net"].as_str().unwrap());
        assert!(is_head(&reduced, &full), "{}", reduced["net"]);
    }
}

fn is_head(head: &Value, whole: &Value) -> bool {
    match (head, whole) {
        (Value::Array(head), Value::Array(whole)) => {
            !head.is_empty()
                && head.len() <= whole.len()
                && head
                    .iter()
                    .zip(whole)
                    .all(|(head, whole)| is_head(head, whole))
        }
        (Value::Object(head), Value::Object(whole)) => {
            head.len() == whole.len() && head.iter().all(|(key, head)| is_head(head, &whole[key]))
        }
        (head, whole) => head == whole,
    }
}
