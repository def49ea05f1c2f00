use burn::module::Module;
use burn::tensor::Device;
use ffc_eval::Evaluation;
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
}

/// What they found.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) measures: Vec<EvaluationMetrics>,
    /// The first evaluation's first measure, which decides which network is best.
    pub(super) deciding: Option<Best>,
    /// For the report.
    pub(super) scores: Scores,
}

impl<'a> Evaluations<'a> {
    pub(super) fn new(
        evaluators: Vec<Evaluator>,
        device: &'a Device,
        progress: Progress,
    ) -> Result<Self> {
        Ok(Self {
            identities: evaluators
                .iter()
                .map(Evaluator::identity)
                .collect::<Result<_>>()?,
            evaluators,
            device,
            progress,
        })
    }

    /// Measures the gallery network, or the probe network where there is no other. After the `last` step the probe network
    /// too in any case, with the scores for the report.
    pub(super) fn run(&self, trainer: &Trainer, step: u64, last: bool) -> Result<Findings> {
        let mut findings = Findings::default();
        let name = match trainer.gallery() {
            Some(_) => "gallery",
            None => "probe",
        };
        let network = trainer.evaluated_network().valid();
        for (at, evaluator) in self.evaluators.iter().enumerate() {
            let run = |network: &Backbone| evaluator.run(network, self.device, &self.progress);
            if last && trainer.gallery().is_some() {
                let evaluation = run(&trainer.probe().valid())?;
                self.note(&mut findings, evaluator.name(), "probe", step, &evaluation);
            }
            let evaluation = run(&network)?;
            self.note(&mut findings, evaluator.name(), name, step, &evaluation);
            if last {
                let scores = evaluator.scores(&evaluation, name, evaluator.baseline()?)?;
                findings
                    .scores
                    .0
                    .insert(evaluator.name().to_owned(), scores);
            }
            if at == 0 {
                // As it is read from a checkpoint: an equal one later is not better.
                findings.deciding = evaluation.measures.first().map(|first| Best {
                    step,
                    value: rounded(first.value),
                    evaluation: self.identities[0].clone(),
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
        evaluation: &Evaluation,
    ) {
        for measure in &evaluation.measures {
            let measure = EvaluationMetrics {
                step,
                name: name.to_owned(),
                network: network.to_owned(),
                measure: measure.name.clone(),
                value: measure.value,
                low: measure.low,
                high: measure.high,
            };
            self.progress.message(&measure.to_string());
            findings.measures.push(measure);
        }
    }
}
