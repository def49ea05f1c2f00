use std::sync::mpsc::Sender;

use crate::channels::Channels;
use crate::{Error, Result};

/// Pictures of a batch with their identities.
#[derive(Debug)]
pub struct ImageBatch {
    pub(super) pixels: Pixels,
    pub(super) height_px: usize,
    pub(super) width_px: usize,
    pub(super) channels: Channels,
    pub(super) identities: Vec<u64>,
    pub(super) images: Vec<u64>,
}

impl ImageBatch {
    /// Pictures of a caller's own, `[rows, height, width]` of them, as [`pixels`](Self::pixels) gives them. There is no index:
    /// [`images`](Self::images) are the numbers of the rows.
    ///
    /// # Errors
    /// If there is no row, a side is 0, or the lengths do not fit.
    pub fn new(
        pixels: Vec<u8>,
        [rows, height_px, width_px]: [usize; 3],
        channels: Channels,
        identities: Vec<u64>,
    ) -> Result<Self> {
        let sides = [rows, height_px, width_px, channels.count()];
        let bytes = sides.into_iter().try_fold(1, usize::checked_mul);
        let wrong = |setting, value, expected| Error::Setting {
            setting,
            value,
            expected,
        };
        if sides.contains(&0) {
            let expected = "at least 1 x 1 x 1";
            return Err(wrong(
                "shape",
                format!("{rows} x {height_px} x {width_px}"),
                expected,
            ));
        }
        if bytes != Some(pixels.len()) {
            let value = format!("{} bytes for {sides:?}", pixels.len());
            return Err(wrong(
                "pixels",
                value,
                "rows x height x width x channels bytes",
            ));
        }
        if identities.len() != rows {
            let value = format!("{} numbers for {rows} rows", identities.len());
            return Err(wrong("identities", value, "a number for each row"));
        }
        Ok(Self {
            pixels: Pixels {
                bytes: pixels,
                home: None,
            },
            height_px,
            width_px,
            channels,
            identities,
            images: (0..rows as u64).collect(),
        })
    }

    /// Pictures one after the other, row by row, channels RGB or grey: `[rows, height, width, channels]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels.bytes
    }

    /// Rows, height, width, channels.
    pub fn shape(&self) -> [usize; 4] {
        [
            self.identities.len(),
            self.height_px,
            self.width_px,
            self.channels.count(),
        ]
    }

    /// The identity of each picture.
    pub fn identities(&self) -> &[u64] {
        &self.identities
    }

    /// The number of each picture in the index, or in the batch if it is of a [caller's own](Self::new) pixels.
    pub fn images(&self) -> &[u64] {
        &self.images
    }
}

/// A buffer that goes back to its loader, if it is one's, when the batch is dropped.
#[derive(Debug)]
pub(super) struct Pixels {
    pub(super) bytes: Vec<u8>,
    pub(super) home: Option<Sender<Vec<u8>>>,
}

impl Drop for Pixels {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if let Some(home) = &self.home
            && bytes.capacity() > 0
        {
            // The loader may be gone: then the buffer goes too.
            let _ = home.send(bytes);
        }
    }
}

/// Images of the instance loader.
#[derive(Debug)]
pub struct InstanceBatch {
    /// Number of the step, from 0.
    pub step: u64,
    /// Epoch of the first image of the step over all ranks.
    pub epoch: u64,
    /// B pictures.
    pub images: ImageBatch,
}

/// Images of the id loader: row k of `a` and of `b` show the same identity.
#[derive(Debug)]
pub struct IdentityBatch {
    /// Number of the step, from 0.
    pub step: u64,
    /// Epoch of the first identity of the step over all ranks.
    pub epoch: u64,
    /// B pictures of B identities. One identity can come twice where an epoch ends within the batch.
    pub a: ImageBatch,
    /// B more of the same identities: other pictures where an identity has two.
    pub b: ImageBatch,
}

/// Groups of images: P = B / K identities, K images each (Hermans, Beyer and Leibe, arXiv:1703.07737).
#[derive(Debug)]
pub struct GroupBatch {
    /// Number of the step, from 0.
    pub step: u64,
    /// Epoch of the first identity of the step over all ranks.
    pub epoch: u64,
    /// B pictures, those of a group one after the other. They are different ones where the identity has K, else all of
    /// them by turns, each time changed anew.
    pub images: ImageBatch,
}

/// One step's pair of batches as F2C's two sides: x = [a; i1] and y = [b; i2], 3 B / 2 rows each. (a, b) is the id
/// batch, (i1, i2) the halves of the instance batch. [`DualRows`](super::DualRows) can leave one of the two out.
#[derive(Debug)]
pub struct DualBatch {
    /// Number of the step, from 0.
    pub step: u64,
    /// Epoch of the instance loader at the first image of the step over all ranks; of the id loader where it is alone.
    pub epoch: u64,
    /// Side x.
    pub x: ImageBatch,
    /// Side y.
    pub y: ImageBatch,
}
