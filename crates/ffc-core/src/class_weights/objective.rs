use std::ops::Range;

use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{DType, Tensor};

use super::{LabelsInChunk, Rows, Sgd};
use crate::embeddings::{UnitRows, lengths, normalize};
use crate::margin::{Margin, Reshaped};
use crate::softmax::{HIDDEN, Logits, PartialSoftmax, chunks, softplus};
use crate::upload::indices;

/// Margin cross-entropy of unit embeddings with normalised class weights, and the step that the weights make by it.
///
/// With u = x / |x|, v = w / |w| and c = u . v a row's loss is softplus(r - z): z is its target's scaled cosine after the margin, r the
/// log-sum-exp of all others. With p the softmax over both, d loss / d c is s p for the others and -s (1 - p) slope for the target.
///
/// # Cost
///
/// Two passes over the weights, chunk by chunk: the first finds r and the gradient by the embeddings, the second, which has to know
/// r, that by the weights, and lets them step at once. Three products `[rows, dim] x [dim, classes]`; a fourth repeats the first for
/// the classes whose cosines were not kept. Rows are never normalised in memory: their lengths scale the columns of `[rows, chunk]`,
/// which are fewer numbers than `[chunk, dim]`.
pub(crate) struct Objective<'a> {
    pub(crate) margin: &'a dyn Margin,
    /// s.
    pub(crate) scale: f32,
    /// Classes that are scored at once.
    pub(crate) chunk: usize,
    /// Bytes of cosines that the first pass keeps for the second.
    pub(crate) keep_bytes: usize,
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
    range: Range<usize>,
    /// 1 / |w|, `[1, width]`.
    inverse: Tensor<2>,
    /// Log-sum-exp of the chunk's logits but the targets', `[rows, 1]`.
    log_sum_exp: Tensor<2>,
    /// Products of queries and unit classes, `[rows, width]`. None where they were not kept.
    similarity: Option<Tensor<2>>,
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
        let queries = self.queries(unit);

        let own = (rows.weight.clone()).select(0, indices(labels, &unit.device()));
        let own = normalize(own.cast(DType::F32));
        let cosine = (unit.clone() * own.clone()).sum_dim(1);
        let target = (self.margin).target_with_length(cosine.clone(), &probe.length);
        let Reshaped { value, slope } = target;

        let (others, scored) = self.score(&queries, &cosine, labels, rows);
        let excess = others.log_sum_exp - value.clone() * self.scale;
        // 1 - p of the target.
        let miss = sigmoid(excess.clone());
        let pull = miss.clone() * (self.scale / count);
        let gradient = (others.mean - own * slope.clone()) * pull;
        let losses = softplus(excess);

        // Of all logits: z + softplus(r - z).
        let log_sum_exp = value * self.scale + losses.clone();
        let weight = self.weight_of_a_row() / count;
        let pull = miss * slope * -weight;
        for chunk in scored {
            let some = rows.slice(chunk.range.clone());
            let start = chunk.range.start;
            let labels = LabelsInChunk::new(labels, &chunk.range, &unit.device());
            let similarity = chunk
                .similarity
                .unwrap_or_else(|| similarity(&queries, &some.weight, &chunk.inverse));
            let logits = self.others(similarity.clone(), &cosine, labels.as_ref());
            // The softmax over the chunk, times the chunk's share in all.
            let of_chunk = (chunk.log_sum_exp - log_sum_exp.clone()).exp() * weight;
            let mut share = softmax(logits.value, 1) * of_chunk;
            if let Some(slope) = logits.slope {
                share = share * slope;
            }
            if let Some(labels) = labels {
                share = labels.add(share, pull.clone());
            }
            // By raw rows: (g - (g . v) v) / |w|.
            let share = share * chunk.inverse.clone();
            let gradient = share.clone().transpose().matmul(queries.clone());
            let radial = (similarity * share).sum_dim(0) * chunk.inverse;
            rows.assign(start, sgd.step(some, gradient, radial.transpose()));
        }

        Outcome {
            losses,
            gradient,
            target_cosine: cosine.mean(),
        }
    }

    /// The softmax over all classes but each row's target, and what is known of each chunk.
    ///
    /// # Shapes
    ///
    /// - `cosine`: with the targets, `[rows, 1]`
    fn score(
        &self,
        queries: &Tensor<2>,
        cosine: &Tensor<2>,
        labels: &[u32],
        rows: &Rows,
    ) -> (PartialSoftmax, Vec<Scored>) {
        let mut others = PartialSoftmax {
            log_sum_exp: cosine.full_like(HIDDEN),
            mean: queries.zeros_like(),
        };
        let mut scored = Vec::new();
        let mut free_bytes = self.keep_bytes;
        for chunk in chunks(&rows.weight, self.chunk) {
            let range = chunk.start..chunk.start + chunk.centres.dims()[0];
            let inverse = lengths(&chunk.centres).recip().transpose();
            let labels = LabelsInChunk::new(labels, &range, &queries.device());
            let similarity = similarity(queries, &chunk.centres, &inverse);
            let bytes = similarity.shape().num_elements() * size_of::<f32>();
            let kept = (bytes <= free_bytes).then(|| {
                free_bytes -= bytes;
                similarity.clone()
            });
            let mut logits = self.others(similarity, cosine, labels.as_ref());
            // The centres are not of unit length: see `mean` of the softmax.
            logits.slope = Some(match logits.slope {
                Some(slope) => slope * inverse.clone(),
                None => inverse.clone(),
            });
            let found = PartialSoftmax::new(logits, chunk.centres);
            scored.push(Scored {
                range,
                inverse,
                log_sum_exp: found.log_sum_exp.clone(),
                similarity: kept,
            });
            others = others.merge(found);
        }
        (others, scored)
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

/// Products of queries and unit classes, `[rows, width]`.
fn similarity(queries: &Tensor<2>, weight: &Tensor<2>, inverse: &Tensor<2>) -> Tensor<2> {
    queries.clone().matmul(weight.clone().transpose()) * inverse.clone()
}
