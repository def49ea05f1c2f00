use std::sync::mpsc::Sender;

use crate::loader::Channels;

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

    /// The number of each picture in the index.
    pub fn images(&self) -> &[u64] {
        &self.images
    }
}

/// A buffer that goes back to the loader when the batch is dropped.
#[derive(Debug)]
pub(super) struct Pixels {
    pub(super) bytes: Vec<u8>,
    pub(super) home: Sender<Vec<u8>>,
}

impl Drop for Pixels {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.capacity() > 0 {
            // The loader may be gone: then the buffer goes too.
            let _ = self.home.send(bytes);
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
/// batch, (i1, i2) the halves of the instance batch.
#[derive(Debug)]
pub struct DualBatch {
    /// Number of the step, from 0.
    pub step: u64,
    /// Epoch of the instance loader at the first image of the step over all ranks.
    pub epoch: u64,
    /// Side x.
    pub x: ImageBatch,
    /// Side y.
    pub y: ImageBatch,
}
