//! Bad input is refused with a message that names it, and changes nothing.

use burn::tensor::Tensor;
use ffc_core::margin::CosFace;
use ffc_core::{
    ClassPool, ClassPoolConfig, DualEmbeddings, EmbeddingBatch, Embeddings, Error, FfcConfig,
    FfcHead, SlotMapState, Storage, UpdateRule,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::{device, host, matrix, random_rows};

const DIM: usize = 4;

fn config(capacity: usize) -> ClassPoolConfig {
    ClassPoolConfig {
        capacity,
        dim: DIM,
        ..Default::default()
    }
}

fn head(capacity: usize) -> FfcHead {
    let pool = ClassPool::new(config(capacity), &device()).unwrap();
    let mut head = FfcHead::new(pool, CosFace::new(0.4).unwrap(), FfcConfig::default()).unwrap();
    head.step(batch()).unwrap();
    head
}

fn rows(seed: u64, count: usize) -> Tensor<2> {
    matrix(
        &random_rows(&mut StdRng::seed_from_u64(seed), count, DIM),
        count,
    )
}

fn batch() -> DualEmbeddings {
    let half = |seed, identities: [u64; 3]| EmbeddingBatch {
        probe: rows(seed, 3),
        gallery: Some(rows(seed + 1, 3)),
        identities: identities.to_vec(),
    };
    DualEmbeddings {
        x: half(0, [1, 2, 3]),
        y: half(2, [1, 2, 4]),
    }
}

fn state(pool: &ClassPool) -> (SlotMapState, Vec<f32>) {
    let centres = (0..2).flat_map(|layer| host(pool.centres(layer))).collect();
    (pool.slots().state(), centres)
}

/// A step that must fail, and leave the head as it was.
fn refused(head: &mut FfcHead, batch: DualEmbeddings) -> Error {
    let before = state(head.pool());
    let error = head.step(batch).unwrap_err();
    assert_eq!(state(head.pool()), before, "{error}");
    error
}

#[test]
fn settings_out_of_range() {
    let pool = |config| ClassPool::new(config, &device()).err();
    let setting = |error: Option<Error>| match error {
        Some(Error::Setting { setting, .. }) => setting,
        other => panic!("{other:?}"),
    };
    assert_eq!(setting(pool(config(0))), "capacity");
    assert_eq!(
        setting(pool(ClassPoolConfig {
            dim: 0,
            ..config(8)
        })),
        "dim"
    );
    for alpha in [-0.1, 1.5, f32::NAN] {
        let update = UpdateRule::Weighted { alpha };
        assert_eq!(
            setting(pool(ClassPoolConfig {
                update,
                ..config(8)
            })),
            "update.alpha"
        );
    }
    let head = |config| {
        let pool = ClassPool::new(self::config(8), &device()).unwrap();
        FfcHead::new(pool, CosFace::new(0.4).unwrap(), config).err()
    };
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert_eq!(
            setting(head(FfcConfig {
                scale,
                ..Default::default()
            })),
            "scale"
        );
    }
    assert_eq!(
        setting(head(FfcConfig {
            chunk: 0,
            ..Default::default()
        })),
        "chunk"
    );
    let hard_negatives = Some(0);
    assert_eq!(
        setting(head(FfcConfig {
            hard_negatives,
            ..Default::default()
        })),
        "hard_negatives"
    );
}

