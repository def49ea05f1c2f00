//! The layers as naive loops in f64, and the comparison with them.

use burn::tensor::{Device, Distribution, Tensor};

pub fn device() -> Device {
    Device::flex().autodiff()
}

/// Normal random numbers; the same for the same seed, in tests that run side by side too.
pub fn random<const D: usize>(shape: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66_D1CE_5EED;
    let mut uniform = || {
        // SplitMix64.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| ((0..4).map(|_| uniform()).sum::<f64>() - 2.0) as f32 * 1.7)
        .collect();
    let data = burn::tensor::TensorData::new(values, shape);
    Tensor::from_data(data, device)
}

pub fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.to_data().convert::<f64>().try_to_vec().unwrap()
}

/// Differences stay below `tolerance` times the greatest expected number.
#[track_caller]
pub fn assert_close(got: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-3, |max: f64, x| max.max(x.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let difference = (got - expected).abs();
        assert!(
            difference <= tolerance * scale,
            "{what}[{i}]: got {got}, expected {expected}"
        );
    }
}

/// A convolution by its definition.
#[derive(Debug, Clone, Copy)]
pub struct NaiveConvolution {
    pub batch: usize,
    pub channels: [usize; 2],
    pub size: [usize; 2],
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub groups: usize,
}

impl NaiveConvolution {
    pub fn out_size(&self) -> [usize; 2] {
        self.size
            .map(|size| (size + 2 * self.padding - self.kernel) / self.stride + 1)
    }

    /// Calls `term` with the indices of (output, input, weight) for each product in the sum.
    fn for_each_term(&self, mut term: impl FnMut(usize, usize, usize)) {
        let [inputs, outputs] = self.channels;
        let [height, width] = self.size;
        let [out_height, out_width] = self.out_size();
        let [group, group_outputs] = [inputs / self.groups, outputs / self.groups];
        let kernel = self.kernel;
        for n in 0..self.batch {
            for o in 0..outputs {
                for (y, x) in (0..out_height).flat_map(|y| (0..out_width).map(move |x| (y, x))) {
                    let output = ((n * outputs + o) * out_height + y) * out_width + x;
                    for i in 0..group {
                        let input = n * inputs + o / group_outputs * group + i;
                        for (dy, dx) in (0..kernel).flat_map(|a| (0..kernel).map(move |b| (a, b))) {
                            let (v, u) = (y * self.stride + dy, x * self.stride + dx);
                            let inside = |at: usize, size| {
                                at.checked_sub(self.padding).filter(|at| *at < size)
                            };
                            if let (Some(v), Some(u)) = (inside(v, height), inside(u, width)) {
                                let input = (input * height + v) * width + u;
                                let weight = ((o * group + i) * kernel + dy) * kernel + dx;
                                term(output, input, weight);
                            }
                        }
                    }
                }
            }
        }
    }

    pub fn output(&self, input: &[f64], weight: &[f64]) -> Vec<f64> {
        let [height, width] = self.out_size();
        let mut output = vec![0.0; self.batch * self.channels[1] * height * width];
        self.for_each_term(|o, i, w| output[o] += input[i] * weight[w]);
        output
    }

    pub fn input_gradient(&self, input: &[f64], weight: &[f64], gradient: &[f64]) -> Vec<f64> {
        let mut result = vec![0.0; input.len()];
        self.for_each_term(|o, i, w| result[i] += gradient[o] * weight[w]);
        result
    }

    pub fn weight_gradient(&self, input: &[f64], weight: &[f64], gradient: &[f64]) -> Vec<f64> {
        let mut result = vec![0.0; weight.len()];
        self.for_each_term(|o, i, w| result[w] += gradient[o] * input[i]);
        result
    }
}

/// The values of each channel of `[batch, channels, pixels]`, and where they lie.
pub fn channel(values: &[f64], channels: usize, pixels: usize, channel: usize) -> Vec<usize> {
    (0..values.len())
        .filter(|i| i / pixels % channels == channel)
        .collect()
}

/// A layout that is not in order: the same values through a permuted copy and a slice.
pub fn scrambled(tensor: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = tensor.dims();
    let device = tensor.device();
    let noise = Tensor::random([n + 1, c, h, w], Distribution::Default, &device);
    let longer = Tensor::cat(vec![noise, tensor], 0);
    let permuted = longer.permute([0, 2, 3, 1]);
    // In order as [n, h, w, c], then seen as [n, c, h, w] without moving anything.
    let moved = permuted.mul_scalar(1.0).permute([0, 3, 1, 2]);
    moved.slice([n + 1..2 * n + 1, 0..c, 0..h, 0..w])
}
