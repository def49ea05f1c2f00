use std::path::PathBuf;

use ffc_report::chart::{Axis, Chart, Point, Scale, Series, Style, Unit};
use ffc_report::{Page, Section};
use ffc_train::format::count;

use crate::cell::CellState;
use crate::comparison::Comparison;
use crate::results::{CellResult, Found, Results};
use crate::statistics::Interval;
use crate::{Error, Result};

/// What is written below the charts of every comparison.
const NOTE: &str = "Lines are means over seeds with 95 % intervals by Student's t. What decides is the difference to the first column, taken \
    seed by seed, with its interval. Training is the time without evaluations and checkpoints. Head is what it keeps by its settings; peak \
    memory is the process's high-water mark.";

const AMOUNT: Axis = Axis {
    scale: Scale::Linear,
    unit: Unit::Number,
    includes: &[0.0],
};

const SHARE: Axis = Axis {
    scale: Scale::Linear,
    unit: Unit::Percent,
    includes: &[],
};

impl Results {
    /// Writes `results.md`, `results.csv`, `results.html` and each chart as `measure-<number>-<axis>.svg` into the folder of the comparison.
    /// Gives the page's path.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn write(&self, comparison: &Comparison<'_>) -> Result<PathBuf> {
        let path = |name: &str| comparison.folder().join(name);
        let write = |name: &str, bytes: &[u8]| {
            let path = path(name);
            ffc_files::write(&path, bytes).map_err(Error::io("write", &path))
        };
        write("results.md", self.markdown().as_bytes())?;
        let table = self.cells_table().to_csv();
        let table = table.map_err(|error| Error::io("write", path("results.csv"))(error.into()))?;
        write("results.csv", &table)?;
        for (number, measure) in self.measures().into_iter().enumerate() {
            for chart in self.charts(measure) {
                let over = chart.x_label;
                if let Some(picture) = chart.picture() {
                    write(
                        &format!("measure-{}-{over}.svg", number + 1),
                        picture.as_bytes(),
                    )?;
                }
            }
        }
        write("results.html", self.page().as_bytes())?;
        Ok(path("results.html"))
    }

    /// The summaries of all measures under the title.
    fn markdown(&self) -> String {
        let mut text = format!("# {}\n\nEvery cell: {}.\n", self.title, self.length);
        for measure in self.measures() {
            text.push_str(&format!("\n{}", self.summary(measure).table()));
        }
        text
    }

    fn page(&self) -> String {
        let sections: Vec<Section> = self
            .measures()
            .into_iter()
            .map(|measure| Section {
                title: format!("{}: {}", measure.0, measure.1),
                note: None,
                charts: self.charts(measure).into(),
                table: Some(self.summary(measure).table()),
            })
            .collect();
        let seeds = self.cells.iter().map(|cell| cell.seed);
        let mut seeds: Vec<u64> = seeds.collect();
        seeds.sort_unstable();
        seeds.dedup();
        Page {
            kind: "FFC comparison",
            title: &self.title,
            facts: vec![
                format!("every cell {}", self.length),
                format!("{} columns", count(self.columns.len() as u64)),
                format!("{} seeds", count(seeds.len() as u64)),
            ],
            sections: sections.iter().map(|section| section as _).collect(),
            notes: vec![NOTE.to_owned()],
        }
        .to_string()
    }

    /// A measure over trained images and over seconds.
    fn charts(&self, measure: (&str, &str)) -> [Chart; 2] {
        [
            self.chart(
                measure,
                "over trained images",
                "images",
                |found, trained| found.step as f64 * trained,
            ),
            self.chart(
                measure,
                "over seconds of training",
                "seconds",
                |found, _| found.seconds,
            ),
        ]
    }

    /// A measure over what `x` makes of a value and of the pictures that a step trains on.
    fn chart(
        &self,
        measure: (&str, &str),
        title: &str,
        x_label: &'static str,
        x: impl Fn(&Found, f64) -> f64,
    ) -> Chart {
        let series = self.columns.iter().enumerate().map(|(at, column)| {
            // Those that the table counts; as long as there is none, what there is.
            let curves = |wanted: fn(&CellResult) -> bool| -> Vec<&[Found]> {
                let cells = self.cells.iter();
                let cells = cells.filter(|cell| cell.column == at && wanted(cell));
                let curves = cells.map(|cell| cell.curve(measure));
                curves.filter(|curve| !curve.is_empty()).collect()
            };
            let mut counted = curves(|cell| cell.state == CellState::Finished);
            if counted.is_empty() {
                counted = curves(|_| true);
            }
            // A mean over other seeds at each point would jump.
            let shortest = counted.iter().map(|curve| curve.len()).min().unwrap_or(0);
            let trained = column.pictures.trained as f64;
            // Cells of a column are evaluated after the same steps.
            let points = (0..shortest).filter_map(|number| {
                let found: Vec<&Found> = counted.iter().map(|curve| &curve[number]).collect();
                let of = |of: &dyn Fn(&Found) -> f64| {
                    let values: Vec<f64> = found.iter().map(|found| of(found)).collect();
                    Interval::new(&values)
                };
                let value = of(&|found| found.value)?;
                Some(Point {
                    x: of(&|found| x(found, trained))?.mean,
                    y: value.mean,
                    // Student's t knows no bounds; a share has them.
                    interval: value
                        .ends()
                        .map(|(low, high)| (low.max(0.0), high.min(1.0))),
                })
            });
            Series {
                name: column.name.clone(),
                style: Style::Dots,
                colour: at,
                points: points.collect(),
            }
        });
        Chart {
            title: format!("{}, {} {title}", measure.0, measure.1),
            headline: None,
            note: None,
            x: AMOUNT,
            x_label,
            y: SHARE,
            series: series.collect(),
            marks: Vec::new(),
        }
    }
}
