use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Device;
use ffc_core::collective::Collective;
use ffc_eval::{Evaluation, ThresholdsFile};
use ffc_model::Backbone;

use super::evaluator::Evaluator;
use crate::Result;
use crate::checkpoint::{Best, Scored};
use crate::progress::Progress;
use crate::run::{EvaluationMetrics, Scores, rounded};
use crate::trainer::Trainer;

/// The evaluations of a run.
pub(super) struct Evaluations<'a> {
    evaluators: Vec<Evaluator>,
    /// What tells them from others, in the same order.
    identities: Vec<String>,
    device: &'a Device,
    progress: Progress,
    ranks: Arc<dyn Collective>,
}

/// File of a run for the thresholds of its best network.
pub(super) const THRESHOLDS: &str = "thresholds.json";

/// What they found.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) measures: Vec<EvaluationMetrics>,
    /// The first measure of the first evaluation's first protocol, which decides which network is best.
    pub(super) deciding: Option<Best>,
    /// For the report.
    pub(super) scores: Scores,
    /// Of the first evaluation whose pairs show any.
    pub(super) thresholds: Option<ThresholdsFile>,
}

impl<'a> Evaluations<'a> {
    pub(super) fn new(
        evaluators: Vec<Evaluator>,
        device: &'a Device,
        progress: Progress,
        ranks: Arc<dyn Collective>,
    ) -> Result<Self> {
        Ok(Self {
            identities: evaluators
                .iter()
                .map(Evaluator::identity)
                .collect::<Result<_>>()?,
            evaluators,
            device,
            progress,
            ranks,
        })
    }

    /// Measures the gallery network, or the probe network where there is no other. After the `last` step the probe network
    /// too in any case, with the scores for the report. Of several ranks each embeds its share of the pictures, and the first one measures: the others
    /// find nothing.
    pub(super) fn run(&self, trainer: &Trainer, step: u64, last: bool) -> Result<Findings> {
        let mut findings = Findings::default();
        let name = match trainer.gallery() {
            Some(_) => "gallery",
            None => "probe",
        };
        let network = trainer.evaluated_network().valid();
        for (at, evaluator) in self.evaluators.iter().enumerate() {
            let run = |network: &Backbone| {
                evaluator.run(network, self.device, &self.progress, &*self.ranks)
            };
            if last
                && trainer.gallery().is_some()
                && let Some(found) = run(&trainer.probe().valid())?
            {
                self.note(&mut findings, evaluator.name(), "probe", step, &found);
            }
            let Some(found) = run(&network)? else {
                continue;
            };
            self.note(&mut findings, evaluator.name(), name, step, &found);
            if last {
                let scores = evaluator.scores(&found, name, evaluator.baseline()?)?;
                findings
                    .scores
                    .0
                    .insert(evaluator.name().to_owned(), scores);
            }
            if findings.thresholds.is_none() {
                let network = format!("{name} network, step {step}");
                findings.thresholds = evaluator.thresholds(&found, network);
            }
            if at == 0 {
                // As it is read from a checkpoint: an equal one later is not better.
                let measures = found.first().map(|found| &found.measures);
                findings.deciding = measures.and_then(|all| all.first()).map(|first| Best {
                    step,
                    value: rounded(first.value),
                    evaluation: deciding(&self.identities[0], &first.name),
                });
            }
        }
        Ok(findings)
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.evaluators.iter().map(Evaluator::name).collect()
    }

    /// What scores after so many steps are of.
    pub(super) fn scored(&self, step: u64) -> Scored {
        Scored {
            step,
            evaluations: self.identities.clone(),
        }
    }

    /// The evaluation that decides which network is best.
    pub(super) fn deciding(&self) -> Option<&String> {
        self.identities.first()
    }

    fn note(
        &self,
        findings: &mut Findings,
        name: &str,
        network: &str,
        step: u64,
        found: &[Evaluation],
    ) {
        let left_out = found.iter().flat_map(|found| &found.left_out);
        if step == 0 {
            left_out.for_each(|said| self.progress.message(&format!("{name}: {said}")));
        }
        for measure in found.iter().flat_map(|found| &found.measures) {
            let reached = measure.reached;
            let measure = EvaluationMetrics {
                step,
                name: name.to_owned(),
                network: network.to_owned(),
                measure: measure.name.clone(),
                value: measure.value,
                low: measure.low,
                high: measure.high,
            };
            let reached = reached.map_or_else(String::new, |reached| format!("; {reached}"));
            self.progress.message(&format!("{measure}{reached}"));
            findings.measures.push(measure);
        }
    }
}

/// What decides: an evaluation, and of false accept rates, of which some are left out, the one that is measured first.
fn deciding(evaluation: &str, measure: &str) -> String {
    match measure.starts_with("TAR@FAR") {
        true => format!("{evaluation}, {measure}"),
        false => evaluation.to_owned(),
    }
}
