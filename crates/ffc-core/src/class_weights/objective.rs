use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{DType, Tensor};

use super::{LabelsInChunk, Rows, Sgd};
use crate::embeddings::{UnitRows, lengths, normalize};
use crate::margin::{Margin, Reshaped};
use crate::softmax::{HIDDEN, Logits, PartialSoftmax, softplus};
use crate::upload::indices;

/// Margin cross-entropy of unit embeddings with normalised class weights, and the step that the weights make by it.
///
/// With u = x / |x|, v = w / |w| and c = u . v a row's loss is softplus(r - z): z is its target's scaled cosine after the margin, r the
/// log-sum-exp of all others. With p the softmax over both, d loss / d c is s p for the others and -s (1 - p) slope for the target.
///
/// # Cost
///
/// Two passes over the weights, chunk by chunk: the first finds r and the gradient by the embeddings, the second, which has to know
/// r, that by the weights, and lets them step at once. So four products `[rows, dim] x [dim, classes]`, of which one repeats the
/// first; what the embeddings and the weights would cost with the whole `[rows, classes]` matrix in memory is three. Rows are never
/// normalised in memory: their lengths scale the columns of `[rows, chunk]`, which are fewer numbers than `[chunk, dim]`.
pub(crate) struct Objective<'a> {
    pub(crate) margin: &'a dyn Margin,
    /// s.
    pub(crate) scale: f32,
    /// Classes that are scored at once.
    pub(crate) chunk: usize,
}

/// What a step gives.
pub(crate) struct Outcome {
    /// Loss of each row, `[rows, 1]`.
    pub(crate) losses: Tensor<2>,
    /// Gradient of the mean loss by the unit embeddings, `[rows, dim]`.
    pub(crate) gradient: Tensor<2>,
    /// Mean cosine with the targets before the margin, `[1]`.
    pub(crate) target_cosine: Tensor<1>,
}

/// What the second pass must know of a chunk.
struct Scored {
    /// 1 / |w|, `[1, width]`.
    inverse: Tensor<2>,
    /// Log-sum-exp of the chunk's logits but the targets', `[rows, 1]`.
    log_sum_exp: Tensor<2>,
}

impl Objective<'_> {
    /// Scores the embeddings and lets the rows make their step.
    ///
    /// # Shapes
    ///
    /// - `labels`: a row of `rows` for each embedding
    pub(crate) fn step(
        &self,
        probe: &UnitRows,
        labels: &[u32],
        rows: &mut Rows,
        sgd: Sgd,
    ) -> Outcome {
        let count = labels.len() as f32;
        let unit = &probe.unit;
        let device = unit.device();
        let queries = self.queries(unit);

        let own = rows.weight.clone().select(0, indices(labels, &device));
        let own = normalize(own.cast(DType::F32));
        let cosine = (unit.clone() * own.clone()).sum_dim(1);
        let target_cosine = cosine.clone().mean();
        let Reshaped { value, slope } = self
            .margin
            .target_with_length(cosine.clone(), &probe.length);

        let mut scored = Vec::new();
        let mut others: Option<PartialSoftmax> = None;
        for start in (0..rows.len()).step_by(self.chunk) {
            let range = start..rows.len().min(start + self.chunk);
            let weight = rows
                .weight
                .clone()
                .slice_dim(0, range.clone())
                .cast(DType::F32);
            let inverse = lengths(&weight).recip().transpose();
            let labels = LabelsInChunk::new(labels, &range, &device);
            let similarity = queries.clone().matmul(weight.clone().transpose()) * inverse.clone();
            let Logits { value, slope } = self.others(similarity, &cosine, labels.as_ref());
            let slope = match slope {
                Some(slope) => slope * inverse.clone(),
                None => inverse.clone(),
            };
            let logits = Logits {
                value,
                slope: Some(slope),
            };
            let found = PartialSoftmax::new(logits, weight);
            scored.push(Scored {
                inverse,
                log_sum_exp: found.log_sum_exp.clone(),
            });
            others = Some(match others {
                Some(sum) => sum.merge(found),
                None => found,
            });
        }
        // A target is always there, so there is a chunk.
        let others = others.unwrap_or_else(|| PartialSoftmax {
            log_sum_exp: cosine.full_like(HIDDEN),
            mean: unit.zeros_like(),
        });

        let excess = others.log_sum_exp - value.clone() * self.scale;
        // 1 - p of the target.
        let miss = sigmoid(excess.clone());
        let gradient = (others.mean - own * slope.clone()) * (miss.clone() * (self.scale / count));
        let losses = softplus(excess.clone());

        // Log-sum-exp of all logits: z + softplus(r - z).
        let normaliser = value * self.scale + losses.clone();
        let weight_of_a_row = self.weight_of_a_row() / count;
        let pull = miss * slope * -weight_of_a_row;
        for (scored, start) in scored.into_iter().zip((0..).step_by(self.chunk)) {
            let range = start..rows.len().min(start + self.chunk);
            let some = rows.slice(range.clone());
            let labels = LabelsInChunk::new(labels, &range, &device);
            let Scored {
                inverse,
                log_sum_exp,
            } = scored;
            let similarity =
                queries.clone().matmul(some.weight.clone().transpose()) * inverse.clone();
            let Logits { value, slope } = self.others(similarity.clone(), &cosine, labels.as_ref());
            let of_chunk = (log_sum_exp - normaliser.clone()).exp() * weight_of_a_row;
            let mut share = softmax(value, 1) * of_chunk;
            if let Some(slope) = slope {
                share = share * slope;
            }
            if let Some(labels) = labels {
                share = labels.add(share, pull.clone());
            }
            // By raw rows: (g - (g . v) v) / |w|.
            let share = share * inverse.clone();
            let gradient = share.clone().transpose().matmul(queries.clone());
            let radial = (similarity * share).sum_dim(0) * inverse;
            rows.assign(start, sgd.step(some, gradient, radial.transpose()));
        }

        Outcome {
            losses,
            gradient,
            target_cosine,
        }
    }

    /// Rows whose products with classes are taken: scaled at once where no rule asks for plain cosines, since there are fewer rows
    /// than products.
    fn queries(&self, unit: &Tensor<2>) -> Tensor<2> {
        match self.margin.negatives() {
            Some(_) => unit.clone(),
            None => unit.clone() * self.scale,
        }
    }

    /// What a derivative by a scaled cosine counts in one by the [`queries`](Self::queries)' products.
    fn weight_of_a_row(&self) -> f32 {
        match self.margin.negatives() {
            Some(_) => self.scale,
            None => 1.0,
        }
    }

    /// Logits of all classes of a chunk but the targets.
    ///
    /// # Shapes
    ///
    /// - `similarity`: products of queries and unit classes, `[rows, width]`
    /// - `target`: cosines with the targets, `[rows, 1]`
    fn others(
        &self,
        similarity: Tensor<2>,
        target: &Tensor<2>,
        labels: Option<&LabelsInChunk>,
    ) -> Logits {
        let mut logits = match self.margin.negatives() {
            Some(rule) => {
                let Reshaped { value, slope } = rule.reshape(similarity, target.clone());
                Logits {
                    value: value * self.scale,
                    slope: Some(slope),
                }
            }
            None => similarity.into(),
        };
        if let Some(labels) = labels {
            logits.value = labels.add_scalar(logits.value, HIDDEN);
        }
        logits
    }
}
