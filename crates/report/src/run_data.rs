use std::collections::BTreeMap;
use std::path::Path;

use ffc_train::run::{
    EvaluationMetrics, Facts, Metric, Scores, StepMetrics, file_name, read_known_metrics,
};

use crate::{Error, Result};

/// What the folder of a run holds. What is not there is empty or none.
pub struct RunData {
    /// The folder's name.
    pub name: String,
    /// From `metrics.jsonl`, sorted by step.
    pub steps: Vec<StepMetrics>,
    /// From there too, sorted by step.
    pub evaluations: Vec<EvaluationMetrics>,
    /// Lines there of a kind that this version does not know.
    pub unknown_lines: u64,
    /// `config.toml`.
    pub config: Option<String>,
    /// `environment.json`.
    pub environment: Option<BTreeMap<String, String>>,
    /// `facts.json`.
    pub facts: Option<Facts>,
    /// `scores.json`.
    pub scores: Option<Scores>,
}

impl RunData {
    /// Reads a run folder.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Run`] where the folder is not there or a file cannot be read; [`Error::Run`] or [`Error::Format`] where one
    /// is damaged.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let full = std::fs::canonicalize(folder).map_err(Error::io("open", folder))?;
        let name = full.file_name().unwrap_or(full.as_os_str());

        let metrics = read_known_metrics(folder.join(file_name::METRICS));
        let (metrics, unknown_lines) = optional(metrics.map_err(Error::from))?.unwrap_or_default();
        let (mut steps, mut evaluations) = (Vec::new(), Vec::new());
        for metric in metrics {
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
            unknown_lines,
            config: optional(text(&folder.join(file_name::CONFIG)))?,
            environment: optional(text(&environment))?
                .map(|text| serde_json::from_str(&text))
                .transpose()
                .map_err(|problem| Error::format(&environment, problem))?,
            facts: optional(Facts::read(folder.join(file_name::FACTS)).map_err(Error::from))?,
            scores: optional(Scores::read(folder.join(file_name::SCORES)).map_err(Error::from))?,
        })
    }

    /// The quantities that the run's head names, in the order in which they first came: the values of each with their steps.
    pub fn head_values(&self) -> Vec<(&str, Vec<(u64, f64)>)> {
        let mut quantities: Vec<(&str, Vec<(u64, f64)>)> = Vec::new();
        for metrics in &self.steps {
            for (name, value) in metrics.head.iter() {
                let known = quantities.iter().position(|(known, _)| *known == name);
                let place = known.unwrap_or_else(|| {
                    quantities.push((name, Vec::new()));
                    quantities.len() - 1
                });
                quantities[place]
                    .1
                    .extend(value.map(|value| (metrics.step, value)));
            }
        }
        quantities
    }

    /// Evaluations by what was measured, in the order in which they first came.
    pub fn measured(&self) -> Vec<Measured<'_>> {
        let mut all: Vec<Measured<'_>> = Vec::new();
        for metrics in &self.evaluations {
            let known = all.iter_mut().find(|measured| {
                measured.name == metrics.name
                    && measured.measure == metrics.measure
                    && measured.network == metrics.network
            });
            match known {
                Some(measured) => measured.metrics.push(metrics),
                None => all.push(Measured {
                    name: &metrics.name,
                    measure: &metrics.measure,
                    network: &metrics.network,
                    metrics: vec![metrics],
                }),
            }
        }
        all
    }
}

/// What was measured again and again with one network.
pub struct Measured<'a> {
    /// The evaluation's name.
    pub name: &'a str,
    /// What was measured, such as `accuracy`.
    pub measure: &'a str,
    /// `gallery` or `probe`.
    pub network: &'a str,
    /// Sorted by step.
    pub metrics: Vec<&'a EvaluationMetrics>,
}

impl Measured<'_> {
    /// Whether it is the gallery network.
    pub fn is_gallery(&self) -> bool {
        self.network == "gallery"
    }

    /// The measurement before training.
    pub fn before(&self) -> Option<&EvaluationMetrics> {
        self.metrics
            .iter()
            .copied()
            .find(|metrics| metrics.step == 0)
    }

    /// The last measurement after training began.
    pub fn after(&self) -> Option<&EvaluationMetrics> {
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
