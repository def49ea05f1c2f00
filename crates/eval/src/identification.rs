use std::sync::Arc;

use ffc_data::{Dataset, Index};
use serde::{Deserialize, Serialize};

use crate::embed::Embed;
use crate::embeddings::{ImageEmbeddings, dot};
use crate::error::at_least;
use crate::evaluation::{Evaluation, Measure};
use crate::prepared::Task;
use crate::purpose::Purpose;
use crate::{Error, Result};

/// Rank-1 identification with distractors: how often the nearest picture of a gallery is another one of the same person.
///
/// Of some identities, one image each is in the gallery and another one is looked for. The gallery also holds distractors, images of
/// other identities. A distractor as near as the right picture counts against the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identification {
    /// Identities that are looked for. They need two images.
    pub probes: usize,
    /// Numbers of distractors, each with a result of its own.
    pub distractors: Vec<usize>,
    /// Seed of the draw. Default: 0.
    #[serde(default)]
    pub seed: u64,
}

/// The images that take part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentificationDraw {
    /// Of each identity that is looked for, the image in the gallery and the one that is looked for.
    pub mates: Vec<[u64; 2]>,
    /// Images of other identities. The first of them are the distractors where fewer are wanted.
    pub distractors: Vec<u64>,
}

impl Identification {
    /// Checks what needs no set.
    pub(crate) fn check(&self) -> Result<()> {
        if self.probes == 0 || self.distractors.is_empty() {
            let expected = "at least 1, and one number of distractors at least";
            return Err(Error::setting("probes", self.probes, expected));
        }
        Ok(())
    }

    /// Draws the images.
    ///
    /// # Errors
    /// If nothing is asked for, or the set is too small.
    pub fn draw(&self, index: &Index) -> Result<IdentificationDraw> {
        self.check()?;
        let pairable: Vec<u64> = (0..index.identities())
            .filter(|&identity| index.images_of(identity).count() > 1)
            .collect();
        at_least("identities with two images", self.probes, pairable.len())?;
        let mut rng = Purpose::Mates.rng(self.seed, 0);
        let drawn = rng.distinct(self.probes, pairable.len() as u64);
        let mut probes: Vec<u64> = drawn
            .into_iter()
            .map(|number| pairable[number as usize])
            .collect();
        let mates = probes.iter().map(|&identity| {
            let images = index.images_of(identity);
            let two = rng.distinct(2, images.end - images.start);
            [images.start + two[0], images.start + two[1]]
        });
        let mates = mates.collect();
        probes.sort_unstable();
        let others: Vec<u64> = (0..index.identities())
            .filter(|identity| probes.binary_search(identity).is_err())
            .flat_map(|identity| index.images_of(identity))
            .collect();
        let most = self.distractors.iter().copied().max().unwrap_or(0);
        at_least(
            "images of other identities, for distractors,",
            most,
            others.len(),
        )?;
        let drawn = Purpose::Distractors
            .rng(self.seed, 0)
            .distinct(most, others.len() as u64);
        let distractors = drawn
            .into_iter()
            .map(|number| others[number as usize])
            .collect();
        Ok(IdentificationDraw { mates, distractors })
    }

    /// For each number of distractors, whether each probe's nearest picture is its mate.
    ///
    /// # Errors
    /// If the set is too small, or an image cannot be read or embedded.
    pub fn run(&self, dataset: &Arc<Dataset>, embed: &mut dyn Embed) -> Result<Vec<Vec<bool>>> {
        let drawn = DrawnIdentification::new(self.clone(), dataset.index())?;
        Ok(drawn.found(&ImageEmbeddings::new(dataset, drawn.images(), embed)?))
    }
}

/// An identification in a set.
pub(crate) struct DrawnIdentification {
    identification: Identification,
    draw: IdentificationDraw,
}

impl DrawnIdentification {
    pub(crate) fn new(identification: Identification, index: &Index) -> Result<Self> {
        let draw = identification.draw(index)?;
        Ok(Self {
            identification,
            draw,
        })
    }

    /// For each number of distractors, whether each probe's nearest picture is its mate.
    fn found(&self, embeddings: &ImageEmbeddings) -> Vec<Vec<bool>> {
        let IdentificationDraw { mates, distractors } = &self.draw;
        let numbers = &self.identification.distractors;
        let mut found = vec![Vec::with_capacity(mates.len()); numbers.len()];
        for (number, &[mate, probe]) in mates.iter().enumerate() {
            let probe = embeddings.of(probe);
            let score = |image: u64| dot(probe, embeddings.of(image));
            let mate = score(mate);
            let others = mates
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != number);
            let first = others
                .into_iter()
                .all(|(_, &[other, _])| score(other) < mate);
            // Distractors before the first that is as near.
            let beaten = match first {
                true => distractors.iter().position(|&image| score(image) >= mate),
                false => Some(0),
            };
            for (&distractors, found) in numbers.iter().zip(&mut found) {
                found.push(first && beaten.is_none_or(|beaten| beaten >= distractors));
            }
        }
        found
    }
}

impl Task for DrawnIdentification {
    fn images(&self) -> Vec<u64> {
        let IdentificationDraw { mates, distractors } = &self.draw;
        mates.iter().flatten().chain(distractors).copied().collect()
    }

    fn measure(&self, embeddings: &ImageEmbeddings) -> Result<Evaluation> {
        let numbers = self.identification.distractors.iter();
        let measures = numbers
            .zip(self.found(embeddings))
            .map(|(number, found)| Measure::share(format!("rank-1, {number} distractors"), &found));
        Ok(Evaluation::of_measures(measures.collect()))
    }
}
