use ffc_model::network::*;
use ffc_model::{BackboneConfig, Published, Summary};

use crate::support::{device, iresnet};

fn summary(config: BackboneConfig) -> Summary {
    config.init(&device()).unwrap().summary()
}

/// A convolution of `kernel` that leaves maps of `size`.
fn conv(input: u64, output: u64, kernel: u64, size: u64) -> u64 {
    input * output * kernel * kernel * size * size
}

#[test]
fn iresnet18_by_hand() {
    let mut expected = conv(3, 64, 3, 112);
    let mut input = 64;
    for (output, size) in [(64, 56), (128, 28), (256, 14), (512, 7)] {
        expected += conv(input, output, 3, 2 * size) + conv(output, output, 3, size);
        expected += conv(input, output, 1, size);
        expected += 2 * conv(output, output, 3, size);
        input = output;
    }
    expected += 25088 * 512;
    assert_eq!(summary(iresnet(18)).multiply_adds, expected);
}

#[test]
fn compact_by_hand() {
    let found = summary(BackboneConfig::Compact(CompactConfig::default()));
    let mut expected = conv(3, 32, 3, 16) + 4 * conv(32, 32, 3, 16);
    expected += conv(32, 64, 3, 16) + conv(64, 64, 3, 8) + conv(32, 64, 1, 8);
    expected += 2 * conv(64, 64, 3, 8);
    expected += conv(64, 128, 3, 8) + conv(128, 128, 3, 4) + conv(64, 128, 1, 4);
    expected += 2 * conv(128, 128, 3, 4);
    expected += 128 * 16 * 512;
    assert_eq!(found.multiply_adds, expected);
}

#[test]
fn vit_by_hand() {
    let found = summary(BackboneConfig::Vit(VitConfig::tiny()));
    let (tokens, width) = (144u64, 256u64);
    let matrices = 4 * width * width + 2 * 4 * width * width;
    let attention = 2 * tokens * tokens * width;
    let mut expected = tokens * 3 * 81 * width;
    expected += 12 * (tokens * matrices + attention);
    expected += tokens * width * width + width * 512;
    assert_eq!(found.multiply_adds, expected);
}

#[test]
fn published_costs_are_met() {
    // ResNet-50 at 224 is quoted with 4.09 G up to its pooling and classifier, MobileFaceNet with 221 M for 128 dimensions (its
    // table 2, without norms), and insightface's model zoo counts norms and activations too: 2.62, 4.48, 6.33 and 12.12 G.
    let resnet = summary(BackboneConfig::Resnet50(ResNetConfig::default()));
    let fc = 7 * 7 * 2048 * 512;
    let near = |found: u64, published: f64, tolerance: f64| {
        let ratio = found as f64 / published;
        assert!((ratio - 1.0).abs() < tolerance, "{found} for {published}");
    };
    near(resnet.multiply_adds - fc, 4.09e9, 0.005);
    let mobile = summary(BackboneConfig::MobileFaceNet(MobileFaceNetConfig {
        embedding: 128,
        ..Default::default()
    }));
    near(mobile.multiply_adds, 221e6, 0.02);
    for (depth, published) in [(18, 2.62e9), (34, 4.48e9), (50, 6.33e9), (100, 12.12e9)] {
        near(summary(iresnet(depth)).multiply_adds, published, 0.01);
    }
}

#[test]
fn sizes_are_those_of_the_references() {
    // Counted by PyTorch; the golden states have those of the other networks.
    let vit = |config| summary(BackboneConfig::Vit(config));
    let cases = [
        (summary(iresnet(34)), 34_139_328, 276),
        (summary(iresnet(200)), 118_833_920, 1506),
        (vit(VitConfig::tiny()), 19_137_792, 148),
        (vit(VitConfig::small()), 76_023_296, 148),
    ];
    for (found, parameters, tensors) in cases {
        assert_eq!((found.parameters, found.tensors), (parameters, tensors));
    }
}

#[test]
fn it_reads_well() {
    let text = summary(iresnet(18)).to_string();
    assert_eq!(
        text,
        "24.03 M parameters in 156 tensors, 2.610 G multiply-adds a picture"
    );
}

fn published(name: &str) -> BackboneConfig {
    (Published::named(name).unwrap().network)()
}

#[test]
fn the_document_of_published_networks_has_all() {
    let document = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/published-networks.md"
    );
    let document = std::fs::read_to_string(document).unwrap();
    for Published {
        name,
        network,
        preprocessing,
        ..
    } in Published::ALL
    {
        assert!(document.contains(&format!("| `{name}` |")), "{name}");
        let (input, config) = (network().input(), network());
        assert_eq!(
            [input.channels, input.height_px, input.width_px],
            [3, preprocessing.height_px, preprocessing.width_px]
        );
        assert_eq!(config.embedding(), 512, "{name}");
    }
}

#[test]
fn the_document_has_these_numbers() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/model.md");
    let document = std::fs::read_to_string(document).unwrap();
    let configs = [18, 34, 50, 100, 200].map(iresnet).into_iter().chain([
        BackboneConfig::IrBottleneck(IrBottleneckConfig::default()),
        published("adaface-ir50"),
        published("ir-se50"),
        published("adaface-ir101"),
        BackboneConfig::MobileFaceNet(MobileFaceNetConfig::default()),
        BackboneConfig::Mbf(MbfConfig::default()),
        BackboneConfig::Resnet50(ResNetConfig::default()),
        BackboneConfig::Vit(VitConfig::tiny()),
        BackboneConfig::Vit(VitConfig::small()),
        BackboneConfig::Compact(CompactConfig::default()),
    ]);
    let lacking: Vec<String> = configs
        .map(|config| {
            let summary = summary(config);
            format!(
                "{:.2} M | {} | {:.3} G",
                summary.parameters as f64 / 1e6,
                summary.tensors,
                summary.multiply_adds as f64 / 1e9
            )
        })
        .filter(|numbers| !document.contains(numbers))
        .collect();
    assert!(lacking.is_empty(), "{lacking:#?}");
}
