mod groups;

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::batch::{ImageBatch, Pixels};
use super::config::{Damaged, LoaderConfig};
use super::plan::{Row, View};
use crate::augment::Augmenter;
use crate::dataset::Dataset;
use crate::decode::{Decoded, Size, convert, decode};
use crate::purpose::Purpose;
use crate::source::Content;
use crate::{Error, ErrorChain, Result};

/// Reads, decodes and changes the pictures of a batch.
pub(super) struct Filler {
    dataset: Arc<Dataset>,
    config: LoaderConfig,
    /// Images that could not be read.
    skipped: Mutex<HashSet<u64>>,
}

/// What a thread reuses from picture to picture.
struct Scratch {
    record: Vec<u8>,
    pixels: Vec<u8>,
    augmenter: Augmenter,
}

thread_local! {
    /// Taken out while in use, so that a source that waits for other rows of its thread finds none and makes its own.
    static SCRATCH: Cell<Option<Scratch>> = const { Cell::new(None) };
}

/// Buffers beyond this are not kept from picture to picture: 4 MiB.
const KEPT_BYTES: usize = 4 << 20;

impl Scratch {
    fn new() -> Self {
        Self {
            record: Vec::new(),
            pixels: Vec::new(),
            augmenter: Augmenter::new(),
        }
    }

    fn with<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        let mut scratch = SCRATCH.take().unwrap_or_else(Self::new);
        let result = work(&mut scratch);
        for buffer in [&mut scratch.record, &mut scratch.pixels] {
            if buffer.capacity() > KEPT_BYTES {
                *buffer = Vec::new();
            }
        }
        SCRATCH.set(Some(scratch));
        result
    }
}

/// Identities that are tried in place of one without a readable image.
const SUBSTITUTES: u64 = 16;

impl Filler {
    pub(super) fn new(dataset: Arc<Dataset>, config: LoaderConfig) -> Self {
        Self {
            dataset,
            config,
            skipped: Mutex::default(),
        }
    }

    pub(super) fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    pub(super) fn config(&self) -> &LoaderConfig {
        &self.config
    }

    pub(super) fn skipped(&self) -> u64 {
        self.skipped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len() as u64
    }

    /// Fills the buffers with the rows' pictures, on all threads of the present pool. Rows whose images cannot be read
    /// are changed if that is allowed.
    pub(super) fn fill(
        &self,
        rows: &mut [Row],
        [x, y]: &mut [Vec<u8>; 2],
        stop: &AtomicBool,
    ) -> Result<()> {
        let bytes = self.config.picture_bytes();
        let y = y
            .chunks_exact_mut(bytes)
            .map(Some)
            .chain(std::iter::repeat_with(|| None));
        let places: Vec<_> = rows
            .iter_mut()
            .zip(x.chunks_exact_mut(bytes))
            .zip(y)
            .collect();
        places.into_par_iter().try_for_each(|((row, x), y)| {
            // Nobody waits for this batch any more.
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            Scratch::with(|scratch| self.row(row, x, y, scratch))
        })
    }

    fn row(
        &self,
        row: &mut Row,
        x: &mut [u8],
        y: Option<&mut [u8]>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let (Some(y_view), Some(y)) = (row.y.as_mut(), y) else {
            return self.single(&mut row.x, x, scratch);
        };
        if !row.paired {
            self.single(&mut row.x, x, scratch)?;
            return self.single(y_view, y, scratch);
        }
        let drawn = row.x.identity;
        let mut last = None;
        for substitute in 0..self.substitutes() {
            if substitute > 0 {
                self.move_to(&mut row.x, drawn + substitute);
                self.move_to(y_view, drawn + substitute);
            }
            if !self.same_identity(&mut row.x, None, x, scratch, &mut last)? {
                continue;
            }
            // Another picture than that of x; if x's is the only one, the same.
            let other = Some(row.x.image);
            if self.same_identity(y_view, other, y, scratch, &mut last)?
                || self.same_identity(y_view, None, y, scratch, &mut last)?
            {
                return Ok(());
            }
        }
        Err(self.nothing_readable(drawn, last))
    }

    /// The view's picture, or that of another image of its identity, or of the next identities.
    fn single(&self, view: &mut View, target: &mut [u8], scratch: &mut Scratch) -> Result<()> {
        let drawn = view.identity;
        let mut last = None;
        for substitute in 0..self.substitutes() {
            if substitute > 0 {
                self.move_to(view, drawn + substitute);
            }
            if self.same_identity(view, None, target, scratch, &mut last)? {
                return Ok(());
            }
        }
        Err(self.nothing_readable(drawn, last))
    }

