use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// First bytes of files that are taken for weights, and what they are.
const BEGINNINGS: [(&[u8], &str); 11] = [
    (
        b"version https://git-lfs",
        "it is a Git LFS pointer, not the weights: `git lfs pull` or a download brings them",
    ),
    (b"<!DOCTYPE", "it is a web page: load the file itself"),
    (b"<!doctype", "it is a web page: load the file itself"),
    (b"<html", "it is a web page: load the file itself"),
    (
        b"\x12\x01\0\0\0\0\0\0",
        "it holds parameters of MXNet, which are not read: convert them to PyTorch or SafeTensors",
    ),
    (
        b"\x93NUMPY",
        "it is an array of NumPy, which is not read: write a SafeTensors file",
    ),
    (
        b"\x89HDF",
        "it is HDF5, as Keras writes it, which is not read: convert it to PyTorch or SafeTensors",
    ),
    (
        b"GGUF",
        "it is a GGUF file, which is not read: PyTorch and SafeTensors files are",
    ),
    (
        b"{",
        "it is JSON, settings or a list of parts, not the weights: name the file that holds them",
    ),
    (b"\x1f\x8b", "it is compressed by gzip: unpack it first"),
    (
        b"\x08",
        "it is no file of PyTorch or SafeTensors; if it is an ONNX file, backbones alone are read from such",
    ),
];

/// Names in the directory at the end of a zip archive, and what archives with such members are.
const MEMBERS: [(&[u8], &str); 3] = [
    (
        b"constants.pkl",
        "it is a TorchScript program (torch.jit.save), which is not read: save `model.state_dict()`",
    ),
    (
        b"model.weights.h5",
        "it is a model of Keras (.keras), which is not read: convert it to PyTorch or SafeTensors",
    ),
    (
        b".npy",
        "it is an archive of NumPy (.npz), which is not read: write a SafeTensors file",
    ),
];

/// Words of the pickle at the beginning of PyTorch's archives, and what those hold.
const PICKLED: [(&[u8], &str); 2] = [
    (
        b"_modules",
        "it holds a whole model (torch.save(model)), whose program is not here: save `model.state_dict()`",
    ),
    (
        b"numpy",
        "it holds arrays of NumPy, which are not read: save tensors, or write a SafeTensors file",
    ),
];

/// Bytes at the beginning and at the end of an archive that are looked through.
const HEAD_BYTES: u64 = 1 << 20;
const TAIL_BYTES: u64 = 1 << 16;

/// Says what a file is that is no weight file, where that is known.
pub(super) fn what_it_is(path: &Path) -> Option<&'static str> {
    if path.extension().is_some_and(|ending| ending == "bpk") {
        return Some(
            "it is a part of a checkpoint: name the checkpoint's folder, or write weights with `ffc export`",
        );
    }
    let mut file = File::open(path).ok()?;
    let mut begin = Vec::new();
    file.by_ref().take(64).read_to_end(&mut begin).ok()?;
    if begin.starts_with(b"PK") {
        let length = file.metadata().ok()?.len();
        let tail = length.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(tail)).ok()?;
        let mut end = Vec::new();
        file.read_to_end(&mut end).ok()?;
        let has = |bytes: &[u8], name: &[u8]| bytes.windows(name.len()).any(|part| part == name);
        let member = MEMBERS.iter().find(|(name, _)| has(&end, name));
        if let Some((_, what)) = member {
            return Some(what);
        }
        file.rewind().ok()?;
        let mut head = Vec::new();
        file.take(HEAD_BYTES).read_to_end(&mut head).ok()?;
        let pickled = PICKLED.iter().find(|(word, _)| has(&head, word));
        return pickled.map(|(_, what)| *what);
    }
    let known = BEGINNINGS
        .iter()
        .find(|(bytes, _)| begin.starts_with(bytes));
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    match known {
        Some((_, what)) => Some(what),
        // PyTorch's files are binary from their first bytes.
        None if !begin.is_empty() && begin.iter().all(is_text) => {
            Some("it is text, not weights: was it loaded whole?")
        }
        None => None,
    }
}
