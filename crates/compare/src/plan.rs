use std::collections::BTreeMap;
use std::path::Path;

use ffc_train::Config;
use ffc_train::config::{Decay, Length};
use serde::Deserialize;
use toml::{Table, Value};

use crate::budget::Budget;
use crate::column::{Column, combinations, overrides};
use crate::{Error, Result};

/// What is compared. In a file of TOML:
///
/// ```
/// # let plan = r#"
/// title = "Pool sizes"
/// base = "synthetic"             # a preset, or a configuration's path
/// seeds = [0, 1, 2]              # default: 0 to 2
/// length = { images = 48000 }    # of every cell; default: as the base says
/// evaluations = 4                # over that length; default: 4
///
/// [set]                          # settings of every cell
/// loader.batch = 32
///
/// [[column]]                     # settings that go together
/// name = "ffc"
/// set = { head.kind = "ffc" }
///
/// [grid]                         # each column with every combination of these
/// "head.pool" = [100, 1000]
/// # "#;
/// # let plan = ffc_compare::Plan::parse(plan, "example").unwrap();
/// # assert_eq!(plan.columns().len(), 2);
/// ```
///
/// The first column is what the others are compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    origin: String,
    file: File,
    /// Settings of every cell that came from outside the file.
    settings: Vec<String>,
    columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    base: String,
    #[serde(default = "three_seeds")]
    seeds: Vec<u64>,
    length: Option<Budget>,
    #[serde(default = "four")]
    evaluations: u64,
    #[serde(default)]
    set: Table,
    #[serde(default)]
    column: Vec<ColumnTable>,
    #[serde(default)]
    grid: BTreeMap<String, Vec<Value>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnTable {
    name: String,
    #[serde(default)]
    set: Table,
}

fn three_seeds() -> Vec<u64> {
    vec![0, 1, 2]
}

fn four() -> u64 {
    4
}

/// Letters of a column's name as a folder's.
const MOST_LETTERS: usize = 100;
/// Lines of metrics in the time between two evaluations.
const LINES: u64 = 20;

impl Plan {
    /// The plans that come with the crate: their names and texts.
    pub const BUILT_IN: [(&str, &str); 7] = [
        ("loaders", include_str!("../plans/loaders.toml")),
        ("methods", include_str!("../plans/methods.toml")),
        ("pool-size", include_str!("../plans/pool-size.toml")),
        ("momentum", include_str!("../plans/momentum.toml")),
        ("gallery", include_str!("../plans/gallery.toml")),
        ("update-rule", include_str!("../plans/update-rule.toml")),
        ("prefill", include_str!("../plans/prefill.toml")),
    ];

    /// Reads a file, or a plan that comes with the crate by its name.
    ///
    /// # Errors
    ///
    /// [`Error::Plan`] where there is none, or as [`parse`](Self::parse); [`Error::Io`].
    pub fn load(name: &str) -> Result<Self> {
        let text = Self::text(name)?;
        if !Path::new(name).is_file() {
            return Self::parse(&text, &format!("plan {name}"));
        }
        let mut file = read(&text, name)?;
        // As it is written, or else beside the plan.
        let beside = Path::new(name).with_file_name(&file.base);
        if !Path::new(&file.base).is_file() && beside.is_file() {
            file.base = beside.to_string_lossy().into_owned();
        }
        Self::new(file, name)
    }

    /// The text of a plan's file, or of a plan that comes with the crate.
    ///
    /// # Errors
    ///
    /// [`Error::Plan`] where there is none; [`Error::Io`].
    pub fn text(name: &str) -> Result<String> {
        if Path::new(name).is_file() {
            return std::fs::read_to_string(name).map_err(Error::io("read", name));
        }
        let built_in = Self::BUILT_IN.into_iter().find(|(known, _)| *known == name);
        let (_, text) = built_in.ok_or_else(|| Error::Plan {
            origin: name.to_owned(),
            problem: format!(
                "is neither a file nor a plan that is built in, which are {}",
                Self::BUILT_IN.map(|(name, _)| name).join(", ")
            ),
        })?;
        Ok(text.to_owned())
    }

