use std::io::Write;
use std::path::Path;

use ffc_files::NewFile;
use serde::Serialize;

use super::append_file::AppendFile;
use super::event_file::EventFile;
use super::float::Float;
use super::{EvaluationMetrics, Metric, StepMetrics, file_name, metrics_file};
use crate::{Error, Result};

/// Writes metrics to the run folder: `metrics.jsonl`, the same as tables in `metrics.csv` (steps) and `evaluations.csv`, and as
/// TensorBoard events.
///
/// Every metric is handed to the system at once; [`sync`](Self::sync) waits for the disk.
pub struct MetricsWriter {
    lines: AppendFile,
    steps: AppendFile,
    evaluations: AppendFile,
    events: EventFile,
    quantities: Vec<String>,
}

impl MetricsWriter {
    /// Opens the metrics of a run that has finished `step` steps, 0 for a new one, and makes the evaluations named in `again` of what they
    /// gave. `quantities` are the names of what the head reports: columns of the table of steps.
    ///
    /// What a resumed run is going to do again is cut: its lines leave `metrics.jsonl`, and so does a torn last line, with a
    /// warning. The tables are written anew from what stays. Events get a file of their own, which tells TensorBoard to forget later steps.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Line`] where a line of `metrics.jsonl` other than the torn last one is damaged: then nothing is changed.
    pub fn open(
        run_folder: impl AsRef<Path>,
        step: u64,
        again: &[&str],
        quantities: &[&str],
    ) -> Result<Self> {
        let folder = run_folder.as_ref();
        let paths = [
            file_name::METRICS,
            file_name::STEPS_TABLE,
            file_name::EVALUATIONS_TABLE,
        ]
        .map(|name| folder.join(name));
        let [lines_path, steps_path, evaluations_path] = &paths;
        let quantities: Vec<String> = quantities.iter().map(|&name| name.to_owned()).collect();

        let failed = || Error::io("write", lines_path);
        let mut lines = NewFile::create(lines_path).map_err(failed())?;
        let mut steps = Table::new(steps_path)?;
        let mut evaluations = Table::new(evaluations_path)?;
        let mut last = Vec::new();
        if lines_path
            .try_exists()
            .map_err(Error::io("open", lines_path))?
        {
            metrics_file::for_each(lines_path, |line, metric: Metric| {
                let made_again = |name: &str| metric.step() == step && again.contains(&name);
                if metric.step() > step
                    || matches!(&metric, Metric::Evaluation(found) if made_again(&found.name))
                {
                    return Ok(());
                }
                lines.write_all(line).map_err(failed())?;
                lines.write_all(b"\n").map_err(failed())?;
                match &metric {
                    Metric::Step(metrics) => steps.put(&StepRow(metrics, &quantities)),
                    Metric::Evaluation(metrics) => evaluations.put(&EvaluationRow(metrics)),
                }?;
                if metric.step() == step {
                    last.push(metric);
                }
                Ok(())
            })?;
        }
        lines.finish().map_err(failed())?;
        steps.finish()?;
        evaluations.finish()?;

        let mut events = EventFile::create(folder, step + u64::from(again.is_empty()))?;
        if !again.is_empty() {
            // All of this step is forgotten, also what stays.
            for metric in &last {
                events.write(metric)?;
            }
        }
        Ok(Self {
            lines: AppendFile::open(lines_path)?,
            steps: AppendFile::open(steps_path)?,
            evaluations: AppendFile::open(evaluations_path)?,
            events,
            quantities,
        })
    }

    /// Appends a metric to all files.
    ///
    /// # Errors
    /// [`Error::Io`]. The file that failed is as it was before; the next [`open`](Self::open) makes the files agree again.
    pub fn write(&mut self, metric: &Metric) -> Result<()> {
        let mut line = serde_json::to_vec(metric)
            .map_err(|error| Error::io("write", self.lines.path())(error.into()))?;
        line.push(b'\n');
        self.lines.append(&line)?;
        match metric {
            Metric::Step(metrics) => {
                append_row(&mut self.steps, &StepRow(metrics, &self.quantities))?;
            }
            Metric::Evaluation(metrics) => {
                append_row(&mut self.evaluations, &EvaluationRow(metrics))?;
            }
        }
        self.events.write(metric)
    }

    /// Waits until everything written is on disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sync(&self) -> Result<()> {
        self.lines.sync()?;
        self.steps.sync()?;
        self.evaluations.sync()?;
        self.events.sync()
    }
}

/// A table that is written anew.
struct Table<'a> {
    path: &'a Path,
    file: NewFile,
    is_empty: bool,
}

impl<'a> Table<'a> {
    fn new(path: &'a Path) -> Result<Self> {
        Ok(Self {
            path,
            file: NewFile::create(path).map_err(Error::io("write", path))?,
            is_empty: true,
        })
    }

    fn put(&mut self, row: &impl Row) -> Result<()> {
        let row = text(row, self.is_empty, self.path)?;
        self.is_empty = false;
        self.file
            .write_all(&row)
            .map_err(Error::io("write", self.path))
    }

    fn finish(self) -> Result<()> {
        self.file.finish().map_err(Error::io("write", self.path))
    }
}

fn append_row(table: &mut AppendFile, row: &impl Row) -> Result<()> {
    let row = text(row, table.is_empty(), table.path())?;
    table.append(&row)
}

/// A row of a table.
trait Row {
    /// The columns' names.
    fn names(&self) -> Vec<&str>;

    /// What stands in them.
    fn fields(&self) -> impl Serialize;
}

/// A line of steps, with the names of what the head reports.
struct StepRow<'a>(&'a StepMetrics, &'a [String]);

impl Row for StepRow<'_> {
    fn names(&self) -> Vec<&str> {
        let mut names = vec!["step", "epoch", "loss", "learning_rate", "gradient_norm"];
        names.extend(self.1.iter().map(String::as_str));
        names.extend([
            "images_per_s",
            "data_wait_share",
            "elapsed_s",
            "peak_memory_bytes",
        ]);
        names
    }

    fn fields(&self) -> impl Serialize {
        let Self(metrics, quantities) = self;
        let before = [
            metrics.epoch,
            metrics.loss,
            metrics.learning_rate,
            metrics.gradient_norm,
        ];
        let head = quantities.iter().map(|name| metrics.head.get(name));
        let head: Vec<Option<Float>> = head.map(|value| value.map(Float::from)).collect();
        let after = [
            metrics.images_per_s,
            metrics.data_wait_share,
            metrics.elapsed_s,
        ];
        (
            metrics.step,
            before.map(Float::from),
            head,
            after.map(Float::from),
            metrics.peak_memory_bytes,
        )
    }
}

struct EvaluationRow<'a>(&'a EvaluationMetrics);

impl Row for EvaluationRow<'_> {
    fn names(&self) -> Vec<&str> {
        vec!["step", "name", "network", "measure", "value", "low", "high"]
    }

    fn fields(&self) -> impl Serialize {
        self.0
    }
}

/// A row as text, after the columns' names where it is the first.
fn text(row: &impl Row, is_first: bool, path: &Path) -> Result<Vec<u8>> {
    let mut table = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    let mut write = || {
        if is_first {
            table.write_record(row.names())?;
        }
        table.serialize(row.fields())
    };
    write()
        .map_err(std::io::Error::from)
        .and_then(|()| table.into_inner().map_err(|error| error.into_error()))
        .map_err(Error::io("write", path))
}
