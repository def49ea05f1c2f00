use std::cell::RefCell;
use std::io::{Cursor, Write};
use std::path::Path;

use burn::tensor::Device;
use ffc_model::network::CompactConfig;
use ffc_model::weights::Description;
use ffc_model::{Backbone, BackboneConfig, ColourOrder, Preprocessing};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::scratch;

thread_local! {
    static NETWORK: RefCell<Backbone> = {
        let config = BackboneConfig::Compact(CompactConfig {
            width: 0.1,
            embedding: 2,
            channels: 1,
            height_px: 4,
            width_px: 4,
        });
        RefCell::new(config.init(&Device::flex()).expect("a small network"))
    };
}

/// Weights in an ONNX file, of a graph that may be this network's.
pub fn onnx(bytes: &[u8]) -> bool {
    let path = scratch::file("weights.onnx", bytes);
    let _ = Description::read(&path);
    NETWORK.with_borrow_mut(|network| network.read_weights(&path, None).is_ok())
}

/// The file of the network that [`onnx`] reads into.
pub fn write_onnx(path: &Path) -> ffc_model::Result<()> {
    let preprocessing = Preprocessing {
        height_px: 4,
        width_px: 4,
        colour: ColourOrder::Grey,
        mean: 127.5,
        scale: 127.5,
    };
    NETWORK.with_borrow(|network| network.write_onnx(path, &preprocessing))
}

/// Weights: SafeTensors or PyTorch's. The first byte says whether the bytes are a file, or the pickle of an archive as PyTorch writes them
/// today.
pub fn weights(bytes: &[u8]) -> bool {
    let Some((&kind, rest)) = bytes.split_first() else {
        return false;
    };
    let path = match kind & 1 {
        0 => scratch::file("weights", rest),
        _ => scratch::file("weights", &archive(rest)),
    };
    let _ = Description::read(&path);
    NETWORK.with_borrow_mut(|network| {
        let _ = network.read_weights(&path, None);
        network.read_weights_in_part(&path, None).is_ok()
    })
}

/// An archive of this pickle, and the numbers of one tensor.
fn archive(pickle: &[u8]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let members: [(&str, &[u8]); 4] = [
        ("archive/data.pkl", pickle),
        ("archive/byteorder", b"little"),
        ("archive/data/0", &[0; 1_024]),
        ("archive/version", b"3\n"),
    ];
    for (name, bytes) in members {
        let options =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        archive.start_file(name, options).expect("memory");
        archive.write_all(bytes).expect("memory");
    }
    archive.finish().expect("memory").into_inner()
}
