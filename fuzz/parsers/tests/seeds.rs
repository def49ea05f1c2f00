//! Every seed, and every input that once broke a parser, goes through its parser.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use ffc_core::{ClassPool, ClassPoolConfig, Storage, UpdateRule};
use ffc_data::{BuildConfig, Folder, IndexBuilder};
use ffc_fuzz_parsers::ALL;

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
    let source = Folder::open(&folder.path().join("set")).unwrap();
    let index = seeds().join("index/folder.ffc-index");
    IndexBuilder::build(&source, &index, &BuildConfig::default(), &mut |_| {}).unwrap();
}
