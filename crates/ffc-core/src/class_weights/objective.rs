use std::ops::Range;

use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;

use super::{LabelsInChunk, Rows, Sgd, Shard};
use crate::Result;
use crate::embeddings::{UnitRows, lengths};
use crate::flex::Kernels;
use crate::margin::{Margin, Reshaped};
use crate::softmax::{HIDDEN, PartialSoftmax, softmax_with_sum, softplus};

/// Margin cross-entropy of unit embeddings with normalised class weights, and the step that the weights make by it.
///
/// With u = x / |x|, v = w / |w| and c = u . v a row's loss is softplus(r - z): z is its target's scaled cosine after the margin, r the
/// log-sum-exp of all others. With p the softmax over both, d loss / d c is s p for the others and -s (1 - p) slope for the target.
///
/// # Cost
///
/// Two passes over the weights, chunk by chunk: the first finds r and the gradient by the embeddings, the second, which has to know
/// r, that by the weights, and lets them step at once. Three products `[rows, dim] x [dim, classes]`; a fourth repeats the first for
/// the chunks whose softmax was not kept. Rows are never normalised in memory: their lengths scale the columns of `[rows, chunk]`,
/// which are fewer numbers than `[chunk, dim]`; what a chunk's share in the whole softmax is scales the queries.
pub(crate) struct Objective<'a> {
    pub(crate) margin: &'a dyn Margin,
    /// s.
    pub(crate) scale: f32,
    /// Classes that are scored at once.
    pub(crate) chunk: usize,
    /// Bytes of `[rows, chunk]` that the first pass keeps for the second.
    pub(crate) keep_bytes: usize,
    /// Which classes are here.
    pub(crate) shard: &'a Shard,
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

/// What the first pass finds in a chunk of the classes.
struct Scored {
    range: Range<usize>,
    /// None where it holds no row's target.
    labels: Option<LabelsInChunk>,
    /// 1 / |w|, `[1, width]`.
    inverse: Tensor<2>,
    /// Log-sum-exp of the chunk's logits but the targets', `[rows, 1]`.
    log_sum_exp: Tensor<2>,
    /// Its derivatives by the products of queries and raw rows, `[rows, width]`. None where they were not kept.
    weight: Option<Tensor<2>>,
}

