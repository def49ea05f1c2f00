use std::fmt;

use crate::layer::{Conv2d, Linear};

/// Size and cost of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Numbers that training or the reference keeps as parameters; running statistics are none.
    pub parameters: u64,
    /// Tensors of a weight file.
    pub tensors: u64,
    /// Multiplications with an addition for one picture, in convolutions, matrix products and attention. Norms and activations,
    /// which some tools count, are left out.
    pub multiply_adds: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.2} M parameters in {} tensors, {:.3} G multiply-adds a picture",
            self.parameters as f64 / 1e6,
            self.tensors,
            self.multiply_adds as f64 / 1e9,
        )
    }
}

/// Follows the size of the maps through a network and adds up the multiply-adds.
pub(crate) struct Count {
    size: [usize; 2],
    multiply_adds: u64,
}

impl Count {
    pub(crate) fn new(height: usize, width: usize) -> Self {
        Self {
            size: [height, width],
            multiply_adds: 0,
        }
    }

    pub(crate) fn multiply_adds(&self) -> u64 {
        self.multiply_adds
    }

    /// Places of the maps as they are now.
    pub(crate) fn places(&self) -> usize {
        self.size[0] * self.size[1]
    }

    pub(crate) fn add(&mut self, multiply_adds: usize) {
        self.multiply_adds += multiply_adds as u64;
    }

    pub(crate) fn conv(&mut self, conv: &Conv2d) {
        let weight = conv.weight.lazy_shape();
        let kernel = weight[2];
        self.size = self
            .size
            .map(|size| (size + 2 * conv.padding - kernel) / conv.stride + 1);
        self.add(weight.num_elements() * self.places());
    }

    /// Pooling with stride 2.
    pub(crate) fn halve(&mut self) {
        self.size = self.size.map(|size| size.div_ceil(2));
    }

    /// A branch whose output has the size that the main branch reaches later.
    pub(crate) fn shortcut(&mut self, branch: impl FnOnce(&mut Self)) {
        let size = self.size;
        branch(self);
        self.size = size;
    }

    pub(crate) fn linear(&mut self, linear: &Linear) {
        self.linear_at(linear, 1);
    }

    pub(crate) fn linear_at(&mut self, linear: &Linear, rows: usize) {
        self.add(linear.weight.lazy_shape().num_elements() * rows);
    }
}
