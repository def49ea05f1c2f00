use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::path::{Path, PathBuf};

use super::media::Media;
use crate::cosine_key::{cosine, key};
use crate::embeddings::Embeddings;
use crate::error::at_least;
use crate::evaluation::{Evaluation, Measure};
use crate::list_file::{for_each_line, number};
use crate::tar_at_far::can_show;
use crate::{Error, Result};

/// Ranks that are measured.
const RANKS: [usize; 2] = [1, 5];
/// False positive identification rates that are measured.
const RATES: [f64; 2] = [0.01, 0.1];

/// Templates that are looked for in a gallery, as insightface searches IJB: the galleries together are one, in which each subject has one
/// template.
pub(crate) struct TemplateSearch {
    /// Rows of the gallery's templates.
    gallery: Vec<usize>,
    /// Of each probe its row, and the place in the gallery of its subject.
    probes: Vec<(usize, usize)>,
}

impl TemplateSearch {
    pub(crate) fn read(galleries: &[PathBuf], probes: &Path, media: &mut Media) -> Result<Self> {
        // Template and subject; lines of one template, one for each picture, are one.
        let mut subjects: BTreeMap<u64, (u64, usize)> = BTreeMap::new();
        let mut gallery = Vec::new();
        for path in galleries {
            for (line, template, subject) in read_subjects(path)? {
                let wrong = |problem| Error::line(path, line, problem);
                let row = media.row(template).map_err(wrong)?;
                let (known, _) = *subjects.entry(subject).or_insert_with(|| {
                    gallery.push(row);
                    (template, gallery.len() - 1)
                });
                if known != template {
                    return Err(wrong(format!(
                        "subject {subject} has template {template}, but also {known}: one is expected in all galleries together"
                    )));
                }
            }
        }
        at_least("subjects in the gallery", 2, gallery.len())?;
        let mut rows = Vec::new();
        let mut known: BTreeMap<u64, u64> = BTreeMap::new();
        for (line, template, subject) in read_subjects(probes)? {
            let wrong = |problem| Error::line(probes, line, problem);
            let other = *known.entry(template).or_insert(subject);
            if other != subject {
                return Err(wrong(format!(
                    "template {template} is of subject {subject}, but also of {other}"
                )));
            }
            let row = media.row(template).map_err(wrong)?;
            let place = subjects.get(&subject).map(|(_, place)| *place);
            let place = place
                .ok_or_else(|| wrong(format!("subject {subject} is in none of the galleries")))?;
            rows.push((template, row, place));
        }
        // As the templates of a probe come once, in ascending order.
        rows.sort_unstable();
        rows.dedup();
        at_least("probes", 1, rows.len())?;
        Ok(Self {
            gallery,
            probes: rows
                .into_iter()
                .map(|(_, row, place)| (row, place))
                .collect(),
        })
    }

    pub(crate) fn measure(&self, templates: &Embeddings) -> Evaluation {
        let count = self.probes.len();
        let (rates, left_out): (Vec<f64>, Vec<f64>) = RATES
            .into_iter()
            .partition(|&rate| can_show(rate, count as u64));
        let wanted = |rate: f64| (rate * count as f64 - 1e-9).ceil() as usize;
        let mut greatest = Greatest::new(rates.iter().map(|&rate| wanted(rate)).max());
        let mut ranks = Vec::with_capacity(count);
        let mut mates = Vec::with_capacity(count);
        for &(row, place) in &self.probes {
            let mate = templates.cosine(row, self.gallery[place]);
            // One that is as near counts against the network.
            let mut before = 0;
            for (other, &gallery) in self.gallery.iter().enumerate() {
                if other != place {
                    let cosine = templates.cosine(row, gallery);
                    before += usize::from(cosine >= mate);
                    greatest.add(cosine);
                }
            }
            ranks.push(before);
            mates.push(mate);
        }
        let greatest = greatest.descending();
        let mut measures: Vec<Measure> = RANKS
            .iter()
            .map(|&rank| {
                let found: Vec<bool> = ranks.iter().map(|&before| before < rank).collect();
                Measure::share(format!("rank-{rank}"), &found)
            })
            .collect();
        measures.extend(rates.iter().map(|&rate| {
            let threshold = greatest.get(wanted(rate) - 1).copied();
            let threshold = threshold.unwrap_or(f32::NEG_INFINITY);
            let found: Vec<bool> = mates.iter().map(|&mate| mate > threshold).collect();
            Measure::share(format!("TPIR@FPIR {rate:e}"), &found)
        }));
        let left_out = left_out.into_iter().map(|rate| {
            format!(
                "TPIR@FPIR {rate:e} is left out: {:.0} probes would show it, there are {count}",
                1.0 / rate
            )
        });
        Evaluation {
            left_out: left_out.collect(),
            ..Evaluation::of_measures(measures)
        }
    }
}

/// Line, template and subject of each line of a table.
fn read_subjects(path: &Path) -> Result<Vec<(usize, u64, u64)>> {
    let mut rows = Vec::new();
    for_each_line(path, |line, text| {
        let mut fields = text.split(',');
        let (Some(template), Some(subject)) = (fields.next(), fields.next()) else {
            return Err("1 field, expected `template,subject`".into());
        };
        // The line of names.
        if line > 1 || template.trim().parse::<u64>().is_ok() {
            rows.push((
                line,
                number("template", template)?,
                number("subject", subject)?,
            ));
        }
        Ok(())
    })?;
    Ok(rows)
}

/// The greatest of many cosines.
struct Greatest {
    most: usize,
    keys: BinaryHeap<Reverse<u32>>,
}

impl Greatest {
    fn new(most: Option<usize>) -> Self {
        Self {
            most: most.unwrap_or(0),
            keys: BinaryHeap::new(),
        }
    }

    fn add(&mut self, cosine: f32) {
        let key = key(cosine);
        if self.keys.len() < self.most {
            self.keys.push(Reverse(key));
        } else if let Some(mut least) = self.keys.peek_mut()
            && least.0 < key
        {
            *least = Reverse(key);
        }
    }

    fn descending(self) -> Vec<f32> {
        let keys = self.keys.into_sorted_vec();
        keys.into_iter().map(|Reverse(key)| cosine(key)).collect()
    }
}