impl Objective<'_> {
    /// Scores the embeddings and lets the rows make their step. `rows` is none where a shard has none of the classes that take part.
    ///
    /// # Shapes
    ///
    /// - `labels`: a row of `rows` for each embedding, or [`ELSEWHERE`](super::ELSEWHERE)
    ///
    /// # Errors
    ///
    /// Where the classes are sharded and a device or a rank fails.
    pub(crate) fn step(
        &self,
        probe: &UnitRows,
        labels: &[u32],
        rows: Option<&mut Rows>,
        sgd: Sgd,
    ) -> Result<Outcome> {
        let count = labels.len() as f32;
        let unit = &probe.unit;
        let queries = self.queries(unit);

        let own = (self.shard).targets(labels, rows.as_deref(), unit)?;
        let own_inverse = lengths(&own).recip();
        let own = own * own_inverse.clone();
        let cosine = (unit.clone() * own.clone()).sum_dim(1);
        let target = (self.margin).target_with_length(cosine.clone(), &probe.length);
        let Reshaped { value, slope } = target;

        let (others, scored) = self.score(&queries, &cosine, labels, rows.as_deref());
        let others = self.shard.merge(others)?;
        let excess = others.log_sum_exp - value.clone() * self.scale;
        // 1 - p of the target.
        let miss = sigmoid(excess.clone());
        let pull = miss.clone() * (self.scale / count);
        let gradient = (others.mean - own * slope.clone()) * pull;
        let losses = softplus(excess);

        // Of all logits: z + softplus(r - z).
        let log_sum_exp = value * self.scale + losses.clone();
        let weight = self.weight_of_a_row() / count;
        let pulls = queries.clone() * (miss * slope * own_inverse * -weight);
        let outcome = Outcome {
            losses,
            gradient,
            target_cosine: cosine.clone().mean(),
        };
        let Some(rows) = rows else {
            return Ok(outcome);
        };
        for chunk in scored {
            let of_chunk = chunk.weight.unwrap_or_else(|| {
                let some = rows.weights(chunk.range.clone());
                let product = queries.clone().matmul(some.transpose());
                self.softmax(product, &cosine, &chunk.inverse, chunk.labels.as_ref())
                    .0
            });
            // The chunk's share in the softmax over all.
            let share = (chunk.log_sum_exp - log_sum_exp.clone()).exp() * weight;
            let mut gradient = of_chunk.transpose().matmul(queries.clone() * share);
            if let Some(labels) = chunk.labels {
                gradient = labels.add_rows(gradient, pulls.clone());
            }
            rows.descend(chunk.range, gradient, chunk.inverse, sgd);
        }
        Ok(outcome)
    }

    /// The softmax over the shard's classes but each row's target, and what is known of each chunk.
    ///
    /// # Shapes
    ///
    /// - `cosine`: with the targets, `[rows, 1]`
    fn score(
        &self,
        queries: &Tensor<2>,
        cosine: &Tensor<2>,
        labels: &[u32],
        rows: Option<&Rows>,
    ) -> (PartialSoftmax, Vec<Scored>) {
        let mut others = PartialSoftmax {
            log_sum_exp: cosine.full_like(HIDDEN),
            mean: queries.zeros_like(),
        };
        let mut scored = Vec::new();
        let Some(rows) = rows else {
            return (others, scored);
        };
        let mut free_bytes = self.keep_bytes;
        for start in (0..rows.len()).step_by(self.chunk) {
            let range = start..rows.len().min(start + self.chunk);
            let some = rows.weights(range.clone());
            let inverse = rows.inverse_lengths(range.clone());
            let labels = LabelsInChunk::new(labels, &range, &queries.device());
            let product = queries.clone().matmul(some.clone().transpose());
            let (weight, log_sum_exp) = self.softmax(product, cosine, &inverse, labels.as_ref());
            let bytes = weight.shape().num_elements() * size_of::<f32>();
            let kept = (bytes <= free_bytes).then(|| {
                free_bytes -= bytes;
                weight.clone()
            });
            others = others.merge(PartialSoftmax {
                log_sum_exp: log_sum_exp.clone(),
                mean: weight.matmul(some),
            });
            scored.push(Scored {
                range,
                labels,
                inverse,
                log_sum_exp,
                weight: kept,
            });
        }
        (others, scored)
    }

    /// The softmax over a chunk but for the targets: derivatives of its log-sum-exp by the products, and the log-sum-exp, `[rows, 1]`.
    ///
    /// # Shapes
    ///
    /// - `product`: of queries and raw classes, `[rows, width]`
    /// - `target`: cosines with the targets, `[rows, 1]`
    /// - `inverse`: 1 / |w|, `[1, width]`
    fn softmax(
        &self,
        product: Tensor<2>,
        target: &Tensor<2>,
        inverse: &Tensor<2>,
        labels: Option<&LabelsInChunk>,
    ) -> (Tensor<2>, Tensor<2>) {
        if self.margin.negatives().is_none()
            && let Some(kernels) = Kernels::of(&product)
        {
            let hidden = |row| labels.and_then(|labels| labels.column(row));
            return kernels.softmax(product, Some(inverse), hidden);
        }
        let product = product * inverse.clone();
        let (mut logits, slope) = match self.margin.negatives() {
            Some(rule) => {
                let Reshaped { value, slope } = rule.reshape(product, target.clone());
                (value * self.scale, slope * inverse.clone())
            }
            None => (product, inverse.clone()),
        };
        if let Some(labels) = labels {
            logits = labels.add(logits, HIDDEN);
        }
        let (share, log_sum_exp) = softmax_with_sum(logits);
        (share * slope, log_sum_exp)
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
}
