use std::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use ffc_train::format::{count, significant};
use ffc_train::run::{EvaluationScores, Mistake, Picture};

use crate::chart::{Axis, Chart, Mark, Point, Scale, Series, Style, Unit};
use crate::curves::{histogram, roc};
use crate::escape::Escaped;
use crate::run_data::RunData;
use crate::section;

/// Mistakes of a kind that are shown at most.
const MAX_MISTAKES: usize = 12;

/// Scores of pairs, what thresholds make of them, and the worst mistakes. Evaluations that have none of them are left out, and without
/// any the whole section.
pub struct Recognition<'a>(pub &'a RunData);

impl fmt::Display for Recognition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(scores) = &self.0.scores else {
            if self.0.evaluations.is_empty() {
                return Ok(());
            }
            section::begin(f, "recognition", "Recognition")?;
            section::missing(
                f,
                "No scores.json, which the last evaluation writes: no histograms, ROC curves or mistakes.",
            )?;
            return section::end(f);
        };
        let mut shown = scores.0.iter().filter(|(_, scores)| has_part(scores));
        let Some(first) = shown.next() else {
            return Ok(());
        };
        section::begin(f, "recognition", "Recognition")?;
        for (name, scores) in std::iter::once(first).chain(shown) {
            evaluation(f, name, scores)?;
        }
        section::end(f)
    }
}

fn has_pairs(scores: &EvaluationScores) -> bool {
    !scores.same.is_empty() || !scores.different.is_empty()
}

/// Whether there is anything to show.
fn has_part(scores: &EvaluationScores) -> bool {
    has_pairs(scores) || !scores.roc.is_empty() || !scores.mistakes.is_empty()
}

fn evaluation(f: &mut fmt::Formatter<'_>, name: &str, scores: &EvaluationScores) -> fmt::Result {
    write!(
        f,
        "<div class=\"subhead\"><h3>{}</h3><p class=\"note\">{} network",
        Escaped(name),
        Escaped(&scores.network),
    )?;
    if has_pairs(scores) {
        write!(
            f,
            ", {} same and {} different pairs",
            count(scores.same.len() as u64),
            count(scores.different.len() as u64),
        )?;
    }
    f.write_str("</p></div><div class=\"charts\">")?;
    if has_pairs(scores) {
        write!(f, "{}", histogram_chart(scores))?;
    }
    let roc = roc_points(scores);
    if !roc.is_empty() {
        write!(f, "{}", roc_chart(roc))?;
    }
    f.write_str("</div>")?;

    if has_pairs(scores) && scores.mistakes.is_empty() {
        return section::missing(f, "No mistakes are recorded.");
    }
    mistakes(f, "Same identity, taken for different ones", scores, true)?;
    mistakes(f, "Different identities, taken for one", scores, false)
}

/// The curve that the scores hold, else that of their pairs.
fn roc_points(scores: &EvaluationScores) -> Vec<Point> {
    if scores.roc.is_empty() {
        return roc(&scores.same, &scores.different);
    }
    // The axis of false accepts is logarithmic and has no place for 0.
    let points = scores.roc.iter().filter(|point| point.far > 0.0);
    points
        .map(|point| Point::new(point.far, point.tar))
        .collect()
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
            series("same identity", 0, &scores.same),
            series("different identities", 1, &scores.different),
        ],
        marks: scores.threshold.map(mark).into_iter().collect(),
    }
}

fn roc_chart(points: Vec<Point>) -> Chart {
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
            points,
        }],
        marks: Vec::new(),
    }
}

/// Pairs of pictures of a kind that were judged wrong, the worst first, and how many there are.
fn mistakes(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    scores: &EvaluationScores,
    same: bool,
) -> fmt::Result {
    let recorded = scores.mistakes.iter();
    let mut mistakes: Vec<&Mistake> = recorded.filter(|mistake| mistake.same == same).collect();
    mistakes.sort_by(|a, b| match same {
        true => a.score.total_cmp(&b.score),
        false => b.score.total_cmp(&a.score),
    });
    // Folds with thresholds of their own may have recorded more.
    let all = wrong_pairs(scores, same).max(mistakes.len());
    if all == 0 {
        return Ok(());
    }
    let shown = mistakes.len().min(MAX_MISTAKES);
    let all = count(all as u64);
    let note = match shown {
        0 => format!("{all}, no picture of them is recorded"),
        _ => format!("the worst {shown} of {all}"),
    };
    write!(
        f,
        "<div class=\"subhead\"><h4>{title}</h4><p class=\"note\">{note}</p></div><div class=\"mistakes\">"
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
        // With the minus of all other numbers.
        let score = format!("{:.3}", mistake.score).replace('-', "−");
        write!(
            f,
            "</div><figcaption><b>{score}</b> <i>{expected}</i></figcaption></figure>"
        )?;
    }
    f.write_str("</div>")
}

/// Pairs of a kind on the wrong side of the threshold.
fn wrong_pairs(scores: &EvaluationScores, same: bool) -> usize {
    let Some(threshold) = scores.threshold else {
        return 0;
    };
    let pairs = if same {
        &scores.same
    } else {
        &scores.different
    };
    let is_wrong = |score: &&f32| (**score > threshold) != same;
    pairs.iter().filter(is_wrong).count()
}

fn picture(f: &mut fmt::Formatter<'_>, picture: &Picture) -> fmt::Result {
    let name = Escaped(&picture.name);
    let png = Base64Display::new(&picture.png, &STANDARD);
    write!(
        f,
        "<span><img src=\"data:image/png;base64,{png}\" alt=\"{name}\" title=\"{name}\" loading=\"lazy\"><small>{name}</small></span>"
    )
}
