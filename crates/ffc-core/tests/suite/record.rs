//! Saving and loading a pool.

use std::error::Error as _;
use std::path::Path;

use ffc_core::margin::CosFace;
use ffc_core::{
    ClassPool, ClassPoolConfig, DualEmbeddings, EmbeddingBatch, Error, FfcConfig, FfcHead, Storage,
    UpdateRule,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::{device, host, matrix, random_identities, random_rows};

const DIM: usize = 6;

fn config(update: UpdateRule, storage: Storage) -> ClassPoolConfig {
    ClassPoolConfig {
        capacity: 12,
        dim: DIM,
        update,
        storage,
    }
}

fn head(pool: ClassPool) -> FfcHead {
    FfcHead::new(pool, CosFace::new(0.4).unwrap(), FfcConfig::default()).unwrap()
}

fn train(head: &mut FfcHead, rng: &mut StdRng, steps: usize) -> Vec<f32> {
    let mut half = || EmbeddingBatch {
        probe: matrix(&random_rows(rng, 5, DIM), 5),
        gallery: Some(matrix(&random_rows(rng, 5, DIM), 5)),
        identities: random_identities(rng, 5, 1 << 63)
            .into_iter()
            .map(|id| id % 25 + (1 << 62))
            .collect(),
    };
    (0..steps)
        .map(|_| {
            let batch = DualEmbeddings {
                x: half(),
                y: half(),
            };
            host(head.step(batch).unwrap().loss)[0]
        })
        .collect()
}

fn trained(config: &ClassPoolConfig) -> FfcHead {
    let mut head = head(ClassPool::new(config.clone(), &device()).unwrap());
    train(&mut head, &mut StdRng::seed_from_u64(0), 7);
    head
}

fn assert_same(a: &ClassPool, b: &ClassPool) {
    assert_eq!(a.slots().state(), b.slots().state());
    for layer in 0..a.config().update.layers() {
        assert_eq!(a.centres(layer).into_data(), b.centres(layer).into_data());
    }
}

#[test]
fn a_loaded_pool_goes_on_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pool.bpk");
    for update in [UpdateRule::TwoLayer, UpdateRule::Weighted { alpha: 0.7 }] {
        for storage in [Storage::F32, Storage::Bf16] {
            let config = config(update, storage);
            let mut original = trained(&config);
            original.pool().save(&path).unwrap();
            let bytes = original.pool().to_bytes().unwrap();
            let from_file = ClassPool::load(config.clone(), &path, &device()).unwrap();
            let from_bytes = ClassPool::from_bytes(config, bytes, &device()).unwrap();
            assert_same(&from_file, original.pool());
            assert_same(&from_bytes, original.pool());

            let mut loaded = head(from_file);
            let losses = train(&mut original, &mut StdRng::seed_from_u64(9), 5);
            assert_eq!(train(&mut loaded, &mut StdRng::seed_from_u64(9), 5), losses);
            assert_same(loaded.pool(), original.pool());
        }
    }
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["pool.bpk"], "nothing else is left behind");
}

#[test]
fn an_empty_pool_and_one_with_given_centres() {
    let config = config(UpdateRule::TwoLayer, Storage::F32);
    let empty = ClassPool::new(config.clone(), &device()).unwrap();
    let loaded =
        ClassPool::from_bytes(config.clone(), empty.to_bytes().unwrap(), &device()).unwrap();
    assert_same(&loaded, &empty);

    let mut rng = StdRng::seed_from_u64(4);
    let layer = matrix(&random_rows(&mut rng, 12, DIM), 12);
    let open = ClassPool::with_centres(config.clone(), vec![layer.clone(), layer]).unwrap();
    let loaded = ClassPool::from_bytes(config, open.to_bytes().unwrap(), &device()).unwrap();
    let (mut open, mut loaded) = (head(open), head(loaded));
    let losses = train(&mut open, &mut StdRng::seed_from_u64(9), 3);
    assert_eq!(train(&mut loaded, &mut StdRng::seed_from_u64(9), 3), losses);
}

#[test]
fn other_settings_are_refused() {
    let saved = config(UpdateRule::TwoLayer, Storage::F32);
    let bytes = trained(&saved).pool().to_bytes().unwrap();
    for (other, name, found) in [
        (
            ClassPoolConfig {
                capacity: 13,
                ..saved.clone()
            },
            "capacity",
            "12",
        ),
        (
            ClassPoolConfig {
                dim: 7,
                ..saved.clone()
            },
            "dimension",
            "6",
        ),
        (
            config(UpdateRule::Weighted { alpha: 0.5 }, Storage::F32),
            "update rule",
            "two_layer",
        ),
        (
            config(UpdateRule::TwoLayer, Storage::Bf16),
            "storage",
            "f32",
        ),
    ] {
        match ClassPool::from_bytes(other, bytes.clone(), &device()) {
            Err(Error::PoolMismatch {
                what, found: was, ..
            }) => assert_eq!((what, was.as_str()), (name, found)),
            other => panic!("{other:?}"),
        }
    }
}

fn cause(path: &Path) -> Error {
    let config = config(UpdateRule::TwoLayer, Storage::F32);
    match ClassPool::load(config, path, &device()) {
        Err(Error::File {
            path: named,
            source,
        }) => {
            assert_eq!(named, path);
            *source
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_that_are_no_pools() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pool.bpk");
    assert!(matches!(cause(&path), Error::Record(_)), "missing");
    let settings = config(UpdateRule::TwoLayer, Storage::F32);
    let error = ClassPool::load(settings, &path, &device()).unwrap_err();
    // What failed and, in the source, why: neither says the other.
    let (text, why) = (error.to_string(), error.source().unwrap().to_string());
    assert!(
        text.contains("pool.bpk") && !text.contains(&why),
        "{text}: {why}"
    );
    std::fs::write(&path, b"").unwrap();
    assert!(matches!(cause(&path), Error::Record(_)), "empty");
    std::fs::write(&path, b"something else entirely, and long enough").unwrap();
    assert!(matches!(cause(&path), Error::Record(_)), "another format");

    let record = burn_pack::Writer::new(Vec::new()).into_bytes().unwrap();
    std::fs::write(&path, &record[..]).unwrap();
    assert!(
        matches!(cause(&path), Error::PoolMismatch { what: "format", .. }),
        "another record"
    );

    let pool = trained(&config(UpdateRule::TwoLayer, Storage::F32));
    pool.pool().save(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for length in [5, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(cause(&path), Error::Record(_)), "cut to {length}");
    }

    let nowhere = folder.path().join("missing/pool.bpk");
    assert!(matches!(
        pool.pool().save(&nowhere),
        Err(Error::File { .. })
    ));
}

/// Any damaged byte gives an error or a pool whose parts fit together: never a panic.
#[test]
fn damaged_bytes_never_panic() {
    let config = config(UpdateRule::TwoLayer, Storage::F32);
    let whole = trained(&config).pool().to_bytes().unwrap().to_vec();
    let mut rng = StdRng::seed_from_u64(2);
    let mut refused = 0;
    for _ in 0..2000 {
        let mut bytes = whole.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = rng.random();
        }
        let bytes = burn_pack::Bytes::from_bytes_vec(bytes);
        match ClassPool::from_bytes(config.clone(), bytes, &device()) {
            Ok(pool) => assert!(pool.slots().len() <= 12),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 100, "{refused}");
}
