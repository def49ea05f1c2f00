//! Whatever a file holds, reading it ends with an error that names it, and the network stays as it was.

use std::path::Path;

use ffc_model::{Backbone, BackboneConfig, Error};

use crate::support::*;

const FILES: [&str; 4] = [
    "vit.pth",
    "vit_checkpoint.pth",
    "vit_half.safetensors",
    "mobile_face_net.pt",
];

fn network(file: &str) -> Backbone {
    let config: BackboneConfig = match file {
        "mobile_face_net.pt" => narrow_mobile_face_net(),
        _ => narrow_vit(),
    };
    config.init(&device()).unwrap()
}

/// Reads `bytes` as a file of its own.
fn read(backbone: &mut Backbone, bytes: &[u8]) -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    std::fs::write(&path, bytes).unwrap();
    let result = backbone.read_weights(&path, None).map(|_| ());
    if let Err(error) = &result {
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
    result
}

#[test]
fn truncated_files_are_errors() {
    for file in FILES {
        let bytes = std::fs::read(fixtures().join(file)).unwrap();
        let mut backbone = network(file);
        let before = contents(&backbone);
        read(&mut backbone, &bytes).unwrap();
        assert_ne!(contents(&backbone), before);
        let before = contents(&backbone);
        let lengths = (0..16).chain((16..bytes.len()).step_by(bytes.len() / 40));
        for length in lengths.chain([bytes.len() - 1]) {
            let result = read(&mut backbone, &bytes[..length]);
            let error = result.unwrap_err().to_string();
            // Where a header is left to speak of what is not there.
            let is_long = length > bytes.len() / 2;
            let told = error.contains("cut off") || error.contains("beyond the end");
            assert!(told || !is_long, "{file} of {length} bytes: {error}");
        }
        assert_eq!(contents(&backbone), before);
    }
}

#[test]
fn flipped_bits_never_panic() {
    for file in FILES {
        let whole = std::fs::read(fixtures().join(file)).unwrap();
        let mut backbone = network(file);
        let mut state = 7u64;
        let mut errors = 0;
        for round in 0..250 {
            let mut bytes = whole.clone();
            for _ in 0..4 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                // Structure lies at the ends: half of the flips go there.
                let place = (state >> 33) as usize;
                let place = match round % 4 {
                    0 => place % 512,
                    1 => bytes.len() - 1 - place % 2048,
                    _ => place % bytes.len(),
                };
                bytes[place] ^= 1 << (state >> 13 & 7);
            }
            errors += usize::from(read(&mut backbone, &bytes).is_err());
        }
        assert!(errors > 25, "{file}: {errors} errors");
    }
}

#[test]
fn headers_that_lie_are_errors() {
    let header = |length: u64, json: &str| [&length.to_le_bytes(), json.as_bytes()].concat();
    let tensor = |fields: &str| {
        let json = format!(r#"{{"pos_embed":{{{fields}}}}}"#);
        header(json.len() as u64, &json)
    };
    let cases = [
        header(u64::MAX, "{}"),
        header(1 << 40, "{}"),
        header(3, "{}"),
        header(2, "{}"),
        header(4, "{}{}"),
        header(12, r#"{"a":[1,2,3]"#),
        header(24, r#"{"__metadata__":{"a":1}}"#),
        tensor(r#""dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,8]"#),
        tensor(r#""dtype":"F32","shape":[1,4,8],"data_offsets":[0,128]"#),
        tensor(r#""dtype":"F32","shape":[1,4,8],"data_offsets":[128,0]"#),
        tensor(r#""dtype":"F99","shape":[],"data_offsets":[0,0]"#),
    ];
    let mut backbone = narrow_vit().init(&device()).unwrap();
    for bytes in cases {
        let error = read(&mut backbone, &bytes).unwrap_err();
        assert!(
            matches!(error, Error::WeightFile { .. } | Error::Tensors { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn tensors_of_whole_numbers_are_errors() {
    let mut backbone = narrow_vit().init(&device()).unwrap();
    let tensors = backbone.tensors();
    let bytes: Vec<Vec<u8>> = tensors.iter().map(|t| vec![0; 4 * t.elements()]).collect();
    let views = tensors.iter().zip(&bytes).map(|(tensor, bytes)| {
        let dtype = match tensor.name.as_str() {
            "norm.bias" => safetensors::Dtype::I32,
            _ => safetensors::Dtype::F32,
        };
        let view = safetensors::tensor::TensorView::new(dtype, tensor.shape.clone(), bytes);
        (tensor.name.clone(), view.unwrap())
    });
    let bytes = safetensors::serialize(views, None).unwrap();
    let before = contents(&backbone);
    match read(&mut backbone, &bytes).unwrap_err() {
        Error::Tensor { tensor, .. } => assert_eq!(tensor, "norm.bias"),
        other => panic!("{other}"),
    }
    assert_eq!(contents(&backbone), before);
}

#[test]
fn a_pickle_that_calls_a_program_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("called");
    let pickle = format!("cos\nsystem\n(S'touch {}'\ntR.", mark.display());
    let mut backbone = narrow_vit().init(&device()).unwrap();
    assert!(read(&mut backbone, pickle.as_bytes()).is_err());
    assert!(!mark.exists());
}

#[test]
fn what_is_no_file_is_an_error() {
    let mut backbone = narrow_vit().init(&device()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path(), Path::new("/nowhere/weights.pth")] {
        let error = backbone.read_weights(path, None).unwrap_err();
        assert!(
            matches!(&error, Error::Io { path: found, .. } if found == path),
            "{error}"
        );
    }
    for bytes in [&b""[..], b"PK", b"neither a pickle nor an archive"] {
        let error = read(&mut backbone, bytes).unwrap_err();
        assert!(matches!(error, Error::WeightFile { .. }), "{error}");
    }
}
