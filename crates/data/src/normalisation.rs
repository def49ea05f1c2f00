use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::loader::ImageBatch;

/// From bytes to what a network takes: order of the colours, (v - mean) / scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// Blue first instead of red.
    pub bgr: bool,
    /// Subtracted from every value.
    pub mean: f32,
    /// Divides every value.
    pub scale: f32,
}

impl Normalisation {
    /// FFC's published training: BGR, (v - 127.5) / 128.
    pub const FFC: Self = Self {
        bgr: true,
        mean: 127.5,
        scale: 128.0,
    };

    /// The published ArcFace models: RGB, (v / 255 - 0.5) / 0.5.
    pub const ARCFACE: Self = Self {
        bgr: false,
        mean: 127.5,
        scale: 127.5,
    };
}

impl ImageBatch {
    /// Uploads the pictures, as bytes where the device has them, and normalises them there.
    ///
    /// # Shapes
    /// `[rows, channels, height, width]`, the device's float type.
    pub fn to_device(&self, device: &Device, normalisation: &Normalisation) -> Tensor<4> {
        let [rows, height, width, channels] = self.shape();
        // The copy that an upload needs in any case sorts the channels too: on devices that costs several times more.
        let planes = planes(self.pixels(), height * width, channels, normalisation.bgr);
        let shape = [rows, channels, height, width];
        let pixels = if device.supports_dtype(DType::U8) {
            let bytes = TensorData::new(planes, shape);
            Tensor::<4, Int>::from_data(bytes, (device, DType::U8)).float()
        } else {
            // WebGPU has no bytes.
            let floats: Vec<f32> = planes.into_iter().map(f32::from).collect();
            Tensor::<4>::from_data(TensorData::new(floats, shape), device)
        };
        (pixels - normalisation.mean) / normalisation.scale
    }
}

/// A copy with each picture's channels one after the other instead of pixel by pixel.
fn planes(pixels: &[u8], picture: usize, channels: usize, bgr: bool) -> Vec<u8> {
    if channels == 1 {
        return pixels.to_vec();
    }
    let mut planes = vec![0; pixels.len()];
    for (from, to) in pixels
        .chunks_exact(3 * picture)
        .zip(planes.chunks_exact_mut(3 * picture))
    {
        let (first, rest) = to.split_at_mut(picture);
        let (second, third) = rest.split_at_mut(picture);
        let (red, green, blue) = if bgr {
            (third, second, first)
        } else {
            (first, second, third)
        };
        let targets = red.iter_mut().zip(green).zip(blue);
        for (pixel, ((red, green), blue)) in from.as_chunks::<3>().0.iter().zip(targets) {
            [*red, *green, *blue] = *pixel;
        }
    }
    planes
}
