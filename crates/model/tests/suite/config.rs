use ffc_model::network::*;
use ffc_model::{Backbone, BackboneConfig, Error, Result};

use crate::support::{device, every_kind};

fn parse(json: &str) -> serde_json::Result<BackboneConfig> {
    serde_json::from_str(json)
}

#[test]
fn a_name_alone_gives_the_published_network() {
    let cases = [
        ("iresnet", 112, 512),
        ("ir_bottleneck", 112, 512),
        ("mobile_face_net", 112, 512),
        ("mbf", 112, 512),
        ("resnet50", 224, 512),
        ("vit", 112, 512),
        ("compact", 32, 512),
    ];
    for (network, size, embedding) in cases {
        let config = parse(&format!(r#"{{ "network": "{network}" }}"#)).unwrap();
        let input = config.input();
        assert_eq!(
            (input.channels, input.height_px, input.width_px),
            (3, size, size)
        );
        assert_eq!(config.embedding(), embedding);
    }
}

#[test]
fn configurations_survive_a_file() {
    for config in every_kind() {
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(parse(&text).unwrap(), config);
    }
}

#[test]
fn unknown_keys_and_networks_are_errors() {
    for network in [
        "iresnet",
        "ir_bottleneck",
        "mobile_face_net",
        "resnet50",
        "vit",
        "compact",
    ] {
        let error = parse(&format!(r#"{{ "network": "{network}", "dpeth": 1 }}"#)).unwrap_err();
        assert!(error.to_string().contains("dpeth"), "{error}");
    }
    assert!(parse(r#"{ "network": "vgg" }"#).is_err());
    assert!(parse("{}").is_err());
}

#[test]
fn settings_outside_their_range_are_named() {
    let cases = [
        (r#"{ "network": "iresnet", "depth": 51 }"#, "depth"),
        (
            r#"{ "network": "iresnet", "stem_channels": 0 }"#,
            "stem_channels",
        ),
        (r#"{ "network": "iresnet", "embedding": 0 }"#, "embedding"),
        (r#"{ "network": "iresnet", "channels": 0 }"#, "channels"),
        (r#"{ "network": "iresnet", "height_px": 120 }"#, "height_px"),
        (
            r#"{ "network": "ir_bottleneck", "blocks": [1, 0, 1, 1] }"#,
            "blocks",
        ),
        (r#"{ "network": "mobile_face_net", "width": 0.0 }"#, "width"),
        (
            r#"{ "network": "mobile_face_net", "width_px": 96 }"#,
            "width_px",
        ),
        (r#"{ "network": "resnet50", "width_px": 0 }"#, "width_px"),
        (r#"{ "network": "vit", "heads": 7 }"#, "heads"),
        (r#"{ "network": "vit", "patch_px": 113 }"#, "patch_px"),
        (
            r#"{ "network": "vit", "stochastic_depth": 1.0 }"#,
            "stochastic_depth",
        ),
        (r#"{ "network": "vit", "mask_ratio": -0.1 }"#, "mask_ratio"),
        (r#"{ "network": "compact", "height_px": 30 }"#, "height_px"),
    ];
    for (json, expected) in cases {
        let result: Result<Backbone> = parse(json).unwrap().init(&device());
        match result {
            Err(Error::Setting { setting, .. }) => assert_eq!(setting, expected, "{json}"),
            other => panic!("{json}: {:?}", other.map(|_| "a network")),
        }
    }
}

#[test]
fn width_multipliers_scale_the_channels() {
    let channels = |width| {
        let config = BackboneConfig::MobileFaceNet(MobileFaceNetConfig {
            width,
            ..Default::default()
        });
        let tensors = config.init(&device()).unwrap().tensors();
        let shape = |name: &str| {
            let tensor = tensors.iter().find(|tensor| tensor.name == name);
            tensor.unwrap().shape.clone()
        };
        (shape("conv1.conv.weight")[0], shape("conv2.conv.weight"))
    };
    assert_eq!(channels(1.0), (64, vec![512, 128, 1, 1]));
    assert_eq!(channels(0.5), (32, vec![256, 64, 1, 1]));
    assert_eq!(channels(1.3), (80, vec![664, 168, 1, 1]));
}