    /// Reads a plan from text, which `origin` names in messages, and checks every column's configuration.
    ///
    /// # Errors
    ///
    /// [`Error::Plan`] where it is not TOML or a key or value of its own is wrong; [`Error::Column`] where a column's configuration is.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        Self::new(read(text, origin)?, origin)
    }

    fn new(file: File, origin: &str) -> Result<Self> {
        let plan = Self {
            origin: origin.to_owned(),
            columns: columns(&file),
            settings: Vec::new(),
            file,
        };
        plan.check()?;
        Ok(plan)
    }

    /// The same plan on another base, with further settings of every cell that columns and grid have precedence over, or with other seeds.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn changed(
        mut self,
        base: Option<String>,
        settings: Vec<String>,
        seeds: Option<Vec<u64>>,
    ) -> Result<Self> {
        self.file.base = base.unwrap_or(self.file.base);
        self.file.seeds = seeds.unwrap_or(self.file.seeds);
        self.settings = settings;
        self.columns = columns(&self.file);
        self.check()?;
        Ok(self)
    }

    /// Checks what can be known before anything is timed.
    fn check(&self) -> Result<()> {
        let wrong = |problem: String| Error::Plan {
            origin: self.origin.clone(),
            problem,
        };
        if self.file.seeds.is_empty() {
            return Err(wrong("seeds is empty, but one is needed at least".into()));
        }
        let twice = |numbers: &[u64]| {
            let mut numbers = numbers.to_vec();
            numbers.sort_unstable();
            numbers
                .windows(2)
                .find(|pair| pair[0] == pair[1])
                .map(|pair| pair[0])
        };
        if let Some(seed) = twice(&self.file.seeds) {
            return Err(wrong(format!("seed {seed} is given twice")));
        }
        if self.file.evaluations == 0 {
            return Err(wrong("evaluations is 0, but must be at least 1".into()));
        }
        if let Some(problem) = self.file.length.and_then(Budget::problem) {
            return Err(wrong(problem));
        }
        if let Some((key, _)) = self.file.grid.iter().find(|(_, values)| values.is_empty()) {
            return Err(wrong(format!("grid.\"{key}\" has no values")));
        }
        let (mut slugs, mut epochs) = (BTreeMap::new(), Vec::new());
        for column in &self.columns {
            let letters = column.slug().len();
            if letters == 0 || letters > MOST_LETTERS {
                let name = &column.name;
                return Err(wrong(format!(
                    "column {name:?} has {letters} letters and digits, but a folder's name needs 1 to {MOST_LETTERS}"
                )));
            }
            if let Some(other) = slugs.insert(column.slug(), &column.name) {
                let name = &column.name;
                return Err(wrong(format!(
                    "columns {other:?} and {name:?} have the same name"
                )));
            }
            let config = self.of_any_length(column)?;
            epochs.push((
                config.pictures().instances,
                config.loader.batch,
                &column.name,
            ));
            if is_in_epochs(&config)
                && let Some((.., first)) = epochs
                    .iter()
                    .find(|epoch| epoch.0 != epochs[0].0 || epoch.1 != epochs[0].1)
            {
                return Err(wrong(format!(
                    "an epoch is not as long in column {first} as in column {}, so that lengths in epochs would differ: a plan with a length, \
                     and schedule.warm_up and schedule.decay.milestones in steps, is the same for both",
                    epochs[0].2
                )));
            }
            if config.evaluations.is_empty() {
                return Err(wrong(format!(
                    "{} has no [[evaluation]], so that there is nothing to compare",
                    self.file.base
                )));
            }
        }
        Ok(())
    }

    /// What it compares.
    pub fn title(&self) -> &str {
        &self.file.title
    }

    /// The configuration that all cells share, but for their settings: a preset or a path.
    pub fn base(&self) -> &str {
        &self.file.base
    }

    /// How long every cell trains; as the base says where there is none.
    pub fn length(&self) -> Option<Budget> {
        self.file.length
    }

    /// The seeds.
    pub fn seeds(&self) -> &[u64] {
        &self.file.seeds
    }

    /// The columns, the one first that the others are compared with.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether a column's steps must be timed before its length is known.
    pub(crate) fn needs_time(&self) -> bool {
        matches!(self.file.length, Some(Budget::Seconds(_)))
    }

    /// The settings of a column as overrides of the base, without length and seed.
    pub(crate) fn overrides(&self, column: &Column) -> Vec<String> {
        let mut all = overrides(&self.file.set);
        all.extend(self.settings.iter().chain(&column.overrides).cloned());
        all
    }

    /// The configuration of a column, long where its length is not known yet: for what does not depend on it.
    pub(crate) fn of_any_length(&self, column: &Column) -> Result<Config> {
        const SHORT_S: f64 = 1e-4;
        self.config(column, self.file.seeds[0], Some(SHORT_S))
    }

    /// The configuration of a column's cell. `step_s` is what a step takes, where that decides the length.
    ///
    /// # Errors
    ///
    /// [`Error::Column`], [`Error::Plan`].
    pub(crate) fn config(&self, column: &Column, seed: u64, step_s: Option<f64>) -> Result<Config> {
        let load = |overrides: &[String]| {
            Config::named(&self.file.base, overrides).map_err(|source| Error::Column {
                origin: self.origin.clone(),
                column: column.name.clone(),
                source: Box::new(source),
            })
        };
        let wrong = |problem: String| Error::Plan {
            origin: self.origin.clone(),
            problem: format!("column {}: {problem}", column.name),
        };
        let own = self.overrides(column);
        let mut all = Vec::new();
        let mut planned = None;
        if let Some(length) = self.file.length {
            let steps = length.steps(load(&own)?.pictures(), step_s);
            let steps = steps.map_err(wrong)?;
            planned = Some(Length::Steps(steps));
            let between = steps.div_ceil(self.file.evaluations);
            let log = (between / LINES).max(1);
            all.extend([
                format!("training.length={steps} steps"),
                format!("training.evaluate={between} steps"),
                format!("training.log={log} steps"),
                format!("checkpoint.every={between} steps"),
                "checkpoint.keep=1".to_owned(),
            ]);
        }
        all.push(format!("training.seed={seed}"));
        all.extend(own);
        let config = load(&all)?;
        if config.training.seed != seed {
            return Err(wrong(
                "it sets training.seed, which the plan's seeds decide".into(),
            ));
        }
        if planned.is_some_and(|planned| planned != config.training.length) {
            return Err(wrong(
                "it sets training.length, which the plan's length decides".into(),
            ));
        }
        Ok(config)
    }
}

