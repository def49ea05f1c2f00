//! What a step reports.

use ffc_core::margin::CosFace;
use ffc_core::{ClassPool, ClassPoolConfig, DualEmbeddings, EmbeddingBatch, FfcConfig, FfcHead};

use crate::support::{device, host, matrix};

fn head(capacity: usize) -> FfcHead {
    let config = ClassPoolConfig {
        capacity,
        dim: 4,
        ..Default::default()
    };
    let pool = ClassPool::new(config, &device()).unwrap();
    FfcHead::new(pool, CosFace::new(0.4).unwrap(), FfcConfig::default()).unwrap()
}

/// Rows along axes, of any length.
fn half(axes: [usize; 3], identities: [u64; 3]) -> EmbeddingBatch {
    let mut rows = [0.0; 12];
    for (row, axis) in axes.into_iter().enumerate() {
        rows[row * 4 + axis] = 2.5;
    }
    EmbeddingBatch {
        probe: matrix(&rows, 3),
        gallery: Some(matrix(&rows, 3)),
        identities: identities.to_vec(),
    }
}

#[test]
fn counts_fresh_rows_fill_and_evictions() {
    let mut head = head(4);
    let x = half([0, 1, 2], [10, 11, 12]);
    let y = half([0, 1, 3], [10, 11, 13]);
    let stats = head.step(DualEmbeddings { x, y }).unwrap().stats;
    // Pass A knows y's identities, so x's third row is fresh; pass B the other way round.
    assert_eq!((stats.rows, stats.fresh_rows), (6, 2));
    assert!((stats.fresh_share() - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(
        (stats.pool_used, stats.pool_capacity, stats.evictions),
        (3, 4, 0)
    );
    assert!((stats.pool_fill() - 0.75).abs() < 1e-12);
    // Every known row lies on the centre of its identity.
    assert!((host(stats.mean_target_cosine.unwrap())[0] - 1.0).abs() < 1e-6);

    let x = half([0, 1, 2], [20, 21, 22]);
    let y = half([1, 0, 3], [20, 21, 23]);
    let stats = head.step(DualEmbeddings { x, y }).unwrap().stats;
    assert_eq!((stats.pool_used, stats.evictions), (4, 2));
    let kept: Vec<u64> = head
        .pool()
        .slots()
        .by_recency()
        .map(|(identity, _)| identity)
        .collect();
    assert_eq!(kept, [22, 21, 20, 12]);
    // At right angles to it.
    assert!(host(stats.mean_target_cosine.unwrap())[0].abs() < 1e-6);
}

#[test]
fn has_no_target_cosine_where_every_row_is_fresh() {
    let mut head = head(10);
    let x = half([0, 1, 2], [1, 2, 3]);
    let y = half([0, 1, 2], [4, 5, 6]);
    let output = head.step(DualEmbeddings { x, y }).unwrap();
    assert_eq!(output.stats.fresh_rows, 6);
    assert!(output.stats.mean_target_cosine.is_none());
    // Each row finds one centre at cosine 1 among the three that it sees, in both passes and terms.
    assert!((host(output.loss)[0] - 4.0 / 3.0).abs() < 1e-6);
}
