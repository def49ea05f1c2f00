use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{EvaluationMetrics, Metric, StepMetrics};
use crate::{Error, Result};

/// Reads a `metrics.jsonl`. A torn last line, as a crash leaves it, is left out with a warning.
///
/// # Errors
/// [`Error::Io`]; [`Error::Line`] where a line is damaged.
pub fn read_metrics(path: impl AsRef<Path>) -> Result<Vec<Metric>> {
    let mut metrics = Vec::new();
    for_each(path.as_ref(), |_, metric| {
        metrics.push(metric);
        Ok(())
    })?;
    Ok(metrics)
}

/// Reads a `metrics.jsonl` that another version may have written: lines of kinds that this one does not know are counted. Else as
/// [`read_metrics`].
///
/// # Errors
/// [`Error::Io`]; [`Error::Line`] where a line is damaged.
pub fn read_known_metrics(path: impl AsRef<Path>) -> Result<(Vec<Metric>, u64)> {
    let (mut metrics, mut unknown) = (Vec::new(), 0);
    for_each(path.as_ref(), |_, line| {
        match line {
            Line::Step(step) => metrics.push(Metric::Step(step)),
            Line::Evaluation(evaluation) => metrics.push(Metric::Evaluation(evaluation)),
            Line::Unknown => unknown += 1,
        }
        Ok(())
    })?;
    Ok((metrics, unknown))
}

/// As [`Metric`], or of another kind.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line {
    Step(StepMetrics),
    Evaluation(EvaluationMetrics),
    #[serde(other)]
    Unknown,
}

/// Calls `take` with every line (without its end) and what it says.
pub(super) fn for_each<T: DeserializeOwned>(
    path: &Path,
    mut take: impl FnMut(&[u8], T) -> Result<()>,
) -> Result<()> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let mut file = BufReader::new(file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let bytes = file
            .read_until(b'\n', &mut line)
            .map_err(Error::io("read", path))?;
        if bytes == 0 {
            break;
        }
        let is_ended = line.pop_if(|byte| *byte == b'\n').is_some();
        match serde_json::from_slice(&line) {
            Ok(metric) => take(&line, metric)?,
            // Only the last line has no end.
            Err(_) if !is_ended => {
                tracing::warn!(
                    "{}, line {number}: torn, as a crash leaves it; dropped",
                    path.display()
                );
            }
            Err(error) => {
                return Err(Error::Line {
                    path: path.to_owned(),
                    line: number,
                    problem: format!("no metric: {error}"),
                });
            }
        }
    }
    Ok(())
}
