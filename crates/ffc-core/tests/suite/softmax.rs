//! The softmax over chunks against sums written out, for any chunk and any split.

use burn::tensor::Tensor;
use ffc_core::softmax::{HIDDEN, Logits, PartialSoftmax, chunks, scan};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::{assert_close, host, matrix, random_rows};

const ROWS: usize = 5;
const CENTRES: usize = 23;
const DIM: usize = 7;
const SCALE: f32 = 8.0;

/// Log-sum-exp and mean of the centres in f64.
fn naive(queries: &[f32], centres: &[f32], sees: impl Fn(usize, usize) -> bool) -> [Vec<f32>; 2] {
    let (mut sums, mut means) = (Vec::new(), Vec::new());
    for (row, query) in queries.chunks_exact(DIM).enumerate() {
        let mut sum = 0.0;
        let mut mean = vec![0.0; DIM];
        for (at, centre) in centres.chunks_exact(DIM).enumerate() {
            if !sees(row, at) {
                continue;
            }
            let product: f64 = query
                .iter()
                .zip(centre)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum();
            let share = (f64::from(SCALE) * product).exp();
            sum += share;
            for (mean, value) in mean.iter_mut().zip(centre) {
                *mean += share * f64::from(*value);
            }
        }
        sums.push(sum.ln() as f32);
        means.extend(mean.into_iter().map(|mean| (mean / sum) as f32));
    }
    [sums, means]
}

fn assert_equal(what: &str, found: PartialSoftmax, [sums, means]: &[Vec<f32>; 2]) {
    assert_close(what, &host(found.log_sum_exp), sums, 1e-5);
    assert_close(what, &host(found.mean), means, 1e-5);
}

#[test]
fn any_chunks_and_any_split_give_the_same_sums() {
    let mut rng = StdRng::seed_from_u64(4);
    let queries = random_rows(&mut rng, ROWS, DIM);
    let centres = random_rows(&mut rng, CENTRES, DIM);
    let expected = naive(&queries, &centres, |_, _| true);
    let scaled = matrix(&queries, ROWS) * SCALE;
    let centres = matrix(&centres, CENTRES);
    let plain = |_: usize, _: &_, product: Tensor<2>| Logits::from(product);
    for width in [1, 2, 7, CENTRES, 100] {
        let mut found = scan(&scaled, chunks(&centres, width), 1, plain);
        assert_eq!(found.len(), 1);
        assert_equal(&format!("width {width}"), found.remove(0), &expected);
    }
    for first in [1, 11, 22] {
        let [a, b] = [0..first, first..CENTRES].map(|shard| {
            let shard = centres.clone().slice_dim(0, shard);
            scan(&scaled, chunks(&shard, 4), 1, plain).remove(0)
        });
        assert_equal(&format!("split at {first}"), b.merge(a), &expected);
    }
    assert!(scan(&scaled, std::iter::empty(), 1, plain).is_empty());
}

/// What a head makes of the products can depend on the term and on where the chunk stands.
#[test]
fn terms_and_hidden_centres() {
    let mut rng = StdRng::seed_from_u64(5);
    let queries = random_rows(&mut rng, ROWS, DIM);
    let centres = random_rows(&mut rng, CENTRES, DIM);
    let found = scan(
        &(matrix(&queries, ROWS) * SCALE),
        chunks(&matrix(&centres, CENTRES), 4),
        2,
        |term, chunk, product| {
            // In the second term centre 9 is hidden from all.
            let mut hidden = vec![0.0; product.dims()[1]];
            if term == 1 && (chunk.start..chunk.start + hidden.len()).contains(&9) {
                hidden[9 - chunk.start] = HIDDEN;
            }
            (product + matrix(&hidden, 1)).into()
        },
    );
    let [first, second] = found.try_into().unwrap();
    assert_equal("all", first, &naive(&queries, &centres, |_, _| true));
    assert_equal(
        "hidden",
        second,
        &naive(&queries, &centres, |_, at| at != 9),
    );
}
