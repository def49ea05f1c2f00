use ffc_model::network::*;
use ffc_model::{BackboneConfig, ColourOrder};

use crate::support::{contents, device, iresnet};

fn mean_and_deviation(values: &[f32]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
    let square = values
        .iter()
        .map(|v| (f64::from(*v) - mean).powi(2))
        .sum::<f64>()
        / count;
    (mean, square.sqrt())
}

/// The deviation of one tensor, checked to be of mean 0.
fn deviation(tensors: &[(String, Vec<f32>)], name: &str) -> f64 {
    let (_, values) = tensors.iter().find(|(n, _)| n == name).unwrap();
    let (mean, deviation) = mean_and_deviation(values);
    // Five standard errors.
    assert!(
        mean.abs() < 5.0 * deviation / (values.len() as f64).sqrt(),
        "{name}: {mean}"
    );
    deviation
}

fn all_equal(tensors: &[(String, Vec<f32>)], name: &str, value: f32) {
    let (_, values) = tensors.iter().find(|(n, _)| n == name).unwrap();
    assert!(values.iter().all(|v| *v == value), "{name}");
}

fn near(found: f64, expected: f64) {
    assert!(
        (found / expected - 1.0).abs() < 0.05,
        "{found} instead of {expected}"
    );
}

fn drawn(config: BackboneConfig) -> Vec<(String, Vec<f32>)> {
    contents(&config.init(&device()).unwrap())
}

#[test]
fn iresnet_draws_convolutions_of_deviation_a_tenth() {
    let tensors = drawn(iresnet(18));
    near(deviation(&tensors, "layer3.0.conv1.weight"), 0.1);
    near(deviation(&tensors, "layer3.0.downsample.0.weight"), 0.1);
    // PyTorch's own: uniform within 1 / sqrt(25088).
    near(
        deviation(&tensors, "fc.weight"),
        1.0 / (3.0 * 25088f64).sqrt(),
    );
    near(
        deviation(&tensors, "fc.bias"),
        1.0 / (3.0 * 25088f64).sqrt(),
    );
    all_equal(&tensors, "prelu.weight", 0.25);
    all_equal(&tensors, "layer1.0.bn1.weight", 1.0);
    all_equal(&tensors, "layer1.0.bn1.bias", 0.0);
    all_equal(&tensors, "features.weight", 1.0);
    all_equal(&tensors, "features.running_mean", 0.0);
    all_equal(&tensors, "features.running_var", 1.0);
}

#[test]
fn mobile_face_net_draws_as_pytorch_does() {
    let tensors = drawn(BackboneConfig::MobileFaceNet(MobileFaceNetConfig::default()));
    // Uniform within 1 / sqrt(fan in).
    near(
        deviation(&tensors, "blocks.6.conv.0.weight"),
        1.0 / (3.0 * 128f64).sqrt(),
    );
    near(
        deviation(&tensors, "blocks.6.conv.3.weight"),
        1.0 / (3.0 * 9f64).sqrt(),
    );
    near(
        deviation(&tensors, "linear7.conv.weight"),
        1.0 / (3.0 * 49f64).sqrt(),
    );
}

#[test]
fn resnet_draws_by_fan_out() {
    let tensors = drawn(BackboneConfig::Resnet50(ResNetConfig {
        height_px: 32,
        width_px: 32,
        ..Default::default()
    }));
    near(
        deviation(&tensors, "conv1.weight"),
        (2.0 / (64.0 * 49.0f64)).sqrt(),
    );
    near(
        deviation(&tensors, "layer2.0.conv3.weight"),
        (2.0 / 512f64).sqrt(),
    );
}

#[test]
fn vit_draws_matrices_of_deviation_a_fiftieth() {
    let tensors = drawn(BackboneConfig::Vit(VitConfig {
        depth: 1,
        ..Default::default()
    }));
    near(deviation(&tensors, "blocks.0.attn.qkv.weight"), 0.02);
    near(deviation(&tensors, "feature.0.weight"), 0.02);
    near(deviation(&tensors, "pos_embed"), 0.02);
    all_equal(&tensors, "blocks.0.mlp.fc1.bias", 0.0);
    // The patches' convolution is left as PyTorch draws it: fan in 3 * 9 * 9.
    near(
        deviation(&tensors, "patch_embed.proj.weight"),
        1.0 / (3.0 * 243f64).sqrt(),
    );
}

#[test]
fn colour_orders_know_their_channels() {
    assert_eq!(ColourOrder::Bgr.channels(), 3);
    assert_eq!(ColourOrder::Grey.channels(), 1);
}

#[test]
fn the_embeddings_fixed_scale_takes_no_gradient() {
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::tensor::Tensor;

    #[derive(Default)]
    struct Frozen {
        path: Vec<String>,
        found: Vec<String>,
    }
    impl ModuleVisitor for Frozen {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let path = self.path.join(".");
            if !param.is_require_grad() && !path.contains("running_") {
                self.found.push(path);
            }
        }
    }
    for network in [iresnet(18).init(&device().autodiff()).unwrap()] {
        let networks = [network.valid().train(), network];
        for network in networks {
            let mut frozen = Frozen::default();
            network.visit(&mut frozen);
            assert_eq!(frozen.found, ["network.IResNet.features.gamma"]);
        }
    }
}
