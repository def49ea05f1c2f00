use std::sync::Arc;

use ffc_data::{Dataset, Index};
use serde::{Deserialize, Serialize};

use crate::embed::Embed;
use crate::embeddings::{ImageEmbeddings, dot, normalise};
use crate::error::at_least;
use crate::evaluation::{Evaluation, Measure};
use crate::prepared::Task;
use crate::purpose::Purpose;
use crate::{Error, Result};

/// N-way k-shot episodes: of each of N identities k images are known, and one more is to be recognised.
///
/// It is taken for the identity whose mean known embedding has the greatest cosine with its own. One that is as near to another
/// identity counts as not recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Episodes {
    /// Identities of an episode, N.
    pub ways: usize,
    /// Known images of each, k.
    pub shots: usize,
    /// Number of episodes. Default: 1,000.
    #[serde(default = "default_episodes")]
    pub episodes: usize,
    /// Seed of the draw. Default: 0.
    #[serde(default)]
    pub seed: u64,
}

fn default_episodes() -> usize {
    1_000
}

impl Episodes {
    /// Draws an episode: for each identity its known images, then the one that is to be recognised.
    fn draw(&self, index: &Index, pool: &[u64], episode: usize) -> Vec<Vec<u64>> {
        let mut rng = Purpose::Episode.rng(self.seed, episode as u64);
        let identities = rng.distinct(self.ways, pool.len() as u64);
        let images = |number: u64| {
            let images = index.images_of(pool[number as usize]);
            let drawn = rng.distinct(self.shots + 1, images.end - images.start);
            drawn
                .into_iter()
                .map(|number| images.start + number)
                .collect()
        };
        identities.into_iter().map(images).collect()
    }

    /// The images of all episodes: for each episode and each of its identities the known images, then the one that is to be
    /// recognised.
    ///
    /// # Errors
    /// If a setting is outside its range, or too few identities have enough images.
    pub fn draws(&self, index: &Index) -> Result<Vec<Vec<Vec<u64>>>> {
        self.check()?;
        let pool: Vec<u64> = (0..index.identities())
            .filter(|&identity| index.images_of(identity).count() > self.shots)
            .collect();
        at_least(
            "identities with more images than shots",
            self.ways,
            pool.len(),
        )?;
        let draw = |episode| self.draw(index, &pool, episode);
        Ok((0..self.episodes).map(draw).collect())
    }

    /// Checks what needs no set.
    pub(crate) fn check(&self) -> Result<()> {
        for (setting, value, low, expected) in [
            ("ways", self.ways, 2, "2 to 2^20"),
            ("shots", self.shots, 1, "1 to 2^20"),
            ("episodes", self.episodes, 1, "1 to 2^20"),
        ] {
            if !(low..=1 << 20).contains(&value) {
                return Err(Error::setting(setting, value, expected));
            }
        }
        Ok(())
    }

    /// The share that was recognised in each episode.
    ///
    /// # Errors
    /// If a setting is outside its range, the set is too small, or an image cannot be read or embedded.
    pub fn run(&self, dataset: &Arc<Dataset>, embed: &mut dyn Embed) -> Result<Vec<f64>> {
        let drawn = DrawnEpisodes::new(self.clone(), dataset.index())?;
        Ok(drawn.accuracies(&ImageEmbeddings::new(dataset, drawn.images(), embed)?))
    }

    fn accuracy(&self, episode: &[Vec<u64>], embeddings: &ImageEmbeddings) -> f64 {
        let mean = |images: &Vec<u64>| {
            let (first, others) = (images[0], &images[1..self.shots]);
            let mut sum = embeddings.of(first).to_vec();
            for &image in others {
                let values = embeddings.of(image);
                sum.iter_mut()
                    .zip(values)
                    .for_each(|(sum, value)| *sum += value);
            }
            normalise(&mut sum);
            sum
        };
        let means: Vec<Vec<f32>> = episode.iter().map(mean).collect();
        let recognised = episode.iter().enumerate().filter(|(identity, images)| {
            let query = embeddings.of(images[self.shots]);
            let own = dot(query, &means[*identity]);
            let others = means
                .iter()
                .enumerate()
                .filter(|(other, _)| other != identity);
            others.into_iter().all(|(_, mean)| dot(query, mean) < own)
        });
        recognised.count() as f64 / episode.len() as f64
    }
}

/// Episodes of a set.
pub(crate) struct DrawnEpisodes {
    episodes: Episodes,
    draws: Vec<Vec<Vec<u64>>>,
}

impl DrawnEpisodes {
    pub(crate) fn new(episodes: Episodes, index: &Index) -> Result<Self> {
        let draws = episodes.draws(index)?;
        Ok(Self { episodes, draws })
    }

    fn accuracies(&self, embeddings: &ImageEmbeddings) -> Vec<f64> {
        let accuracy = |episode: &Vec<Vec<u64>>| self.episodes.accuracy(episode, embeddings);
        self.draws.iter().map(accuracy).collect()
    }
}

impl Task for DrawnEpisodes {
    fn images(&self) -> Vec<u64> {
        self.draws.iter().flatten().flatten().copied().collect()
    }

    fn measure(&self, embeddings: &ImageEmbeddings) -> Result<Evaluation> {
        let accuracy = Measure::mean("accuracy", &self.accuracies(embeddings));
        Ok(Evaluation::of_measures(vec![accuracy]))
    }
}
