use ffc_core::HeadBytes;
use ffc_report::Table;
use ffc_train::format::{duration, percent, significant};

use crate::cell::CellState;
use crate::results::{CellResult, Results};
use crate::statistics::Interval;

/// What the columns reached in a measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The evaluation.
    pub evaluation: String,
    /// What was measured.
    pub measure: String,
    /// A row for each column.
    pub rows: Vec<SummaryRow>,
}

/// What a column reached.
#[derive(Debug, Clone, PartialEq)]
pub struct SummaryRow {
    /// The column.
    pub name: String,
    /// The measure over the seeds, 0 to 1; none where no cell is finished.
    pub value: Option<Interval>,
    /// Difference to the first column, seed by seed: over seeds that both have finished. None in the first column.
    pub difference: Option<Interval>,
    /// Seconds of training: the mean.
    pub training_s: Option<f64>,
    /// Images a second: through the trained network, through both, of the instance loader. Means.
    pub images_per_s: Option<[f64; 3]>,
    /// What the head keeps.
    pub head: Option<HeadBytes>,
    /// The most memory that a cell's process held.
    pub peak_memory_bytes: Option<u64>,
    /// Cells that failed.
    pub failed: usize,
    /// Cells that are not finished.
    pub waiting: usize,
}

impl Results {
    /// What the columns reached in an evaluation's measure.
    pub fn summary(&self, measure: (&str, &str)) -> Summary {
        let cells = |column: usize| self.cells.iter().filter(move |cell| cell.column == column);
        let rows = self.columns.iter().enumerate().map(|(at, column)| {
            let last = |cell: &CellResult| cell.last(measure);
            let values: Vec<f64> = cells(at).filter_map(last).collect();
            let differences: Vec<f64> = cells(at)
                .filter_map(|cell| {
                    let first = cells(0).find(|first| first.seed == cell.seed)?;
                    Some(last(cell)? - last(first)?)
                })
                .collect();
            let finished = || cells(at).filter(|cell| cell.state == CellState::Finished);
            let mean = |of: &dyn Fn(&CellResult) -> Option<f64>| {
                let values: Vec<f64> = finished().filter_map(of).collect();
                Interval::new(&values).map(|interval| interval.mean)
            };
            let pictures = column.pictures;
            let of_trained = |images: usize| images as f64 / pictures.trained as f64;
            let trained = mean(&|cell| cell.images_per_s);
            let states = |wanted: fn(&CellState) -> bool| {
                cells(at).filter(|cell| wanted(&cell.state)).count()
            };
            SummaryRow {
                name: column.name.clone(),
                value: Interval::new(&values),
                difference: match at {
                    0 => None,
                    _ => Interval::new(&differences),
                },
                training_s: mean(&|cell| Some(cell.training_s)),
                images_per_s: trained.map(|trained| {
                    [
                        trained,
                        trained * of_trained(pictures.embedded),
                        trained * of_trained(pictures.instances),
                    ]
                }),
                head: column.head,
                peak_memory_bytes: cells(at).filter_map(|cell| cell.peak_memory_bytes).max(),
                failed: states(|state| state.problem().is_some()),
                waiting: states(|state| *state == CellState::Waiting),
            }
        });
        Summary {
            evaluation: measure.0.to_owned(),
            measure: measure.1.to_owned(),
            rows: rows.collect(),
        }
    }

