//! Every seed, and every input that once broke a parser, goes through its parser.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Write;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use ffc_core::{ClassPool, ClassPoolConfig, Storage, UpdateRule};
use ffc_data::{BuildConfig, Folder, IndexBuilder};
use ffc_fuzz_parsers::ALL;
use safetensors::tensor::{Dtype, TensorView};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn seeds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds")
}

#[test]
fn every_seed_goes_through_its_parser() {
    let seeds = seeds();
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(&seeds).unwrap() {
        folders.push(entry.unwrap().file_name().into_string().unwrap());
    }
    folders.sort();
    assert_eq!(folders, ALL.map(|(name, _)| name));
    for (name, _) in ALL {
        let target = seeds.join(format!("../targets/{name}.rs"));
        let target = std::fs::read_to_string(target).unwrap();
        assert!(target.contains(&format!("ffc_fuzz_parsers::{name}(bytes)")));
    }
    for (name, parser) in ALL {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(seeds.join(name)).unwrap() {
            files.push(entry.unwrap().path());
        }
        files.sort();
        let mut taken = 0;
        for file in files {
            let took = parser(&std::fs::read(&file).unwrap());
            println!("{}: {took}", file.display());
            taken += usize::from(took);
        }
        // Else a fuzzer would never come past the first refusal.
        assert!(taken > 0, "{name} takes none of its seeds");
    }
}

/// Those that our own writers make.
#[test]
#[ignore = "writes seeds anew"]
fn writes_seeds() {
    let device = Device::flex();
    for (name, storage) in [("f32", Storage::F32), ("bf16", Storage::Bf16)] {
        let config = ClassPoolConfig {
            capacity: 4,
            dim: 2,
            update: UpdateRule::TwoLayer,
            storage,
        };
        let mut pool = ClassPool::new(config, &device).unwrap();
        pool.save(seeds().join("pool").join(format!("{name}_empty")))
            .unwrap();
        let features = Tensor::<2>::from_data([[0.6, 0.8], [1.0, 0.0]], &device);
        pool.prefill(features, &[7, 3]).unwrap();
        pool.save(seeds().join("pool").join(format!("{name}_two")))
            .unwrap();
    }

    let folder = tempfile::tempdir().unwrap();
    for (file, bytes) in [("a/1.jpg", "x"), ("a/2.jpg", "y"), ("b/1.jpg", "z")] {
        let file = folder.path().join("set").join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
    ffc_fuzz_parsers::write_onnx(&seeds().join("onnx/compact.onnx")).unwrap();
    let wheel = std::fs::File::create(seeds().join("detector/zeros.whl")).unwrap();
    zeros(wheel);
    let source = Folder::open(&folder.path().join("set")).unwrap();
    let index = seeds().join("index/folder.ffc-index");
    IndexBuilder::build(&source, &index, &BuildConfig::default(), &mut |_| {}).unwrap();
}

/// A wheel with MTCNN's weights, all of them zero, so that it packs small.
fn zeros(file: std::fs::File) {
    // Layers with their shapes, and channels of slopes.
    type Network = (
        &'static str,
        &'static [(&'static str, &'static [usize])],
        &'static [usize],
    );
    const NETWORKS: [Network; 3] = [
        (
            "pnet.pt",
            &[
                ("conv1", &[10, 3, 3, 3]),
                ("conv2", &[16, 10, 3, 3]),
                ("conv3", &[32, 16, 3, 3]),
                ("conv4_1", &[2, 32, 1, 1]),
                ("conv4_2", &[4, 32, 1, 1]),
            ],
            &[10, 16, 32],
        ),
        (
            "rnet.pt",
            &[
                ("conv1", &[28, 3, 3, 3]),
                ("conv2", &[48, 28, 3, 3]),
                ("conv3", &[64, 48, 2, 2]),
                ("dense4", &[128, 576]),
                ("dense5_1", &[2, 128]),
                ("dense5_2", &[4, 128]),
            ],
            &[28, 48, 64, 128],
        ),
        (
            "onet.pt",
            &[
                ("conv1", &[32, 3, 3, 3]),
                ("conv2", &[64, 32, 3, 3]),
                ("conv3", &[64, 64, 3, 3]),
                ("conv4", &[128, 64, 2, 2]),
                ("dense5", &[256, 1152]),
                ("dense6_1", &[2, 256]),
                ("dense6_2", &[4, 256]),
                ("dense6_3", &[10, 256]),
            ],
            &[32, 64, 64, 128, 256],
        ),
    ];
    let zeros = vec![0; 4 * 256 * 1152];
    let tensor = |shape: &[usize]| {
        let bytes = 4 * shape.iter().product::<usize>();
        TensorView::new(Dtype::F32, shape.to_vec(), &zeros[..bytes]).unwrap()
    };
    let mut wheel = ZipWriter::new(file);
    for (name, layers, slopes) in NETWORKS {
        let mut tensors = Vec::new();
        for (layer, shape) in layers {
            tensors.push((format!("{layer}.weight"), tensor(shape)));
            tensors.push((format!("{layer}.bias"), tensor(&shape[..1])));
        }
        for (number, channels) in slopes.iter().enumerate() {
            tensors.push((format!("prelu{}.weight", number + 1), tensor(&[*channels])));
        }
        let bytes = safetensors::serialize(tensors, None).unwrap();
        let path = format!("facenet_pytorch/data/{name}");
        wheel
            .start_file(path, SimpleFileOptions::default())
            .unwrap();
        wheel.write_all(&bytes).unwrap();
    }
    wheel.finish().unwrap();
}
