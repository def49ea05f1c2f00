use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use ffc_data::Dataset;

use crate::embeddings::{ImageEmbeddings, squared_distance};
use crate::error::at_least;
use crate::evaluation::Evaluation;
use crate::list_file::{for_each_line, label, number, shown};
use crate::pairs::Pair;
use crate::prepared::Task;
use crate::templates::pool;
use crate::verification::Verification;
use crate::{Error, Result};

/// YouTube Faces' list of pairs of videos, `splits.txt` (Wolf, Hassner and Maoz, CVPR 2011).
///
/// After a line of names, `split, ..., <person>/<video>, <person>/<video>, ..., 1` or `0` in each line, with whatever stands between. A video
/// is an identity of the set, the folder `<person>/<video>` of its frames. Its embedding is the mean of those of its frames, and the
/// pairs of each split are decided by the threshold that is best on the other splits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoPairs {
    path: PathBuf,
    /// The pairs in their order.
    pub pairs: Vec<VideoPair>,
}

/// A pair of [`VideoPairs`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoPair {
    /// The line, counted from 1.
    pub line: usize,
    /// The split that it belongs to.
    pub split: u32,
    /// Both videos, `<person>/<video>`.
    pub videos: [String; 2],
    /// Whether they show the same person.
    pub same: bool,
}

impl VideoPairs {
    /// # Errors
    /// If the file cannot be read or is no such list; the message names the line.
    pub fn read(path: &Path) -> Result<Self> {
        let mut pairs = Vec::new();
        for_each_line(path, |line, text| {
            let fields: Vec<&str> = text.split(',').map(str::trim).collect();
            // The line of names.
            if line == 1 && fields[0].parse::<u32>().is_err() {
                return Ok(());
            }
            let split = number("split", fields[0])?;
            let videos: Vec<&str> = (fields.iter().copied())
                .filter(|field| field.contains('/'))
                .collect();
            let [a, b] = videos[..] else {
                return Err(format!(
                    "{} of {} fields between commas are `<person>/<video>`, expected 2",
                    videos.len(),
                    fields.len()
                ));
            };
            if a == b {
                return Err("both videos are the same".into());
            }
            pairs.push(VideoPair {
                line,
                split,
                videos: [a, b].map(str::to_owned),
                same: label(fields[fields.len() - 1])?,
            });
            Ok(())
        })?;
        let path = path.to_owned();
        Ok(Self { path, pairs })
    }

    /// Finds the videos in a set.
    ///
    /// # Errors
    /// If a video is not in the set, or there are fewer than two splits.
    pub(crate) fn task(&self, dataset: &Dataset) -> Result<VideoTask> {
        let frames = self.frames(dataset)?;
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut videos = Vec::new();
        let mut pairs: Vec<&VideoPair> = self.pairs.iter().collect();
        pairs.sort_by_key(|pair| pair.split);
        let splits: Vec<usize> = pairs
            .chunk_by(|a, b| a.split == b.split)
            .map(<[&VideoPair]>::len)
            .collect();
        at_least("splits", 2, splits.len())?;
        let mut placed = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let mut rows = [0; 2];
            for (row, name) in rows.iter_mut().zip(&pair.videos) {
                let Some(Some(images)) = frames.get(&name[..]) else {
                    let set = dataset.source().path().display().to_string();
                    let problem = format!("there is no video `{}` in {set}", shown(name));
                    return Err(Error::line(&self.path, pair.line, problem));
                };
                *row = *places.entry(name).or_insert_with(|| {
                    videos.push(images.clone());
                    videos.len() - 1
                });
            }
            placed.push((rows, pair.same));
        }
        Ok(VideoTask {
            videos,
            pairs: placed,
            splits,
        })
    }

    /// The images of each video of the list that is in the set.
    fn frames(&self, dataset: &Dataset) -> Result<HashMap<&str, Option<Range<u64>>>> {
        let names = self.pairs.iter().flat_map(|pair| &pair.videos);
        let mut frames: HashMap<&str, Option<Range<u64>>> =
            names.map(|name| (&name[..], None)).collect();
        let index = dataset.index();
        for identity in 0..index.identities() {
            if let Some(found) = frames.get_mut(&dataset.identity_name(identity)?[..]) {
                *found = Some(index.images_of(identity));
            }
        }
        Ok(frames)
    }
}

/// Pairs of videos whose frames were found.
pub(crate) struct VideoTask {
    /// Images of each video.
    videos: Vec<Range<u64>>,
    /// By places of the videos, split by split, with whether they show the same person.
    pairs: Vec<([usize; 2], bool)>,
    /// Pairs of each split.
    splits: Vec<usize>,
}

impl Task for VideoTask {
    fn images(&self) -> Vec<u64> {
        self.videos.iter().cloned().flatten().collect()
    }

    fn measure(&self, embeddings: &ImageEmbeddings) -> Result<Evaluation> {
        let images = self.images();
        let videos = (0..).zip(&self.videos);
        let templates: Vec<u64> = videos
            .flat_map(|(video, images)| images.clone().map(move |_| video))
            .collect();
        let row = |row: usize| embeddings.of(images[row]);
        let one_medium = vec![0; images.len()];
        let (_, videos) = pool(embeddings.rows().dim(), row, &templates, &one_medium)?;
        let distance =
            |([a, b], _): &([usize; 2], bool)| squared_distance(videos.row(*a), videos.row(*b));
        let distances = self.pairs.iter().map(distance).collect();
        // A video is shown by its first frame.
        let pair = |&(places, same): &([usize; 2], bool)| Pair {
            images: places.map(|place| self.videos[place].start),
            same,
        };
        let verification = Verification::new(self.pairs.iter().map(pair).collect(), distances)?;
        let mut start = 0;
        let splits = self.splits.iter().map(|pairs| {
            start += pairs;
            start - pairs..start
        });
        let decision = verification.decide_folds(splits.collect());
        Ok(Evaluation::of_verification(&verification, decision))
    }
}