#[test]
fn a_pool_smaller_than_the_batch() {
    let pool = ClassPool::new(config(2), &device()).unwrap();
    let mut head = FfcHead::new(pool, CosFace::new(0.4).unwrap(), FfcConfig::default()).unwrap();
    let error = refused(&mut head, batch());
    assert!(
        matches!(
            error,
            Error::CapacityTooSmall {
                capacity: 2,
                rows: 3
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("at least 3"), "{error}");
}

#[test]
fn matrices_of_the_wrong_shape() {
    let mut head = head(8);
    type Part = fn(&mut DualEmbeddings) -> &mut Tensor<2>;
    let parts: [(Embeddings, Part); 4] = [
        (Embeddings::ProbeX, |batch| &mut batch.x.probe),
        (Embeddings::GalleryX, |batch| {
            batch.x.gallery.as_mut().unwrap()
        }),
        (Embeddings::ProbeY, |batch| &mut batch.y.probe),
        (Embeddings::GalleryY, |batch| {
            batch.y.gallery.as_mut().unwrap()
        }),
    ];
    for (name, part) in parts {
        let mut wide = batch();
        *part(&mut wide) = Tensor::ones([3, DIM + 1], &device());
        match refused(&mut head, wide) {
            Error::Dimension {
                what,
                expected,
                found,
            } => {
                assert_eq!((what, expected, found), (name, DIM, DIM + 1));
            }
            other => panic!("{other}"),
        }
        let mut long = batch();
        *part(&mut long) = rows(7, 5);
        match refused(&mut head, long) {
            Error::RowCount {
                what,
                rows,
                identities,
            } => {
                assert_eq!((what, rows, identities), (name, 5, 3));
            }
            other => panic!("{other}"),
        }
        for (value, zero) in [
            (f32::NAN, false),
            (f32::INFINITY, false),
            (f32::MAX, false),
            (0.0, true),
        ] {
            let mut bad = batch();
            let row = Tensor::full([1, DIM], value, &device());
            let matrix = part(&mut bad);
            *matrix = matrix.clone().slice_assign([1..2, 0..DIM], row);
            match (refused(&mut head, bad), zero) {
                (
                    Error::NotFinite {
                        what,
                        row,
                        identity,
                    },
                    false,
                )
                | (
                    Error::ZeroLength {
                        what,
                        row,
                        identity,
                    },
                    true,
                ) => {
                    assert_eq!((what, row, identity), (name, 1, 2));
                }
                (other, _) => panic!("{value}: {other}"),
            }
        }
    }
    // Nothing of all that stayed.
    head.step(batch()).unwrap();
}

#[test]
fn a_batch_without_rows() {
    let mut head = head(8);
    let mut empty = batch();
    empty.y = EmbeddingBatch {
        probe: Tensor::zeros([0, DIM], &device()),
        gallery: Some(Tensor::zeros([0, DIM], &device())),
        identities: Vec::new(),
    };
    let error = refused(&mut head, empty);
    assert!(
        matches!(
            error,
            Error::EmptyBatch {
                what: Embeddings::ProbeY
            }
        ),
        "{error}"
    );
}

#[test]
fn prefill_that_does_not_fit() {
    let mut pool = ClassPool::new(config(4), &device()).unwrap();
    let before = state(&pool);
    let identities: Vec<u64> = (0..5).collect();
    let errors = [
        pool.prefill(rows(0, 5), &identities).unwrap_err(),
        pool.prefill(rows(0, 5), &identities[..4]).unwrap_err(),
        pool.prefill(Tensor::zeros([2, DIM], &device()), &identities[..2])
            .unwrap_err(),
        pool.prefill(Tensor::ones([2, 3], &device()), &identities[..2])
            .unwrap_err(),
    ];
    assert!(matches!(
        errors[0],
        Error::CapacityTooSmall {
            capacity: 4,
            rows: 5
        }
    ));
    assert!(matches!(
        errors[1],
        Error::RowCount {
            what: Embeddings::Prefill,
            ..
        }
    ));
    assert!(matches!(
        errors[2],
        Error::ZeroLength {
            what: Embeddings::Prefill,
            row: 0,
            ..
        }
    ));
    assert!(matches!(
        errors[3],
        Error::Dimension {
            what: Embeddings::Prefill,
            ..
        }
    ));
    assert_eq!(state(&pool), before);
}

#[test]
fn centres_of_the_wrong_shape() {
    let layer = |capacity, dim| Tensor::<2>::ones([capacity, dim], &device());
    let what = |centres| match ClassPool::with_centres(config(6), centres) {
        Err(Error::PoolMismatch { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(what(vec![]), "layers");
    assert_eq!(what(vec![layer(6, DIM)]), "layers");
    assert_eq!(what(vec![layer(6, DIM), layer(5, DIM)]), "capacity");
    assert_eq!(what(vec![layer(6, DIM + 1), layer(6, DIM)]), "dimension");
}

#[test]
fn unknown_keys_of_a_configuration() {
    let config: ClassPoolConfig = serde_json::from_str(r#"{"capacity": 5}"#).unwrap();
    assert_eq!(
        config,
        ClassPoolConfig {
            capacity: 5,
            ..Default::default()
        }
    );
    let update = r#"{"update": {"weighted": {"alpha": 0.9}}, "storage": "bf16"}"#;
    let config: ClassPoolConfig = serde_json::from_str(update).unwrap();
    assert_eq!(config.update, UpdateRule::Weighted { alpha: 0.9 });
    assert_eq!(config.storage, Storage::Bf16);
    assert!(serde_json::from_str::<ClassPoolConfig>(r#"{"capcity": 5}"#).is_err());
    assert!(serde_json::from_str::<FfcConfig>(r#"{"scal": 5}"#).is_err());
}
