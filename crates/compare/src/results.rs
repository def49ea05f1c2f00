use std::path::Path;

use ffc_core::HeadBytes;
use ffc_data::ErrorChain;
use ffc_train::run::{EvaluationMetrics, Metric, StepMetrics, file_name, read_metrics};
use ffc_train::{Checkpoints, StepPictures};

use crate::Result;
use crate::cell::{Cell, CellState};
use crate::comparison::Comparison;

/// What the cells of a comparison reached so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// What is compared.
    pub title: String,
    /// How long every cell trains, in words.
    pub length: String,
    /// The columns, the one first that the others are compared with.
    pub columns: Vec<ColumnResult>,
    /// All cells.
    pub cells: Vec<CellResult>,
}

/// What the cells of a column have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnResult {
    /// Its name.
    pub name: String,
    /// Pictures of a step.
    pub pictures: StepPictures,
    /// What the head keeps; none as long as the number of identities is not known.
    pub head: Option<HeadBytes>,
}

/// What a cell reached.
#[derive(Debug, Clone, PartialEq)]
pub struct CellResult {
    /// Number of its column.
    pub column: usize,
    /// Its seed.
    pub seed: u64,
    /// How far it is.
    pub state: CellState,
    /// What was measured, the measure first that decides.
    pub measures: Vec<Measured>,
    /// Seconds of training, evaluations and checkpoints left out.
    pub training_s: f64,
    /// Images through the trained network, a second: the mean.
    pub images_per_s: Option<f64>,
    /// The most memory that its process held.
    pub peak_memory_bytes: Option<u64>,
}

/// A measure of an evaluation over the training.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The evaluation's name.
    pub evaluation: String,
    /// What was measured.
    pub measure: String,
    /// What was found, from the start on.
    pub curve: Vec<Found>,
}

/// A value that an evaluation found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// After so many steps.
    pub step: u64,
    /// And so many seconds of training, evaluations and checkpoints left out.
    pub seconds: f64,
    /// The value, 0 to 1.
    pub value: f64,
}

impl Results {
    /// Reads what lies in the folders of a comparison's cells.
    ///
    /// # Errors
    ///
    /// Where a run's files are damaged.
    pub fn read(comparison: &Comparison<'_>) -> Result<Self> {
        let plan = comparison.plan();
        let mut cells = Vec::new();
        for cell in comparison.cells() {
            cells.push(read_cell(cell, comparison.pictures(cell)?)?);
        }
        let mut columns = Vec::new();
        for (at, column) in plan.columns().iter().enumerate() {
            let mut of_column = comparison.cells().iter().filter(|cell| cell.column == at);
            let identities = of_column.find_map(|cell| identities(&cell.folder));
            let config = plan.of_any_length(column)?;
            let (dim, batch) = (config.backbone.embedding(), config.loader.batch);
            columns.push(ColumnResult {
                name: column.name.clone(),
                pictures: config.pictures(),
                head: identities.map(|identities| config.head.bytes(identities, dim, batch)),
            });
        }
        Ok(Self {
            title: plan.title().to_owned(),
            length: match plan.length() {
                Some(length) => length.to_string(),
                None => format!("as {} says", plan.base()),
            },
            columns,
            cells,
        })
    }

    /// Evaluations and measures of the cells, each once, the deciding one first.
    pub fn measures(&self) -> Vec<(&str, &str)> {
        let mut all = Vec::new();
        for measured in self.cells.iter().flat_map(|cell| &cell.measures) {
            let measure = (measured.evaluation.as_str(), measured.measure.as_str());
            if !all.contains(&measure) {
                all.push(measure);
            }
        }
        all
    }
}

impl CellResult {
    /// What was found of a measure.
    pub fn curve(&self, (evaluation, measure): (&str, &str)) -> &[Found] {
        let mut all = self.measures.iter();
        let found =
            all.find(|measured| measured.evaluation == evaluation && measured.measure == measure);
        found.map_or(&[], |measured| &measured.curve)
    }

    /// The last value of a measure, of a cell that was trained to its end.
    pub fn last(&self, measure: (&str, &str)) -> Option<f64> {
        match self.state {
            CellState::Finished => self.curve(measure).last().map(|found| found.value),
            _ => None,
        }
    }
}

/// Identities of a run's training set, as its newest checkpoint tells.
fn identities(run: &Path) -> Option<u64> {
    let state = Checkpoints::new(&run.join("checkpoints"), 1).newest_state();
    Some(state.ok()??.data.identities)
}

