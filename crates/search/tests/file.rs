//! Files of embeddings, whole and otherwise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::HashMap;
use std::path::PathBuf;

use ffc_search::EmbeddingFile;
use safetensors::tensor::{Dtype, TensorView};
use tempfile::TempDir;

/// Name, type of the numbers and shape.
type Tensor<'a> = (&'a str, Dtype, &'a [usize]);

fn write(folder: &TempDir, tensor: Tensor, names: Option<&str>) -> PathBuf {
    let metadata: Vec<_> = names.map(|names| ("images", names)).into_iter().collect();
    write_with(folder, tensor, &metadata)
}

fn write_with(folder: &TempDir, tensor: Tensor, metadata: &[(&str, &str)]) -> PathBuf {
    let (name, dtype, shape) = tensor;
    let elements: usize = shape.iter().product();
    let bytes: Vec<u8> = (0..elements)
        .flat_map(|i| (i as f32).to_le_bytes())
        .collect();
    let bytes = &bytes[..elements * dtype.bitsize() / 8];
    let view = TensorView::new(dtype, shape.to_vec(), bytes).unwrap();
    let metadata: HashMap<String, String> = (metadata.iter())
        .map(|&(key, json)| (key.to_owned(), json.to_owned()))
        .collect();
    let path = folder.path().join("embeddings.safetensors");
    std::fs::write(
        &path,
        safetensors::serialize([(name, view)], Some(metadata)).unwrap(),
    )
    .unwrap();
    path
}

#[test]
fn a_file_is_searched_where_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let tensor = ("embeddings", Dtype::F32, &[3, 2][..]);
    let file = EmbeddingFile::open(&write(&folder, tensor, Some(r#"["a", "b/1", "c"]"#))).unwrap();
    let gallery = file.gallery().unwrap();
    assert_eq!((gallery.len(), gallery.dim()), (3, 2));
    // Rows (0, 1), (2, 3), (4, 5).
    let found = gallery.nearest(&[0.0, 7.0], 2).unwrap().remove(0);
    assert_eq!((found[0].row, found[1].row), (0, 1));
    assert!((found[1].cosine - 3.0 / 13_f32.sqrt()).abs() < 1e-6);
    assert_eq!(file.name(1), Some("b/1"));
    assert_eq!(file.name(3), None);
    let nameless = EmbeddingFile::open(&write(&folder, tensor, None)).unwrap();
    assert_eq!((nameless.name(0), nameless.reference()), (None, None));
    let told = [("reference", "[0.5, -0.25]")];
    let told = EmbeddingFile::open(&write_with(&folder, tensor, &told)).unwrap();
    assert_eq!(told.reference(), Some(&[0.5, -0.25][..]));
}

#[test]
fn other_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    #[track_caller]
    fn refused(path: PathBuf, part: &str) {
        let error = EmbeddingFile::open(&path).unwrap_err().to_string();
        assert!(
            error.contains(part) && error.contains("safetensors"),
            "{error}"
        );
    }
    let cases: [(Tensor, Option<&str>, &str); 6] = [
        (
            ("weights", Dtype::F32, &[3, 2]),
            None,
            "no tensor `embeddings`",
        ),
        (("embeddings", Dtype::F32, &[6]), None, "shape [6]"),
        (("embeddings", Dtype::F16, &[3, 2]), None, "F16"),
        (("embeddings", Dtype::F32, &[3, 0]), None, "0 dimensions"),
        (
            ("embeddings", Dtype::F32, &[3, 2]),
            Some(r#"["a"]"#),
            "1 names for 3",
        ),
        (
            ("embeddings", Dtype::F32, &[3, 2]),
            Some("a"),
            "names of images",
        ),
    ];
    for (tensor, names, part) in cases {
        refused(write(&folder, tensor, names), part);
    }
    let tensor = ("embeddings", Dtype::F32, &[3, 2][..]);
    let wrong = write_with(&folder, tensor, &[("reference", "0.5")]);
    refused(wrong, "its reference");
    let path = write(&folder, tensor, None);
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 5, 20, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(EmbeddingFile::open(&path).is_err(), "{length} bytes");
    }
    std::fs::remove_file(&path).unwrap();
    refused(path, "cannot open");
}