    /// The view's picture, or that of another image of its identity. False if none can be read.
    ///
    /// `other` is the image of the other side, which is not taken. `last` becomes the last image's error.
    fn same_identity(
        &self,
        view: &mut View,
        other: Option<u64>,
        target: &mut [u8],
        scratch: &mut Scratch,
        last: &mut Option<Error>,
    ) -> Result<bool> {
        let images = self.dataset.index().images_of(view.identity);
        let count = images.end - images.start;
        let drawn = view.image;
        for _ in 0..count.min(SUBSTITUTES) {
            if other != Some(view.image) || count == 1 {
                match self.attempt(view, target, scratch)? {
                    None => return Ok(true),
                    error => *last = error,
                }
            }
            view.image = images.start + (view.image - images.start + 1) % count;
        }
        view.image = drawn;
        Ok(false)
    }

    /// Identities that are tried, with the one that was drawn.
    fn substitutes(&self) -> u64 {
        SUBSTITUTES.min(self.dataset.index().identities())
    }

    fn move_to(&self, view: &mut View, identity: u64) {
        let index = self.dataset.index();
        view.identity = identity % index.identities();
        let images = index.images_of(view.identity);
        view.image = if view.view == 2 {
            images.end - 1
        } else {
            images.start
        };
    }

    /// Makes the view's picture, or gives the error of an image that may be skipped.
    fn attempt(
        &self,
        view: &View,
        target: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<Option<Error>> {
        match self.picture(view, target, scratch) {
            Ok(()) => Ok(None),
            Err(error) => self.skip(view.image, error).map(Some),
        }
    }

    /// Notes an image that cannot be read and gives its error back, or fails if no more may be skipped.
    fn skip(&self, image: u64, error: Error) -> Result<Error> {
        let Damaged::Skip { limit } = self.config.damaged else {
            return Err(error);
        };
        if !concerns_one_image(&error) {
            return Err(error);
        }
        let mut images = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        let new = images.insert(image);
        let skipped = images.len() as u64;
        if skipped > limit {
            return Err(Error::TooManySkipped {
                skipped,
                limit,
                last: Box::new(error),
            });
        }
        if new {
            tracing::warn!(skipped, limit, "image skipped: {}", ErrorChain(&error));
        }
        Ok(error)
    }

    fn nothing_readable(&self, identity: u64, last: Option<Error>) -> Error {
        let cause = last.map_or_else(String::new, |last| {
            format!("; the last: {}", ErrorChain(&last))
        });
        let problem = match self.substitutes() {
            1 => format!("no image of identity {identity} can be read{cause}"),
            tried => {
                let others = tried - 1;
                format!("no image of identity {identity} nor of {others} others can be read{cause}")
            }
        };
        Error::format(self.dataset.source().path(), problem)
    }

    /// Reads, decodes and changes one picture.
    fn picture(&self, view: &View, target: &mut [u8], scratch: &mut Scratch) -> Result<()> {
        let config = &self.config;
        let Scratch {
            record,
            pixels,
            augmenter,
        } = scratch;
        let content = self.dataset.read(view.image, record)?;
        let wanted = Size {
            width: config.width_px,
            height: config.height_px,
        };
        let failed = |problem: String| Error::Image {
            image: view.image,
            origin: self.dataset.origin(view.image),
            problem,
        };
        let in_place = config.augment.keeps_place().then_some(wanted);
        let in_place = self.dataset.wanted(config.channels, in_place);
        let decoded = match content {
            Content::Encoded(range) => {
                let encoded = record.get(range).unwrap_or_default();
                decode(encoded, in_place, target, pixels).map_err(failed)?
            }
            Content::Rgb { width, height } => {
                let size = Size { width, height };
                if record.len() != width * height * 3 {
                    return Err(failed(format!(
                        "{} bytes are not {width} x {height} pixels",
                        record.len()
                    )));
                }
                convert(record, size, in_place, target, pixels)
            }
        };
        let position = view.position * 4 + view.view;
        let mut rng = Purpose::Augmentation
            .key(config.seed, view.epoch)
            .rng(position);
        if let Decoded::Other(size) = decoded {
            let to = (&mut *target, wanted);
            augmenter
                .resize(
                    &config.augment,
                    (pixels, size),
                    config.channels,
                    to,
                    &mut rng,
                )
                .map_err(failed)?;
        }
        augmenter.change(&config.augment, target, wanted, config.channels, &mut rng);
        Ok(())
    }

    /// A side of a batch.
    pub(super) fn image_batch(&self, pixels: Pixels, rows: &[Row], side: usize) -> ImageBatch {
        let views = || {
            rows.iter()
                .filter_map(|row| if side == 0 { Some(row.x) } else { row.y })
        };
        ImageBatch {
            pixels,
            height_px: self.config.height_px,
            width_px: self.config.width_px,
            channels: self.config.channels,
            identities: views().map(|view| view.identity).collect(),
            images: views().map(|view| view.image).collect(),
        }
    }
}

/// Whether an error is the image's own, and not one of the system such as a lost mount or too many open files.
fn concerns_one_image(error: &Error) -> bool {
    use std::io::ErrorKind::{InvalidInput, IsADirectory, NotFound, PermissionDenied};
    match error {
        Error::Io { source, .. } => matches!(
            source.kind(),
            NotFound | PermissionDenied | IsADirectory | InvalidInput
        ),
        _ => true,
    }
}
