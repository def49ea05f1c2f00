//! Tensors under whatever names checkpoints give them, and what lies beside them.

use std::path::PathBuf;

use ffc_model::{Backbone, Error};
use safetensors::tensor::{Dtype, TensorView};
use tempfile::TempDir;

use crate::support::*;

/// Name, shape and numbers.
type Tensor = (String, Vec<usize>, Vec<f32>);

/// A network with formula weights, and its tensors.
fn network() -> (Backbone, Vec<Tensor>) {
    let mut backbone = narrow_iresnet().init(&device()).unwrap();
    fill_by_formula(&mut backbone, 0.4);
    let shapes = backbone.tensors();
    let tensors = contents(&backbone).into_iter().zip(shapes);
    let tensors = tensors.map(|((name, values), tensor)| {
        assert_eq!(name, tensor.name);
        (name, tensor.shape, values)
    });
    let tensors = tensors.collect();
    (backbone, tensors)
}

fn write(folder: &TempDir, tensors: &[Tensor]) -> PathBuf {
    let bytes: Vec<Vec<u8>> = (tensors.iter())
        .map(|(_, _, values)| {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        })
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
        (name.as_str(), view)
    });
    let file = safetensors::serialize(views, None).unwrap();
    let path = folder.path().join("weights.safetensors");
    std::fs::write(&path, file).unwrap();
    path
}

fn under(prefix: &str, tensors: &[Tensor]) -> Vec<Tensor> {
    let named =
        |(name, shape, values): &Tensor| (format!("{prefix}{name}"), shape.clone(), values.clone());
    tensors.iter().map(named).collect()
}

fn tensor(name: &str, shape: &[usize]) -> Tensor {
    (
        name.to_owned(),
        shape.to_vec(),
        vec![0.5; shape.iter().product()],
    )
}

#[track_caller]
fn refused(path: &PathBuf, parts: &[&str]) {
    let mut backbone = narrow_iresnet().init(&device()).unwrap();
    let before = contents(&backbone);
    let error = backbone.read_weights(path, None).unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "`{error}` does not say `{part}`");
    }
    assert_eq!(contents(&backbone), before);
}

#[test]
fn whatever_stands_before_all_names_does_not_matter() {
    let (backbone, tensors) = network();
    let folder = tempfile::tempdir().unwrap();
    for prefix in [
        "",
        "module.",
        "_orig_mod.",
        "module._orig_mod.",
        "_orig_mod.module.module.",
        "model.",
        "backbone.",
        "state_dict.module.",
        "state_dict_backbone.module.",
        "model_state_dict.net.backbone.",
    ] {
        // A head and an optimizer's state beside the network, under names of their own and under the network's prefix.
        let mut all = under(prefix, &tensors);
        all.push(tensor("state_dict_softmax_fc.weight", &[10, 8]));
        all.push(tensor(&format!("{prefix}head.weight"), &[10, 8]));
        all.push(tensor(&format!("{prefix}bn1.num_batches_tracked"), &[1]));
        let mut read = narrow_iresnet().init(&device()).unwrap();
        read.read_weights(write(&folder, &all), None)
            .unwrap_or_else(|error| panic!("{prefix}: {error}"));
        assert_eq!(contents(&read), contents(&backbone), "{prefix}");
    }
}

/// A deeper network has all tensors of a shallower one.
#[test]
fn more_of_the_networks_own_parts_is_refused() {
    let (_, mut tensors) = network();
    tensors.push(tensor("layer3.7.bn1.weight", &[8]));
    let folder = tempfile::tempdir().unwrap();
    refused(
        &write(&folder, &tensors),
        &["1 unused", "layer3.7.bn1.weight"],
    );
}

#[test]
fn several_networks_in_a_file() {
    let (backbone, tensors) = network();
    let folder = tempfile::tempdir().unwrap();
    let others: Vec<Tensor> = (tensors.iter())
        .map(|(name, shape, values)| (name.clone(), shape.clone(), vec![0.0; values.len()]))
        .collect();
    let both = [under("student.", &tensors), under("teacher.", &others)].concat();
    refused(
        &write(&folder, &both),
        &["several networks", "`student.`", "`teacher.`"],
    );
    // That of a checkpoint's usual key is meant.
    let both = [under("state_dict.", &tensors), under("ema.", &others)].concat();
    let mut read = narrow_iresnet().init(&device()).unwrap();
    read.read_weights(write(&folder, &both), None).unwrap();
    assert_eq!(contents(&read), contents(&backbone));
}

