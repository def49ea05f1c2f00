use std::fmt;

use ffc_train::format::{count, duration, significant};

use crate::escape::Escaped;
use crate::recognition::Recognition;
use crate::results::Results;
use crate::run_data::RunData;
use crate::setup::Setup;
use crate::training::Training;

/// The whole report.
pub(crate) struct Page<'a>(pub(crate) &'a RunData);

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(run) = self;
        let name = Escaped(&run.name);
        // The policy keeps the page from loading anything, whatever a name in it says.
        write!(
            f,
            "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">
<meta name=\"color-scheme\" content=\"light dark\">
<title>{name} – FFC</title>
<style>
{}</style>
</head>
<body>
<header><p class=\"kind\">FFC training run</p><h1>{name}</h1><p class=\"when\">",
            include_str!("style.css")
        )?;
        for (index, fact) in facts(run).iter().enumerate() {
            let divider = if index == 0 { "" } else { " · " };
            write!(f, "{divider}<span>{}</span>", Escaped(fact))?;
        }
        write!(
            f,
            "</p></header>
<main>
{}
{}
{}
{}
</main>
<footer>Written by ffc {}.</footer>
<script>
{}</script>
</body>
</html>
",
            Results(run),
            Training(run),
            Recognition(run),
            Setup(run),
            env!("CARGO_PKG_VERSION"),
            include_str!("script.js"),
        )
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

/// A section with its heading.
pub(crate) fn section(f: &mut fmt::Formatter<'_>, id: &str, title: &str) -> fmt::Result {
    write!(f, "<section id=\"{id}\"><h2>{title}</h2>")
}

/// A line in place of what is missing.
pub(crate) fn missing(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "<p class=\"missing\">{}</p>", Escaped(text))
}
