use std::collections::BTreeMap;
use std::path::Path;

use ffc_train::run::{EvaluationMetrics, Metric, Scores, StepMetrics, file_name, read_metrics};

use crate::{Error, Result};

/// What the folder of a run holds.
pub(crate) struct RunData {
    /// The folder's name.
    pub(crate) name: String,
    /// Sorted by step.
    pub(crate) steps: Vec<StepMetrics>,
    /// Sorted by step.
    pub(crate) evaluations: Vec<EvaluationMetrics>,
    pub(crate) config: Option<String>,
    pub(crate) environment: Option<BTreeMap<String, String>>,
    pub(crate) scores: Option<Scores>,
}

impl RunData {
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let full = std::fs::canonicalize(folder).map_err(Error::io("open", folder))?;
        let name = full.file_name().unwrap_or(full.as_os_str());

        let metrics = read_metrics(folder.join(file_name::METRICS)).map_err(Error::from);
        let metrics = optional(metrics)?;
        let (mut steps, mut evaluations) = (Vec::new(), Vec::new());
        for metric in metrics.unwrap_or_default() {
            match metric {
                Metric::Step(metrics) => steps.push(metrics),
                Metric::Evaluation(metrics) => evaluations.push(metrics),
            }
        }
        steps.sort_by_key(|metrics| metrics.step);
        evaluations.sort_by_key(|metrics| metrics.step);

        let environment = folder.join(file_name::ENVIRONMENT);
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            steps,
            evaluations,
            config: optional(text(&folder.join(file_name::CONFIG)))?,
            environment: optional(text(&environment))?
                .map(|text| serde_json::from_str(&text))
                .transpose()
                .map_err(|problem| Error::format(&environment, problem))?,
            scores: optional(Scores::read(folder.join(file_name::SCORES)).map_err(Error::from))?,
        })
    }

    /// Evaluations of one kind each, in the order in which they first came.
    pub(crate) fn kinds(&self) -> Vec<Kind<'_>> {
        let mut kinds: Vec<Kind<'_>> = Vec::new();
        for metrics in &self.evaluations {
            let known = kinds.iter_mut().find(|kind| {
                kind.name == metrics.name
                    && kind.measure == metrics.measure
                    && kind.network == metrics.network
            });
            match known {
                Some(kind) => kind.metrics.push(metrics),
                None => kinds.push(Kind {
                    name: &metrics.name,
                    measure: &metrics.measure,
                    network: &metrics.network,
                    metrics: vec![metrics],
                }),
            }
        }
        kinds
    }
}

/// What was measured again and again with one network.
pub(crate) struct Kind<'a> {
    pub(crate) name: &'a str,
    pub(crate) measure: &'a str,
    pub(crate) network: &'a str,
    /// Sorted by step.
    pub(crate) metrics: Vec<&'a EvaluationMetrics>,
}

impl Kind<'_> {
    pub(crate) fn is_gallery(&self) -> bool {
        self.network == "gallery"
    }

    /// The measurement before training.
    pub(crate) fn before(&self) -> Option<&EvaluationMetrics> {
        self.metrics
            .iter()
            .copied()
            .find(|metrics| metrics.step == 0)
    }

    /// The last measurement after training began.
    pub(crate) fn after(&self) -> Option<&EvaluationMetrics> {
        self.metrics
            .last()
            .copied()
            .filter(|metrics| metrics.step > 0)
    }
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(Error::io("read", path))
}

/// None for a file that is not there.
fn optional<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Io { source, .. } | Error::Run(ffc_train::Error::Io { source, .. }))
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