/// Whether the length of a training or the course of its rate is in epochs.
fn is_in_epochs(config: &Config) -> bool {
    let milestones = match &config.schedule.decay {
        Decay::MultiStep { milestones, .. } => &milestones[..],
        _ => &[],
    };
    let mut lengths = [&config.training.length, &config.schedule.warm_up]
        .into_iter()
        .chain(milestones);
    lengths.any(|length| matches!(length, Length::Epochs(_)))
}

/// Reads a plan's file.
fn read(text: &str, origin: &str) -> Result<File> {
    toml::from_str(text).map_err(|error| Error::Plan {
        origin: origin.to_owned(),
        problem: error.to_string().trim_end().to_owned(),
    })
}

/// The columns with every combination of the grid.
fn columns(file: &File) -> Vec<Column> {
    let given: Vec<(Option<&str>, Vec<String>)> = match &file.column[..] {
        [] => vec![(None, Vec::new())],
        columns => columns
            .iter()
            .map(|column| (Some(column.name.as_str()), overrides(&column.set)))
            .collect(),
    };
    let grid: Vec<(String, Vec<Value>)> = file.grid.clone().into_iter().collect();
    let combinations = combinations(&grid);
    let of = |(name, settings): &(Option<&str>, Vec<String>)| {
        let combined = combinations.iter().map(|(names, overrides)| {
            let mut words: Vec<&str> = (*name).into_iter().collect();
            words.extend(names.iter().map(String::as_str));
            Column {
                name: match &words[..] {
                    [] => file.base.clone(),
                    words => words.join(", "),
                },
                overrides: settings.iter().chain(overrides).cloned().collect(),
            }
        });
        combined.collect::<Vec<_>>()
    };
    given.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_plans_are_right() {
        for (name, text) in Plan::BUILT_IN {
            let plan = Plan::load(name).unwrap();
            assert_eq!(plan, Plan::parse(text, &format!("plan {name}")).unwrap());
            assert!(plan.columns().len() >= 2, "{name}");
            // Comparisons that are told apart by lengths alone tell nothing.
            assert!(plan.length().is_some() && plan.seeds().len() >= 3, "{name}");
        }
    }

    const PLAN: &str = r#"
        title = "Batches"
        base = "synthetic"
        seeds = [4, 7]
        length = { images = 9600 }
        evaluations = 2
        [set]
        training.log = "3 steps"
        [[column]]
        name = "ffc"
        [[column]]
        name = "full"
        set = { head.kind = "full" }
        [grid]
        "loader.batch" = [32, 16]
    "#;

    /// Every cell trains on as many pictures, and settings of columns have precedence over those of all cells.
    #[test]
    fn cells_have_one_length() {
        let plan = Plan::parse(PLAN, "test").unwrap();
        let names: Vec<&str> = (plan.columns().iter())
            .map(|column| &*column.name)
            .collect();
        assert_eq!(
            names,
            [
                "ffc, batch 32",
                "ffc, batch 16",
                "full, batch 32",
                "full, batch 16"
            ]
        );
        for (column, steps) in plan.columns().iter().zip([100, 200, 300, 600]) {
            let config = plan.config(column, 7, None).unwrap();
            assert_eq!(config.training.length.to_string(), format!("{steps} steps"));
            assert_eq!(
                config.training.evaluate.to_string(),
                format!("{} steps", steps / 2)
            );
            assert_eq!(config.training.log.to_string(), "3 steps");
            assert_eq!(config.training.seed, 7);
            assert_eq!(config.pictures().trained as u64 * steps, 9600);
        }
        let settings = vec![
            "loader.batch=8".to_owned(),
            "training.log=1 step".to_owned(),
        ];
        let plan = plan
            .changed(Some("synthetic".into()), settings, Some(vec![1]))
            .unwrap();
        let config = plan.config(&plan.columns()[1], 1, None).unwrap();
        assert_eq!(config.loader.batch, 16);
        assert_eq!(config.training.log.to_string(), "1 step");
        assert_eq!(plan.seeds(), [1]);
    }

    /// Time decides the steps where the plan says so, and is needed then.
    #[test]
    fn seconds_become_steps() {
        let plan = PLAN.replace("images = 9600", "seconds = 50.0");
        let plan = Plan::parse(&plan, "test").unwrap();
        assert!(plan.needs_time());
        let config = plan.config(&plan.columns()[0], 4, Some(0.25)).unwrap();
        assert_eq!(config.training.length.to_string(), "200 steps");
        assert!(plan.config(&plan.columns()[0], 4, None).is_err());
    }
}
