use std::sync::Arc;

use super::batch::ImageBatch;
use super::config::LoaderConfig;
use super::fill::Filler;
use super::plan::{Row, View};
use super::stream::Stream;
use crate::augment::AugmentConfig;
use crate::dataset::Dataset;
use crate::{Error, Result};

/// An iterator over the pictures of given images in the given order, as they are.
///
/// The last batch may be short. It ends after an error. What becomes of an image that cannot be read is
/// [configured](LoaderConfig::damaged): where another takes its place, the batch says which.
pub struct ListLoader(Stream<ImageBatch>);

impl ListLoader {
    /// Starts the workers. Of `config` count the batch, the size and channels of the pictures, the workers, the
    /// queue and what is done about images that cannot be read.
    ///
    /// # Errors
    /// If a setting is outside its range, the index has no such image, or threads cannot be started.
    pub fn new(dataset: Arc<Dataset>, images: Vec<u64>, config: &LoaderConfig) -> Result<Self> {
        let config = LoaderConfig {
            rank: 0,
            ranks: 1,
            augment: AugmentConfig {
                flip: false,
                ..Default::default()
            },
            ..config.clone()
        };
        config.check()?;
        let known = dataset.index().images();
        if let Some(image) = images.iter().find(|&&image| image >= known) {
            return Err(Error::Setting {
                setting: "image",
                value: image.to_string(),
                expected: "below the number of images",
            });
        }
        let (batch, steps) = (config.batch, images.len().div_ceil(config.batch));
        let filler = Arc::new(Filler::new(dataset, config));
        let stream = Stream::start(filler, 0..steps as u64, move |maker, step| {
            let index = maker.filler().dataset().index();
            let start = step as usize * batch;
            let rows = images[start..images.len().min(start + batch)]
                .iter()
                .map(|&image| Row {
                    x: View {
                        image,
                        identity: index.identity_of(image),
                        epoch: 0,
                        position: 0,
                        view: 0,
                    },
                    y: None,
                    paired: false,
                });
            let rows = rows.collect();
            Ok(maker.pictures(rows, 1, None)?.0)
        })?;
        Ok(Self(stream))
    }
}

impl Iterator for ListLoader {
    type Item = Result<ImageBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}
