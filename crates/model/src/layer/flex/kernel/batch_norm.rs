//! Batch normalisation, channel by channel: the values of a channel stay in the cache from the sums to the result.

use rayon::prelude::*;

use ffc_simd::multiversion;
use ffc_simd::{sum_of, sum_of_pairs};

/// A batch normalisation of `[batch, channels, pixels]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchNorm {
    pub channels: usize,
    pub pixels: usize,
    pub epsilon: f64,
}

/// Statistics of each channel.
#[derive(Debug, Clone)]
pub(crate) struct Statistics {
    pub mean: Vec<f32>,
    /// Biased.
    pub variance: Vec<f32>,
}

/// Gradients of the parameters.
pub(crate) struct ParameterGradients {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
}

impl BatchNorm {
    /// Normalises in place: `gamma (x - mean) / deviation + beta`.
    pub fn forward(&self, values: &mut [f32], gamma: &[f32], beta: &[f32]) -> Statistics {
        let channel = |(mut planes, (gamma, beta)): (Vec<&mut [f32]>, (&f32, &f32))| {
            multiversion(
                #[inline(always)]
                || {
                    let count = (planes.len() * self.pixels) as f64;
                    let mut sum = 0.0;
                    for plane in &planes {
                        sum += f64::from(sum_of(plane, |x| x));
                    }
                    let mean = (sum / count) as f32;
                    let mut squares = 0.0;
                    for plane in &planes {
                        squares += f64::from(sum_of(plane, |x| (x - mean) * (x - mean)));
                    }
                    let variance = (squares / count) as f32;
                    let scale = gamma * self.inverse_deviation(variance);
                    for plane in &mut planes {
                        for value in plane.iter_mut() {
                            *value = (*value - mean) * scale + beta;
                        }
                    }
                    (mean, variance)
                },
            )
        };
        let channels = by_channel(values, self.channels, self.pixels);
        let parameters = gamma.par_iter().zip(beta);
        let (mean, variance) = channels
            .into_par_iter()
            .zip(parameters)
            .map(channel)
            .unzip();
        Statistics { mean, variance }
    }

    /// Turns the output's gradient into the input's. With `y` the normalised `x` and means over the channel,
    /// `dx = gamma / deviation (dy - mean(dy) - y mean(y dy))`.
    pub fn backward(
        &self,
        input: &[f32],
        gradient: &mut [f32],
        gamma: &[f32],
        statistics: &Statistics,
    ) -> ParameterGradients {
        let channel = |(i, mut planes): (usize, Vec<&mut [f32]>)| {
            let inputs = input.chunks_exact(self.pixels);
            let inputs = inputs.skip(i).step_by(self.channels);
            let mean = statistics.mean[i];
            let inverse = self.inverse_deviation(statistics.variance[i]);
            multiversion(
                #[inline(always)]
                || {
                    let (mut sum, mut product) = (0.0, 0.0);
                    for (dy, x) in planes.iter().zip(inputs.clone()) {
                        sum += f64::from(sum_of(dy, |dy| dy));
                        product += f64::from(sum_of_pairs(dy, x, |dy, x| dy * (x - mean)));
                    }
                    let count = (planes.len() * self.pixels) as f64;
                    let beta = sum as f32;
                    let gamma_gradient = (product * f64::from(inverse)) as f32;
                    let scale = gamma[i] * inverse;
                    let shift = -scale * (sum / count) as f32;
                    let slope = -scale * inverse * inverse * (product / count) as f32;
                    for (dy, x) in planes.iter_mut().zip(inputs.clone()) {
                        for (dy, x) in dy.iter_mut().zip(x) {
                            *dy = scale * *dy + slope * (x - mean) + shift;
                        }
                    }
                    (gamma_gradient, beta)
                },
            )
        };
        let channels = by_channel(gradient, self.channels, self.pixels);
        let (gamma, beta) = channels.into_par_iter().enumerate().map(channel).unzip();
        ParameterGradients { gamma, beta }
    }

    fn inverse_deviation(&self, variance: f32) -> f32 {
        (1.0 / (f64::from(variance) + self.epsilon).sqrt()) as f32
    }
}

/// `scale x + shift` for each channel, in place.
pub(crate) fn scale_and_shift(values: &mut [f32], pixels: usize, scale: &[f32], shift: &[f32]) {
    let planes = values.par_chunks_exact_mut(pixels).enumerate();
    planes.with_min_len(8).for_each(|(i, plane)| {
        let (scale, shift) = (scale[i % scale.len()], shift[i % shift.len()]);
        multiversion(
            #[inline(always)]
            || {
                for value in plane.iter_mut() {
                    *value = scale * *value + shift;
                }
            },
        );
    });
}

/// The planes of each channel.
fn by_channel(values: &mut [f32], channels: usize, pixels: usize) -> Vec<Vec<&mut [f32]>> {
    let mut planes: Vec<Vec<_>> = (0..channels).map(|_| Vec::new()).collect();
    for (i, plane) in values.chunks_exact_mut(pixels).enumerate() {
        planes[i % channels].push(plane);
    }
    planes
}
