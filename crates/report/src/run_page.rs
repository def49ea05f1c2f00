use std::fmt;

use ffc_train::format::{count, duration, significant};
use ffc_train::run::file_name;

use crate::overview::Overview;
use crate::page::Page;
use crate::recognition::Recognition;
use crate::results::Results;
use crate::run_data::RunData;
use crate::setup::Setup;
use crate::training::Training;

/// The page of one run.
pub struct RunPage<'a>(pub &'a RunData);

impl fmt::Display for RunPage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(run) = self;
        Page {
            kind: "FFC training run",
            title: &run.name,
            facts: facts(run),
            sections: vec![
                &Overview(run),
                &Results(run),
                &Training(run),
                &Recognition(run),
                &Setup(run),
            ],
            notes: notes(run),
        }
        .fmt(f)
    }
}

/// When the run was and how long.
fn facts(run: &RunData) -> Vec<String> {
    let mut facts = Vec::new();
    let environment = run.environment.as_ref();
    if let Some(started) = environment.and_then(|environment| environment.get("started")) {
        facts.push(format!("started {started}"));
    }
    if let Some(last) = run.steps.last() {
        facts.push(duration(last.elapsed_s));
        facts.push(format!("{} steps", count(last.step)));
        facts.push(format!("{} epochs", significant(last.epoch, 3)));
        // Lines stand for about as many steps each, so the mean weighs them alike.
        let speeds = run.steps.iter().map(|metrics| metrics.images_per_s);
        let mean = speeds.sum::<f64>() / run.steps.len() as f64;
        facts.push(format!("{} images/s", significant(mean, 3)));
    }
    facts
}

/// What the page leaves out.
fn notes(run: &RunData) -> Vec<String> {
    let lines = match run.unknown_lines {
        0 => return Vec::new(),
        1 => "1 line".to_owned(),
        lines => format!("{} lines", count(lines)),
    };
    vec![format!(
        "{} has {lines} of a kind that this version does not know and does not show.",
        file_name::METRICS
    )]
}