    /// A row for each cell and measure, in plain numbers.
    pub fn cells_table(&self) -> Table {
        let mut table = Table::new([
            "column",
            "seed",
            "state",
            "evaluation",
            "measure",
            "step",
            "trained_images",
            "training_s",
            "value",
            "images_per_s",
            "embedded_per_s",
            "instances_per_s",
            "peak_memory_bytes",
            "head_device_bytes",
            "head_file_bytes",
        ]);
        let number = |value: Option<u64>| value.map_or(String::new(), |value| value.to_string());
        for cell in &self.cells {
            let column = &self.columns[cell.column];
            let per_s = |images: usize| {
                let of_trained = images as f64 / column.pictures.trained as f64;
                let per_s = cell.images_per_s.map(|per_s| per_s * of_trained);
                per_s.map_or(String::new(), |per_s| format!("{per_s:.3}"))
            };
            let state = match (cell.state.problem(), &cell.state) {
                (Some(problem), _) => format!("failed: {problem}"),
                (None, CellState::Finished) => "finished".to_owned(),
                (None, _) => "waiting".to_owned(),
            };
            let mut put = |of_measure: [String; 6]| {
                let mut row = vec![column.name.clone(), cell.seed.to_string(), state.clone()];
                row.extend(of_measure);
                row.extend([
                    per_s(column.pictures.trained),
                    per_s(column.pictures.embedded),
                    per_s(column.pictures.instances),
                    number(cell.peak_memory_bytes),
                    number(column.head.map(|head| head.on_device())),
                    number(column.head.map(|head| head.in_file)),
                ]);
                table.rows.push(row);
            };
            if cell.measures.is_empty() {
                put(Default::default());
            }
            for measured in &cell.measures {
                for found in &measured.curve {
                    put([
                        measured.evaluation.clone(),
                        measured.measure.clone(),
                        found.step.to_string(),
                        (found.step * column.pictures.trained as u64).to_string(),
                        format!("{:.3}", found.seconds),
                        format!("{:.6}", found.value),
                    ]);
                }
            }
        }
        table
    }
}

impl Summary {
    /// The rows as people read them.
    pub fn table(&self) -> Table {
        let first = self.rows.first().map_or("the first", |row| &row.name);
        let mut table = Table::new([
            String::new(),
            format!("{}, {}", self.evaluation, self.measure),
            format!("against {first}"),
            "seeds".to_owned(),
            "training".to_owned(),
            "images/s: trained".to_owned(),
            "embedded".to_owned(),
            "instances".to_owned(),
            "head".to_owned(),
            "peak memory".to_owned(),
        ]);
        let missing = || "–".to_owned();
        for row in &self.rows {
            let per_s = |at: usize| match row.images_per_s {
                Some(per_s) if per_s[at] > 0.0 => significant(per_s[at], 3),
                _ => missing(),
            };
            let seeds = row.value.map_or(0, |value| value.count);
            let mut seeds = vec![seeds.to_string()];
            if row.failed > 0 {
                seeds.push(format!("{} failed", row.failed));
            }
            if row.waiting > 0 {
                seeds.push(format!("{} to come", row.waiting));
            }
            table.rows.push(vec![
                row.name.clone(),
                row.value.map_or_else(missing, share),
                row.difference.map_or_else(missing, points),
                seeds.join(", "),
                row.training_s.map_or_else(missing, duration),
                per_s(0),
                per_s(1),
                per_s(2),
                row.head.map_or_else(missing, head),
                row.peak_memory_bytes.map_or_else(missing, bytes),
            ]);
        }
        table
    }
}

/// 92.31 ± 0.40 %.
pub(crate) fn share(value: Interval) -> String {
    match value.half {
        Some(half) => format!("{:.2} ± {}", 100.0 * value.mean, percent(half, 2)),
        None => percent(value.mean, 2),
    }
}

/// A difference of shares in points: −1.20 (−1.90 to −0.50).
fn points(value: Interval) -> String {
    let signed = |share: f64| {
        let sign = if share < 0.0 { "−" } else { "+" };
        format!("{sign}{:.2}", 100.0 * share.abs())
    };
    match value.ends() {
        Some((low, high)) => {
            format!(
                "{} ({} to {})",
                signed(value.mean),
                signed(low),
                signed(high)
            )
        }
        None => signed(value.mean),
    }
}

fn head(head: HeadBytes) -> String {
    match head.in_file {
        0 => bytes(head.on_device()),
        in_file => format!(
            "{} and {} in a file",
            bytes(head.on_device()),
            bytes(in_file)
        ),
    }
}

