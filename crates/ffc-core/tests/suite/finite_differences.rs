//! The head's gradient against central differences of its loss.

use ffc_core::{
    ClassPool, ClassPoolConfig, DualEmbeddings, EmbeddingBatch, FfcConfig, Storage, UpdateRule,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::{MarginKind, device, host, matrix, matrix_on, random_rows};

const ROWS: usize = 6;
const DIM: usize = 5;
const STEP: f32 = 1e-2;

fn loss_and_gradient(margin: MarginKind, update: UpdateRule, probe: &[f32]) -> (f32, Vec<f32>) {
    let mut rng = StdRng::seed_from_u64(11);
    let config = ClassPoolConfig {
        capacity: 20,
        dim: DIM,
        update,
        storage: Storage::F32,
    };
    let mut pool = ClassPool::new(config, &device()).unwrap();
    let features = matrix(&random_rows(&mut rng, 15, DIM), 15);
    pool.prefill(features, &(0..15).collect::<Vec<u64>>())
        .unwrap();
    let config = FfcConfig {
        scale: 8.0,
        ..Default::default()
    };
    let mut head = margin.head(pool, config);
    let leaf = matrix_on(probe, 2 * ROWS, &device().autodiff()).require_grad();
    let mut half = |rows: std::ops::Range<usize>, identities: [u64; ROWS]| EmbeddingBatch {
        probe: leaf.clone().slice_dim(0, rows),
        gallery: Some(matrix(&random_rows(&mut rng, ROWS, DIM), ROWS)),
        identities: identities.to_vec(),
    };
    // Known, new, repeated and fresh identities.
    let x = half(0..ROWS, [1, 2, 30, 30, 4, 50]);
    let y = half(ROWS..2 * ROWS, [1, 2, 30, 7, 60, 61]);
    let output = head.step(DualEmbeddings { x, y }).unwrap();
    assert!(output.stats.fresh_rows > 0 && output.stats.fresh_rows < 2 * ROWS);
    let gradient = leaf.grad(&output.loss.backward()).unwrap();
    (host(output.loss)[0], host(gradient))
}

#[test]
fn gradient_is_the_slope_of_the_loss() {
    let mut rng = StdRng::seed_from_u64(5);
    let probe = random_rows(&mut rng, 2 * ROWS, DIM);
    for margin in [
        MarginKind::None,
        MarginKind::Am(0.3),
        MarginKind::Arc(0.4),
        MarginKind::Sv(0.3),
    ] {
        for update in [UpdateRule::TwoLayer, UpdateRule::Weighted { alpha: 0.6 }] {
            let (loss, gradient) = loss_and_gradient(margin, update, &probe);
            let largest = gradient.iter().fold(0.0f32, |a, b| a.max(b.abs()));
            let mut jumps = 0;
            for at in 0..probe.len() {
                let moved = |by: f32| {
                    let mut probe = probe.clone();
                    probe[at] += by;
                    loss_and_gradient(margin, update, &probe).0
                };
                let (below, above) = (moved(-STEP), moved(STEP));
                // SV's rule for hard negatives is a jump: no slope to compare with.
                if (above - 2.0 * loss + below).abs() > STEP * largest {
                    jumps += 1;
                    continue;
                }
                let slope = (above - below) / (2.0 * STEP);
                let error = (slope - gradient[at]).abs() / largest;
                assert!(
                    error < 1e-2,
                    "{margin:?} {update:?}, element {at}: {} but slope {slope}",
                    gradient[at]
                );
            }
            let allowed = if matches!(margin, MarginKind::Sv(_)) {
                6
            } else {
                0
            };
            assert!(jumps <= allowed, "{margin:?} {update:?}: {jumps} jumps");
        }
    }
}
