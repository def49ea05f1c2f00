//! What the naive oracles of the heads are made of: plain loops in f64. They know losses alone; slopes are differences of losses.

/// Rows of `dim` numbers.
pub fn rows(values: &[f32], dim: usize) -> Vec<Vec<f64>> {
    let rows = values.chunks_exact(dim);
    rows.map(|row| row.iter().map(|&value| f64::from(value)).collect())
        .collect()
}

pub fn flat(rows: &[Vec<f64>]) -> Vec<f32> {
    rows.iter().flatten().map(|&value| value as f32).collect()
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub fn unit(row: &[f64]) -> Vec<f64> {
    let length = dot(row, row).sqrt();
    row.iter().map(|value| value / length).collect()
}

pub fn units(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    rows.iter().map(|row| unit(row)).collect()
}

/// -log of the target's share in the softmax over it and the others.
pub fn cross_entropy(target: f64, others: impl IntoIterator<Item = f64>) -> f64 {
    let logits: Vec<f64> = others.into_iter().chain([target]).collect();
    let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - max).exp()).sum();
    max + sum.ln() - target
}

/// Central differences of `loss` by every element of `rows`.
pub fn gradient(rows: &[Vec<f64>], loss: impl Fn(&[Vec<f64>]) -> f64) -> Vec<Vec<f64>> {
    let mut moved = rows.to_vec();
    let mut slopes = rows.to_vec();
    for row in 0..rows.len() {
        for at in 0..rows[row].len() {
            let value = rows[row][at];
            let step = 1e-5 * value.abs().max(0.1);
            moved[row][at] = value + step;
            let above = loss(&moved);
            moved[row][at] = value - step;
            let below = loss(&moved);
            moved[row][at] = value;
            slopes[row][at] = (above - below) / (2.0 * step);
        }
    }
    slopes
}
