use std::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use ffc_train::format::{count, significant};
use ffc_train::run::{EvaluationScores, Mistake, Picture};

use crate::chart::{Axis, Chart, Mark, Scale, Series, Style, Unit};
use crate::curves::{histogram, roc};
use crate::escape::Escaped;
use crate::run_data::RunData;
use crate::section;

/// Mistakes of a kind that are shown at most.
const MAX_MISTAKES: usize = 12;

/// Scores of pairs, what thresholds make of them, and the worst mistakes.
pub struct Recognition<'a>(pub &'a RunData);

impl fmt::Display for Recognition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        section::begin(f, "recognition", "Recognition")?;
        match &self.0.scores {
            None => section::missing(f, "No scores.json: no histograms, ROC curves or mistakes.")?,
            Some(scores) if scores.0.is_empty() => {
                section::missing(f, "scores.json holds no evaluation.")?
            }
            Some(scores) => {
                for (name, scores) in &scores.0 {
                    evaluation(f, name, scores)?;
                }
            }
        }
        section::end(f)
    }
}

fn evaluation(f: &mut fmt::Formatter<'_>, name: &str, scores: &EvaluationScores) -> fmt::Result {
    write!(
        f,
        "<div class=\"subhead\"><h3>{}</h3><p class=\"note\">{} network, {} same and {} different pairs</p></div><div class=\"charts\">",
        Escaped(name),
        Escaped(&scores.network),
        count(scores.same.len() as u64),
        count(scores.different.len() as u64),
    )?;
    write!(f, "{}{}", histogram_chart(scores), roc_chart(scores))?;
    f.write_str("</div>")?;

    if scores.mistakes.is_empty() {
        return section::missing(f, "No mistakes are recorded.");
    }
    let (mut same, mut different): (Vec<_>, Vec<_>) =
        scores.mistakes.iter().partition(|mistake| mistake.same);
    same.sort_by(|a, b| a.score.total_cmp(&b.score));
    different.sort_by(|a, b| b.score.total_cmp(&a.score));
    mistakes(f, "Same person, taken for different ones", &same)?;
    mistakes(f, "Different persons, taken for one", &different)
}

fn histogram_chart(scores: &EvaluationScores) -> Chart {
    let all = || scores.same.iter().chain(&scores.different);
    let ends = |score: f32| f64::from(score) * 10.0;
    let low = all().copied().fold(1.0, f32::min);
    let high = all().copied().fold(-1.0, f32::max);
    let (low, high) = (ends(low).floor() / 10.0, ends(high).ceil() / 10.0);
    let high = high.max(low + 0.1);
    let series = |name: &str, colour, scores: &[f32]| Series {
        name: name.to_owned(),
        style: Style::Area,
        colour,
        points: if scores.is_empty() {
            Vec::new()
        } else {
            histogram(scores, low, high)
        },
    };
    let mark = |threshold: f32| Mark {
        x: threshold.into(),
        label: format!("threshold {}", significant(threshold.into(), 3)),
    };
    Chart {
        title: "Scores".to_owned(),
        headline: None,
        note: Some("share of pairs by their cosine".to_owned()),
        x_label: "cosine",
        x: Axis {
            scale: Scale::Linear,
            unit: Unit::Number,
            includes: &[],
        },
        y: Axis {
            scale: Scale::Linear,
            unit: Unit::Percent,
            includes: &[0.0],
        },
        series: vec![
            series("same person", 0, &scores.same),
            series("different persons", 1, &scores.different),
        ],
        marks: scores.threshold.map(mark).into_iter().collect(),
    }
}

fn roc_chart(scores: &EvaluationScores) -> Chart {
    Chart {
        title: "ROC".to_owned(),
        headline: None,
        note: Some("true accepts against false accepts".to_owned()),
        x_label: "false accept rate",
        x: Axis {
            scale: Scale::Log,
            unit: Unit::Number,
            includes: &[1.0],
        },
        y: Axis {
            scale: Scale::Linear,
            unit: Unit::Percent,
            includes: &[1.0],
        },
        series: vec![Series {
            name: "true accept rate".to_owned(),
            style: Style::Line,
            colour: 0,
            points: roc(&scores.same, &scores.different),
        }],
        marks: Vec::new(),
    }
}

/// Pairs of pictures, the worst first.
fn mistakes(f: &mut fmt::Formatter<'_>, title: &str, mistakes: &[&Mistake]) -> fmt::Result {
    if mistakes.is_empty() {
        return Ok(());
    }
    let shown = mistakes.len().min(MAX_MISTAKES);
    write!(
        f,
        "<div class=\"subhead\"><h4>{}</h4><p class=\"note\">the worst {shown} of {} recorded</p></div><div class=\"mistakes\">",
        Escaped(title),
        count(mistakes.len() as u64)
    )?;
    for mistake in &mistakes[..shown] {
        let expected = if mistake.same {
            "expected: same"
        } else {
            "expected: different"
        };
        f.write_str("<figure class=\"card mistake\"><div>")?;
        picture(f, &mistake.left)?;
        picture(f, &mistake.right)?;
        write!(
            f,
            "</div><figcaption><b>{:.3}</b> <i>{expected}</i></figcaption></figure>",
            mistake.score
        )?;
    }
    f.write_str("</div>")
}

fn picture(f: &mut fmt::Formatter<'_>, picture: &Picture) -> fmt::Result {
    let name = Escaped(&picture.name);
    let png = Base64Display::new(&picture.png, &STANDARD);
    write!(
        f,
        "<span><img src=\"data:image/png;base64,{png}\" alt=\"{name}\" title=\"{name}\" loading=\"lazy\"><small>{name}</small></span>"
    )
}
