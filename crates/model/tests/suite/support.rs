use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use ffc_model::network::*;
use ffc_model::{Backbone, BackboneConfig, ColourOrder, Preprocessing};

pub fn device() -> Device {
    Device::flex()
}

/// A file of `../shared` beside the checkout. Its absence is printed, for tests to skip what needs it; where `FFC_REQUIRE_SHARED` is set, it is a failure.
pub fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(path);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var_os("FFC_REQUIRE_SHARED").is_some_and(|value| !value.is_empty());
    assert!(
        !required,
        "FFC_REQUIRE_SHARED is set and {} is absent",
        path.display()
    );
    println!("skipped: {} is absent", path.display());
    None
}

pub fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

pub fn iresnet(depth: usize) -> BackboneConfig {
    BackboneConfig::Iresnet(IResNetConfig {
        depth,
        ..Default::default()
    })
}

/// The narrow networks of the fixtures.
pub fn narrow_iresnet() -> BackboneConfig {
    BackboneConfig::Iresnet(IResNetConfig {
        depth: 18,
        stem_channels: 2,
        embedding: 8,
        height_px: 16,
        width_px: 16,
        ..Default::default()
    })
}

pub fn narrow_mobile_face_net() -> BackboneConfig {
    BackboneConfig::MobileFaceNet(MobileFaceNetConfig {
        width: 0.125,
        embedding: 8,
        height_px: 16,
        width_px: 16,
        ..Default::default()
    })
}

pub fn narrow_mbf(blocks: [usize; 4], embedding: usize, size_px: usize) -> BackboneConfig {
    BackboneConfig::Mbf(MbfConfig {
        blocks,
        width: 0.125,
        embedding,
        height_px: size_px,
        width_px: size_px,
        ..Default::default()
    })
}

pub fn narrow_ada_face() -> BackboneConfig {
    BackboneConfig::IrBottleneck(IrBottleneckConfig {
        variant: IrVariant::AdaFace,
        blocks: [2, 1, 1, 1],
        stem_channels: 2,
        embedding: 8,
        height_px: 16,
        width_px: 16,
        ..Default::default()
    })
}

pub fn narrow_vit() -> BackboneConfig {
    BackboneConfig::Vit(VitConfig {
        width: 8,
        depth: 2,
        heads: 2,
        patch_px: 8,
        stochastic_depth: 0.0,
        mask_ratio: 0.0,
        embedding: 8,
        height_px: 16,
        width_px: 16,
        ..Default::default()
    })
}

/// One narrow network of each kind, for pictures of 32 x 48 pixels or 32 x 32 where they must be square.
pub fn every_kind() -> Vec<BackboneConfig> {
    vec![
        BackboneConfig::Iresnet(IResNetConfig {
            depth: 34,
            stem_channels: 2,
            embedding: 12,
            height_px: 32,
            width_px: 48,
            ..Default::default()
        }),
        BackboneConfig::IrBottleneck(IrBottleneckConfig {
            blocks: [1, 2, 1, 1],
            stem_channels: 3,
            embedding: 12,
            height_px: 32,
            width_px: 48,
            ..Default::default()
        }),
        BackboneConfig::IrBottleneck(IrBottleneckConfig {
            variant: IrVariant::AdaFace,
            blocks: [1, 2, 1, 1],
            stem_channels: 3,
            embedding: 12,
            height_px: 32,
            width_px: 48,
            ..Default::default()
        }),
        BackboneConfig::IrBottleneck(IrBottleneckConfig {
            variant: IrVariant::InsightFacePytorch,
            squeeze: true,
            blocks: [1, 1, 2, 1],
            stem_channels: 16,
            embedding: 12,
            height_px: 32,
            width_px: 48,
            ..Default::default()
        }),
        BackboneConfig::MobileFaceNet(MobileFaceNetConfig {
            width: 0.25,
            embedding: 12,
            height_px: 32,
            width_px: 32,
            ..Default::default()
        }),
        narrow_mbf([1, 1, 2, 1], 12, 32),
        narrow_mbf([2, 1, 1, 1], 12, 32),
        BackboneConfig::Resnet50(ResNetConfig {
            stem_channels: 2,
            embedding: 12,
            height_px: 32,
            width_px: 48,
            ..Default::default()
        }),
        BackboneConfig::Vit(VitConfig {
            width: 12,
            depth: 3,
            heads: 3,
            embedding: 12,
            height_px: 32,
            width_px: 48,
            ..Default::default()
        }),
        BackboneConfig::Compact(CompactConfig {
            width: 0.5,
            embedding: 12,
            channels: 1,
            height_px: 28,
            width_px: 32,
        }),
    ]
}

