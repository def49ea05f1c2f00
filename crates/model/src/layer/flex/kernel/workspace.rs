//! Memory that threads keep from call to call: buffers made anew for each would have to be cleared in full. A thread's never
//! shrink: in the end they are as large as its largest layer needed.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

thread_local! {
    static KEPT: Cell<Workspace> = Cell::default();
}

/// Buffers of a convolution. All but the first hold at first whatever they held last, and may be longer than what is asked for.
#[derive(Default)]
pub(super) struct Workspace {
    /// To lay pictures out in.
    pub zeros: Vec<f32>,
    /// Tiles, transformed.
    pub tiles: Vec<f32>,
    /// Products that are not written where they belong at once.
    pub products: Vec<f32>,
    /// Packed panels.
    pub scratch: Vec<f32>,
}

/// A thread's workspace, which it gets back in the end. Work that it takes up meanwhile has others.
pub(super) struct Borrowed(Workspace);

impl Borrowed {
    pub fn with_zeros(length: usize) -> Self {
        let mut workspace = KEPT.take();
        workspace.zeros.clear();
        workspace.zeros.resize(length, 0.0);
        Self(workspace)
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        KEPT.set(std::mem::take(&mut self.0));
    }
}

impl Deref for Borrowed {
    type Target = Workspace;

    fn deref(&self) -> &Workspace {
        &self.0
    }
}

impl DerefMut for Borrowed {
    fn deref_mut(&mut self) -> &mut Workspace {
        &mut self.0
    }
}

/// Makes a buffer long enough. Shortened and lengthened again it would have to be cleared.
pub(super) fn lengthen(buffer: &mut Vec<f32>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
}
