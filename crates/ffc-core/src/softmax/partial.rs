use burn::tensor::Tensor;

use super::softmax_with_sum;

/// The softmax of each row over a set of centres. Two disjoint sets merge exactly.
#[derive(Debug, Clone)]
pub struct PartialSoftmax {
    /// Logarithm of the sum of exp(logit), `[rows, 1]`.
    pub log_sum_exp: Tensor<2>,
    /// Mean of the centres, weighted by the softmax, `[rows, dim]`: the gradient of `log_sum_exp` by the query, as it was multiplied with
    /// the centres. Where a margin reshapes the cosines, each centre counts times its slope.
    pub mean: Tensor<2>,
}

/// Logits of rows with centres.
#[derive(Debug, Clone)]
pub struct Logits {
    /// `[rows, columns]`.
    pub value: Tensor<2>,
    /// Derivative of each by its product with the row, `[rows, columns]` or `[1, columns]`. None where it is 1.
    pub slope: Option<Tensor<2>>,
}

impl From<Tensor<2>> for Logits {
    fn from(value: Tensor<2>) -> Self {
        Self { value, slope: None }
    }
}

impl PartialSoftmax {
    /// # Shapes
    ///
    /// - `logits`: `[rows, columns]`
    /// - `centres`: `[columns, dim]`
    pub fn new(logits: Logits, centres: Tensor<2>) -> Self {
        let (share, log_sum_exp) = softmax_with_sum(logits.value);
        let weight = match logits.slope {
            Some(slope) => share * slope,
            None => share,
        };
        Self {
            log_sum_exp,
            mean: weight.matmul(centres),
        }
    }

    /// That over both sets, of the same rows.
    pub fn merge(self, other: Self) -> Self {
        let max = self.log_sum_exp.clone().max_pair(other.log_sum_exp.clone());
        let a = (self.log_sum_exp - max.clone()).exp();
        let b = (other.log_sum_exp - max.clone()).exp();
        let sum = a.clone() + b.clone();
        Self {
            log_sum_exp: max + sum.clone().log(),
            mean: self.mean * (a / sum.clone()) + other.mean * (b / sum),
        }
    }

    /// Those of several sets of rows below each other.
    pub fn stack(parts: Vec<Self>) -> Self {
        let (log_sum_exp, mean) = parts
            .into_iter()
            .map(|part| (part.log_sum_exp, part.mean))
            .unzip();
        Self {
            log_sum_exp: Tensor::cat(log_sum_exp, 0),
            mean: Tensor::cat(mean, 0),
        }
    }
}
