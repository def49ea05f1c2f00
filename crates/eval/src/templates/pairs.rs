use std::path::Path;

use super::media::Media;
use crate::Result;
use crate::embeddings::Embeddings;
use crate::error::at_least;
use crate::evaluation::{BOOTSTRAP_SEED, Evaluation, Measure};
use crate::list_file::{for_each_line, label, number};
use crate::roc::thinned;
use crate::scores::Scores;
use crate::tar_at_far::{check_targets, showable};
use crate::tar_of_scores::tar_at_far_of_scores;
use crate::thresholds::Thresholds;

/// Pairs of templates, by their rows.
pub(crate) struct TemplatePairs {
    same: Vec<[u32; 2]>,
    different: Vec<[u32; 2]>,
    targets: Vec<f64>,
    left_out: Vec<String>,
}

impl TemplatePairs {
    pub(crate) fn read(path: &Path, media: &mut Media, targets: &[f64]) -> Result<Self> {
        check_targets(targets)?;
        let (mut same, mut different) = (Vec::new(), Vec::new());
        for_each_line(path, |_, text| {
            let fields: Vec<&str> = text.split_whitespace().collect();
            let [a, b, is_same] = fields[..] else {
                return Err(format!(
                    "{} fields, expected 3: two templates and 1 or 0",
                    fields.len()
                ));
            };
            let mut row = |field| media.row(number("template", field)?);
            let rows = [row(a)? as u32, row(b)? as u32];
            match label(is_same)? {
                true => same.push(rows),
                false => different.push(rows),
            }
            Ok(())
        })?;
        at_least("pairs of the same identity", 1, same.len())?;
        let (targets, left_out) = showable(targets, different.len() as u64)?;
        Ok(Self {
            same,
            different,
            targets,
            left_out,
        })
    }

    pub(crate) fn measure(&self, templates: &Embeddings) -> Result<Evaluation> {
        let cosines = |pairs: &[[u32; 2]]| {
            let cosine = |&[a, b]: &[u32; 2]| templates.cosine(a as usize, b as usize);
            pairs.iter().map(cosine).collect()
        };
        let scores = Scores {
            same: cosines(&self.same),
            different: cosines(&self.different),
        };
        let results = tar_at_far_of_scores(&scores, &self.targets, BOOTSTRAP_SEED)?;
        let roc = scores.roc();
        Ok(Evaluation {
            thresholds: Some(Thresholds::of_curve(&roc, scores.pairs())?),
            roc: thinned(&roc),
            left_out: self.left_out.clone(),
            ..Evaluation::of_measures(results.into_iter().map(Measure::from).collect())
        })
    }
}
