use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// How far two embeddings are from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TripletDistance {
    /// 1 - cosine.
    Cosine,
    /// Length of the difference.
    Euclidean,
    /// Squared length of the difference.
    EuclideanSquared,
}

/// Distances of pairs of rows.
pub(super) struct PairDistances {
    /// `[pairs, 1]`.
    pub(super) value: Tensor<2>,
    /// Derivative by the first row of each pair, `[pairs, dim]`.
    pub(super) by_first: Tensor<2>,
    /// Derivative by the second.
    pub(super) by_second: Tensor<2>,
}

impl TripletDistance {
    /// Between the rows of `first` and `second`, `[pairs, dim]`. Equal rows have no direction to part in: their derivative is 0.
    pub(super) fn pairs(self, first: Tensor<2>, second: Tensor<2>) -> PairDistances {
        match self {
            Self::Cosine => PairDistances {
                value: (first.clone() * second.clone()).sum_dim(1).neg() + 1.0,
                by_first: second.neg(),
                by_second: first.neg(),
            },
            Self::Euclidean => {
                let difference = first - second;
                let value = difference.clone().square().sum_dim(1).sqrt();
                let equal = value.clone().lower_equal_scalar(0.0);
                let by_first = difference / value.clone().mask_fill(equal, 1.0);
                PairDistances {
                    value,
                    by_second: by_first.clone().neg(),
                    by_first,
                }
            }
            Self::EuclideanSquared => {
                let difference = first - second;
                let by_first = difference.clone() * 2.0;
                PairDistances {
                    value: difference.square().sum_dim(1),
                    by_second: by_first.clone().neg(),
                    by_first,
                }
            }
        }
    }
}