fn read_cell(cell: &Cell, pictures: StepPictures) -> Result<CellResult> {
    let path = cell.folder.join(file_name::METRICS);
    let metrics = match path.exists() {
        true => read_metrics(&path),
        false => Ok(Vec::new()),
    };
    let mut state = cell.state()?;
    // Results of the others are no worse for it.
    let metrics = metrics.unwrap_or_else(|error| {
        state = CellState::Failed(ErrorChain(&error).to_string());
        Vec::new()
    });
    let (mut steps, mut evaluations) = (Vec::new(), Vec::new());
    for metric in metrics {
        match metric {
            Metric::Step(metrics) => steps.push(metrics),
            Metric::Evaluation(metrics) => evaluations.push(metrics),
        }
    }
    let clock = Clock::new(&steps, pictures.trained);
    let training_s = clock.total_s();
    let images = steps.last().map(|last| last.step * pictures.trained as u64);
    Ok(CellResult {
        column: cell.column,
        seed: cell.seed,
        state,
        measures: measured(evaluations, &clock),
        training_s,
        images_per_s: images.map(|images| images as f64 / training_s.max(1e-9)),
        peak_memory_bytes: steps.iter().filter_map(|line| line.peak_memory_bytes).max(),
    })
}

/// Curves of the evaluated network: the gallery network where there is one.
fn measured(evaluations: Vec<EvaluationMetrics>, clock: &Clock) -> Vec<Measured> {
    let has_gallery = evaluations.iter().any(|found| found.network == "gallery");
    let network = if has_gallery { "gallery" } else { "probe" };
    let mut all: Vec<Measured> = Vec::new();
    for found in evaluations {
        if found.network != network {
            continue;
        }
        let at = all.iter().position(|measured| {
            measured.evaluation == found.name && measured.measure == found.measure
        });
        let at = at.unwrap_or_else(|| {
            all.push(Measured {
                evaluation: found.name.clone(),
                measure: found.measure.clone(),
                curve: Vec::new(),
            });
            all.len() - 1
        });
        all[at].curve.push(Found {
            step: found.step,
            seconds: clock.seconds(found.step),
            value: found.value,
        });
    }
    all
}

/// Seconds of training after steps, from the speed that lines of metrics tell: evaluations and checkpoints are no part of it.
struct Clock(Vec<(u64, f64)>);

impl Clock {
    fn new(lines: &[StepMetrics], trained: usize) -> Self {
        let mut all = vec![(0, 0.0)];
        for line in lines {
            let (step, seconds) = all[all.len() - 1];
            let images = (line.step.saturating_sub(step) * trained as u64) as f64;
            all.push((line.step, seconds + images / line.images_per_s.max(1e-9)));
        }
        Self(all)
    }

    fn total_s(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, seconds)| *seconds)
    }

    /// In proportion between two lines.
    fn seconds(&self, step: u64) -> f64 {
        let after = self.0.partition_point(|(line, _)| *line < step);
        let Some(&(to, to_s)) = self.0.get(after) else {
            return self.total_s();
        };
        let (from, from_s) = self.0[after.saturating_sub(1)];
        match to - from {
            0 => to_s,
            steps => from_s + (to_s - from_s) * (step - from) as f64 / steps as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use ffc_train::run::Values;

    use super::*;

    fn line(step: u64, images_per_s: f64) -> StepMetrics {
        StepMetrics {
            step,
            epoch: 0.0,
            loss: 0.0,
            learning_rate: 0.0,
            gradient_norm: 0.0,
            head: Values::default(),
            images_per_s,
            data_wait_share: 0.0,
            elapsed_s: 1e6,
            peak_memory_bytes: None,
        }
    }

    /// Time is that of the steps by their speed, whatever passed between them.
    #[test]
    fn the_clock_leaves_evaluations_out() {
        // Ten images a step: 5 steps in 5 s, then 5 in 10 s.
        let clock = Clock::new(&[line(5, 10.0), line(10, 5.0)], 10);
        let seconds = [0, 1, 5, 6, 10, 11].map(|step| clock.seconds(step));
        assert_eq!(seconds, [0.0, 1.0, 5.0, 7.0, 15.0, 15.0]);
        assert_eq!(clock.total_s(), 15.0);
        assert_eq!(Clock::new(&[], 10).seconds(3), 0.0);
    }

    /// The gallery network's values where there is one, one curve for each measure.
    #[test]
    fn curves_are_of_the_evaluated_network() {
        let found = |step: u64, network: &str, measure: &str, value: f64| EvaluationMetrics {
            step,
            name: "unseen".into(),
            network: network.into(),
            measure: measure.into(),
            value,
            low: 0.0,
            high: 1.0,
        };
        let all = vec![
            found(0, "gallery", "accuracy", 0.5),
            found(0, "gallery", "rank-1", 0.1),
            found(5, "probe", "accuracy", 0.9),
            found(5, "gallery", "accuracy", 0.8),
        ];
        let clock = Clock::new(&[line(5, 10.0)], 10);
        let curves = measured(all.clone(), &clock);
        assert_eq!(curves.len(), 2);
        let values: Vec<f64> = curves[0].curve.iter().map(|found| found.value).collect();
        assert_eq!(values, [0.5, 0.8]);
        assert_eq!(curves[0].curve[1].seconds, 5.0);
        let only_probe = measured(vec![all[2].clone()], &clock);
        assert_eq!(only_probe[0].curve[0].value, 0.9);
    }
}