/// The preprocessing that fits a configuration.
pub fn preprocessing(config: &BackboneConfig) -> Preprocessing {
    let input = config.input();
    Preprocessing {
        height_px: input.height_px,
        width_px: input.width_px,
        colour: match input.channels {
            1 => ColourOrder::Grey,
            _ => ColourOrder::Rgb,
        },
        mean: 127.5,
        scale: 128.0,
    }
}

/// Pictures b, flat element j: sin(0.013 (1 + 0.37 b) j + 0.5 phase).
pub fn pictures(rows: usize, input: InputShape, phase: f64, device: &Device) -> Tensor<4> {
    let size = input.channels * input.height_px * input.width_px;
    let value = |b: usize, j: usize| {
        (0.013 * (1.0 + 0.37 * b as f64) * j as f64 + 0.5 * phase).sin() as f32
    };
    let values: Vec<f32> = (0..rows)
        .flat_map(|b| (0..size).map(move |j| value(b, j)))
        .collect();
    let shape = [rows, input.channels, input.height_px, input.width_px];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The whole contents of a tensor.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_to_vec().unwrap()
}

/// Every tensor of a network by its name, in PyTorch's layout, through a file.
pub fn contents(backbone: &Backbone) -> Vec<(String, Vec<f32>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("contents.safetensors");
    backbone
        .write_weights(&path, &preprocessing(backbone.config()))
        .unwrap();
    let bytes = std::fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = |name: String| {
        let values = file.tensor(&name).unwrap();
        let chunks = values.data().as_chunks::<4>().0.iter();
        (
            name,
            chunks.map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        )
    };
    let names = backbone.tensors().into_iter().map(|info| info.name);
    names.map(tensor).collect()
}

/// Length of the difference over length of the expected.
pub fn relative_error(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let pairs = found.iter().zip(expected);
    let difference = length(&mut pairs.map(|(a, b)| f64::from(*a) - f64::from(*b)));
    let error = difference / length(&mut expected.iter().map(|v| f64::from(*v)));
    assert!(error.is_finite());
    error
}

/// Fills `backbone` by the formula that the golden states were made with.
pub fn fill_by_formula(backbone: &mut Backbone, phase: f64) {
    let mut names: Vec<String> = backbone.tensors().into_iter().map(|t| t.name).collect();
    names.sort_unstable();
    let index = |name: &str| names.binary_search_by(|n| n.as_str().cmp(name)).unwrap();
    backbone
        .fill(|tensor| {
            let k = index(&tensor.name) as f64;
            let (owner, leaf) = tensor.name.rsplit_once('.').unwrap_or(("", &tensor.name));
            let has = |leaf: &str| names.binary_search(&format!("{owner}.{leaf}")).is_ok();
            let fan = (tensor.elements() / tensor.shape[0]) as f64;
            let value = |w: f64| match leaf {
                "running_var" => 1.0 + 0.5 * w * w,
                "running_mean" => 0.1 * w,
                _ if tensor.shape.len() > 1 => w * (2.0 / fan).sqrt(),
                "weight" if has("running_mean") => 1.0 + 0.1 * w,
                "weight" => 0.25 + 0.05 * w,
                "bias" => 0.1 * w,
                leaf => panic!("no formula for {leaf}"),
            };
            let values: Vec<f32> = (0..tensor.elements())
                .map(|j| value((0.7 * j as f64 + 1.3 * k + phase).sin()) as f32)
                .collect();
            Ok(TensorData::new(values, tensor.shape.clone()))
        })
        .unwrap();
}