/// Blocks of another network have names like the beginning of this one's: that is no several networks.
#[test]
fn another_networks_file_is_told_by_its_settings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    for config in every_kind() {
        let other = config.init(&device()).unwrap();
        if matches!(config, ffc_model::BackboneConfig::Iresnet(_)) {
            continue;
        }
        other.write_weights(&path, &preprocessing(&config)).unwrap();
        refused(&path, &["missing", "the file was written from"]);
    }
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    for bad in [f32::NAN, f32::INFINITY] {
        let (_, mut tensors) = network();
        let fc = tensors.iter_mut().find(|(name, _, _)| name == "fc.weight");
        fc.unwrap().2[5] = bad;
        let folder = tempfile::tempdir().unwrap();
        refused(
            &write(&folder, &tensors),
            &["`fc.weight`", "1 of its 128 values", "not finite"],
        );
    }
}

#[test]
fn a_variance_below_zero_is_refused() {
    let (_, mut tensors) = network();
    let variance = (tensors.iter_mut()).find(|(name, _, _)| name.ends_with(".running_var"));
    variance.unwrap().2[0] = -0.5;
    let folder = tempfile::tempdir().unwrap();
    refused(&write(&folder, &tensors), &["running_var", "negative"]);
}

#[test]
fn weights_are_read_in_part() {
    let (backbone, mut tensors) = network();
    let folder = tempfile::tempdir().unwrap();
    // Another embedding, one tensor missing and one too many.
    let fc = tensors
        .iter_mut()
        .find(|(name, _, _)| name == "fc.weight")
        .unwrap();
    *fc = tensor("fc.weight", &[9, 16]);
    tensors.retain(|(name, _, _)| name != "prelu.weight");
    let path = write(&folder, &tensors);
    refused(&path, &["fc.weight", "prelu.weight"]);

    let mut read = narrow_iresnet().init(&device()).unwrap();
    let before = contents(&read);
    let (told, mismatch) = read.read_weights_in_part(&path, None).unwrap();
    assert_eq!(told, None);
    assert_eq!(mismatch.missing, ["prelu.weight"]);
    assert_eq!(mismatch.shapes.len(), 1);
    for ((after, before), whole) in contents(&read)
        .iter()
        .zip(&before)
        .zip(&contents(&backbone))
    {
        let kept = ["fc.weight", "prelu.weight"].contains(&&*after.0);
        assert_eq!(after, if kept { before } else { whole });
    }
    // Of another network nothing fits.
    let path = write(&folder, &[tensor("conv.weight", &[3])]);
    let error = read.read_weights_in_part(&path, None).unwrap_err();
    assert!(matches!(error, Error::Tensors { .. }), "{error}");
}

#[test]
fn what_is_no_weight_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let zip = |member: &str| {
        [
            &b"PK\x03\x04"[..],
            &[0; 40],
            member.as_bytes(),
            b"PK\x05\x06",
        ]
        .concat()
    };
    let cases: [(&str, Vec<u8>, &str); 11] = [
        ("i.gguf", b"GGUF\x03\0\0\0\0\0".to_vec(), "GGUF"),
        ("j.json", b"{\"model_type\": \"vit\"}".to_vec(), "JSON"),
        ("k.pth", b"Entry not found".to_vec(), "text, not weights"),
        (
            "a.pth",
            b"version https://git-lfs.github.com/spec/v1\noid".to_vec(),
            "git lfs pull",
        ),
        ("b.pth", b"<!DOCTYPE html>\n<html>".to_vec(), "web page"),
        ("c.pth", zip("model/constants.pkl"), "TorchScript"),
        ("d.npz", zip("weight.npy"), "NumPy"),
        (
            "e.params",
            b"\x12\x01\0\0\0\0\0\0\0\0\0\0".to_vec(),
            "MXNet",
        ),
        ("f.h5", b"\x89HDF\r\n\x1a\n\0\0".to_vec(), "HDF5"),
        ("gallery.bpk", vec![1; 40], "ffc export"),
        ("h.pth.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\0".to_vec(), "gzip"),
    ];
    for (name, bytes, what) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        refused(&path, &[name, what]);
        let error = ffc_model::weights::Description::read(&path).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
}
