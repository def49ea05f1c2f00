use std::mem::MaybeUninit;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use pulp::Arch;
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

    /// AdaFace's: BGR, (v / 255 - 0.5) / 0.5.
    pub const ADA_FACE: Self = Self {
        bgr: true,
        ..Self::ARCFACE
    };
}

impl ImageBatch {
    /// The pictures on the device, normalised: uploaded as bytes where the device has them, a quarter of the traffic, and
    /// normalised there. With the feature `flex`, for burn's Flex device in one pass on the way: there is nothing to upload.
    ///
    /// # Shapes
    /// `[rows, channels, height, width]`, the device's float type.
    pub fn to_device(&self, device: &Device, normalisation: &Normalisation) -> Tensor<4> {
        // WebGPU has no bytes.
        let as_bytes = !is_host(device) && device.supports_dtype(DType::U8);
        self.upload(device, normalisation, as_bytes)
    }

    fn upload(&self, device: &Device, normalisation: &Normalisation, as_bytes: bool) -> Tensor<4> {
        let [rows, height, width, channels] = self.shape();
        let shape = [rows, channels, height, width];
        let Normalisation { bgr, mean, scale } = *normalisation;
        // The copy that an upload needs in any case sorts the channels too: on devices that costs several times more.
        let layout = Layout {
            picture: height * width,
            channels,
            bgr,
        };
        if !as_bytes {
            // By value: behind references the constants would be loaded anew for every value.
            let normalise = move |value| (f32::from(value) - mean) / scale;
            let floats = layout.planes(self.pixels(), normalise);
            return Tensor::from_data(TensorData::new(floats, shape), device);
        }
        let mut bytes = TensorData::new(layout.planes(self.pixels(), |value| value), shape);
        // Into pinned memory where the device has it: the copy to the device then goes on beside its work.
        device.staging(std::iter::once(&mut bytes));
        let pixels = Tensor::<4, Int>::from_data(bytes, (device, DType::U8)).float();
        (pixels - mean) / scale
    }
}

/// Whether tensors of the device lie in the host's memory.
fn is_host(device: &Device) -> bool {
    #[cfg(feature = "flex")]
    return device.clone().without_autodiff() == Device::flex();
    #[cfg(not(feature = "flex"))]
    {
        let _ = device;
        false
    }
}

/// How pictures lie in a batch of bytes, and how their planes shall follow.
struct Layout {
    /// Pixels of a picture.
    picture: usize,
    channels: usize,
    bgr: bool,
}

impl Layout {
    /// Each picture's channels one after the other instead of pixel by pixel, every value converted.
    fn planes<T>(&self, pixels: &[u8], convert: impl Fn(u8) -> T) -> Vec<T> {
        let length = pixels.len();
        // Not written over zeros: a batch of floats is large enough for that to show.
        let mut planes = Vec::with_capacity(length);
        let places = &mut planes.spare_capacity_mut()[..length];
        // A closure that is not inlined would be compiled for the oldest processors only.
        Arch::new().dispatch(
            #[inline(always)]
            || self.fill(pixels, places, convert),
        );
        // SAFETY: `fill` has written each of the places.
        #[allow(unsafe_code)]
        unsafe {
            planes.set_len(length);
        }
        planes
    }

    /// Writes every place.
    #[inline(always)]
    fn fill<T>(&self, pixels: &[u8], places: &mut [MaybeUninit<T>], convert: impl Fn(u8) -> T) {
        assert_eq!(pixels.len(), places.len());
        if self.channels == 1 {
            for (place, &value) in places.iter_mut().zip(pixels) {
                place.write(convert(value));
            }
            return;
        }
        assert!(self.channels == 3 && pixels.len().is_multiple_of(3 * self.picture));
        let pictures = pixels.chunks_exact(3 * self.picture);
        for (picture, planes) in pictures.zip(places.chunks_exact_mut(3 * self.picture)) {
            let (first, others) = planes.split_at_mut(self.picture);
            let (green, last) = others.split_at_mut(self.picture);
            let (red, blue) = if self.bgr {
                (last, first)
            } else {
                (first, last)
            };
            let pixels = picture.as_chunks().0;
            plane::<T, 0>(pixels, red, &convert);
            plane::<T, 1>(pixels, green, &convert);
            plane::<T, 2>(pixels, blue, &convert);
        }
    }
}

/// Writes one colour, known when compiled and one plane at a time: else the compiler finds no SIMD for it.
#[inline(always)]
fn plane<T, const COLOUR: usize>(
    pixels: &[[u8; 3]],
    plane: &mut [MaybeUninit<T>],
    convert: impl Fn(u8) -> T,
) {
    for (place, pixel) in plane.iter_mut().zip(pixels) {
        place.write(convert(pixel[COLOUR]));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Channels, Dataset, InstanceLoader, LoaderConfig, SyntheticConfig};

    /// Both ways to the device give the same floats; one of them is compared with a naive loop in the suite.
    #[test]
    fn bytes_and_floats_arrive_alike() {
        let dataset = Dataset::synthetic(SyntheticConfig::default()).unwrap();
        let dataset = Arc::new(dataset);
        for channels in [Channels::Rgb, Channels::Grey] {
            let config = LoaderConfig {
                batch: 4,
                channels,
                ..Default::default()
            };
            let mut loader = InstanceLoader::new(dataset.clone(), config, 0).unwrap();
            let batch = loader.next().unwrap().unwrap().images;
            for normalisation in [Normalisation::FFC, Normalisation::ARCFACE] {
                let [bytes, floats] = [true, false].map(|as_bytes| {
                    let tensor = batch.upload(&Device::flex(), &normalisation, as_bytes);
                    tensor.try_into_vec_as::<f32>().unwrap()
                });
                assert_eq!(bytes, floats);
            }
        }
    }
}
