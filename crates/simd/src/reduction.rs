//! Sums in many lanes at once: fast, and more accurate than one number after the other.

/// A vector of AVX-512, two of AVX2.
const LANES: usize = 16;

/// Sum of `term` over a run.
#[inline(always)]
pub fn sum_of(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0; LANES];
    let (vectors, rest) = values.as_chunks::<LANES>();
    for vector in vectors {
        for i in 0..LANES {
            sums[i] += term(vector[i]);
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *sum += term(*value);
    }
    sums.iter().sum()
}

/// Sum of `term` over two runs of the same length.
#[inline(always)]
pub fn sum_of_pairs(left: &[f32], right: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0; LANES];
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    for (left, right) in left.iter().zip(right) {
        for i in 0..LANES {
            sums[i] += term(left[i], right[i]);
        }
    }
    for ((sum, left), right) in sums.iter_mut().zip(left_rest).zip(right_rest) {
        *sum += term(*left, *right);
    }
    sums.iter().sum()
}

/// The greatest of a run, or minus infinity where it is empty. NaN counts as nothing.
#[inline(always)]
pub fn greatest(values: &[f32]) -> f32 {
    let greater = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (vectors, rest) = values.as_chunks::<LANES>();
    for vector in vectors {
        for i in 0..LANES {
            lanes[i] = greater(lanes[i], vector[i]);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane = greater(*lane, *value);
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, greater)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_loops_agree() {
        for length in [0, 1, 15, 16, 17, 100] {
            let values: Vec<f32> = (0..length).map(|i| ((i * 37) % 19) as f32 - 9.0).collect();
            let other: Vec<f32> = values.iter().map(|x| 2.0 - x).collect();
            let pairs = values.iter().zip(&other);
            assert_eq!(
                sum_of(&values, |x| x * x),
                values.iter().map(|x| x * x).sum()
            );
            assert_eq!(
                sum_of_pairs(&values, &other, |a, b| a * b),
                pairs.map(|(a, b)| a * b).sum()
            );
            let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert_eq!(greatest(&values), max);
        }
        assert_eq!(greatest(&[f32::NAN, -3.0]), -3.0);
    }
}