/// 12.3 MiB.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut units = ["B", "KiB", "MiB", "GiB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if value < 1000.0 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    format!("{} {unit}", significant(value, 3))
}

#[cfg(test)]
mod tests {
    use ffc_train::StepPictures;

    use super::*;
    use crate::results::{ColumnResult, Found, Measured};

    const MEASURE: (&str, &str) = ("unseen", "accuracy");

    fn cell(column: usize, seed: u64, value: f64, state: CellState) -> CellResult {
        CellResult {
            column,
            seed,
            state,
            measures: vec![Measured {
                evaluation: MEASURE.0.into(),
                measure: MEASURE.1.into(),
                curve: vec![
                    Found {
                        step: 0,
                        seconds: 0.0,
                        value: 0.5,
                    },
                    Found {
                        step: 10,
                        seconds: 4.0,
                        value,
                    },
                ],
            }],
            training_s: 4.0,
            images_per_s: Some(24.0),
            peak_memory_bytes: Some(1000 + seed),
        }
    }

    fn results(cells: Vec<CellResult>) -> Results {
        let column = |name: &str, embedded| ColumnResult {
            name: name.into(),
            pictures: StepPictures {
                trained: 12,
                embedded,
                instances: 4,
            },
            head: None,
        };
        Results {
            title: "two".into(),
            length: "10 steps".into(),
            columns: vec![column("a", 24), column("b", 12)],
            cells,
        }
    }

    /// Seed by seed: what seeds share is no part of the difference's interval. Cells that are not finished have no value.
    #[test]
    fn differences_are_paired() {
        let finished = |column, seed, value| cell(column, seed, value, CellState::Finished);
        let failed = CellState::Failed("out of memory".into());
        let results = results(vec![
            finished(0, 0, 0.80),
            finished(1, 0, 0.82),
            finished(0, 1, 0.90),
            finished(1, 1, 0.92),
            finished(0, 2, 0.70),
            cell(1, 2, 0.99, CellState::Waiting),
            cell(0, 3, 0.99, failed),
            finished(1, 3, 0.60),
        ]);
        let summary = results.summary(MEASURE);
        let [a, b] = &summary.rows[..] else {
            panic!("{summary:?}")
        };
        let value = a.value.unwrap();
        assert!((value.mean - 0.8).abs() < 1e-12 && value.count == 3);
        // The deviation of 0.8, 0.9, 0.7 is 0.1, the quantile of two degrees of freedom 4.3027.
        assert!((value.half.unwrap() - 4.3027 * 0.1 / 3_f64.sqrt()).abs() < 1e-9);
        assert_eq!((a.failed, a.waiting, b.failed, b.waiting), (1, 0, 0, 1));
        assert_eq!(a.difference, None);
        let difference = b.difference.unwrap();
        assert!((difference.mean - 0.02).abs() < 1e-12 && difference.count == 2);
        assert!(difference.half.unwrap() < 1e-9);
        assert_eq!(a.images_per_s, Some([24.0, 48.0, 8.0]));
        assert_eq!(b.images_per_s, Some([24.0, 24.0, 8.0]));
        assert_eq!(a.peak_memory_bytes, Some(1003));

        let table = summary.table().to_string();
        for part in [
            "80.00 ± 24.84 %",
            "+2.00 (+2.00 to +2.00)",
            "3, 1 failed",
            "3, 1 to come",
        ] {
            assert!(table.contains(part), "{table}");
        }
        let rows = results.cells_table().rows;
        assert_eq!(rows.len(), 8 * 2);
        assert_eq!(rows[1][..4], ["a", "0", "finished", "unseen"]);
        assert_eq!(rows[1][5..9], ["10", "120", "4.000", "0.800000"]);
    }

    #[test]
    fn bytes_have_units() {
        let texts = [0, 999, 102_400, 125_829_120, 8 << 30].map(bytes);
        assert_eq!(texts, ["0 B", "999 B", "100 KiB", "120 MiB", "8 GiB"]);
    }
}
