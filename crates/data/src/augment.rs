//! Random changes of pictures.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use ffc_random::CounterRng;
use serde::{Deserialize, Serialize};

use crate::channels::Channels;
use crate::decode::{Size, luma};
use crate::{Error, Result};

/// What is done to every picture, in the order of the fields. By default flip only, as published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentConfig {
    /// Cuts out a part and resizes it. Default: off.
    pub crop: Option<RandomCrop>,
    /// Mirrors every other picture. Default: true.
    pub flip: bool,
    /// Changes brightness, contrast and saturation. Default: off.
    pub colour: Option<ColourJitter>,
    /// Share of the pictures that lose their colour. Default: 0.
    pub grey: f32,
    /// Covers a rectangle. Default: off.
    pub cutout: Option<Cutout>,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            crop: None,
            flip: true,
            colour: None,
            grey: 0.0,
            cutout: None,
        }
    }
}

/// A part of the picture with random area, aspect ratio and place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandomCrop {
    /// Share of the pictures that are cropped. Default: 1.
    pub probability: f32,
    /// Least part of the area. Default: 0.7.
    pub min_area: f32,
    /// Largest ratio of the sides' scales, and its inverse. Default: 1.1.
    pub max_aspect: f32,
}

impl Default for RandomCrop {
    fn default() -> Self {
        Self {
            probability: 1.0,
            min_area: 0.7,
            max_aspect: 1.1,
        }
    }
}

/// Random factors of brightness, contrast and saturation: 1 - strength to 1 + strength.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColourJitter {
    /// Share of the pictures that are changed. Default: 0.8.
    pub probability: f32,
    /// Strength of brightness. Default: 0.3.
    pub brightness: f32,
    /// Strength of contrast. Default: 0.3.
    pub contrast: f32,
    /// Strength of saturation. Default: 0.3.
    pub saturation: f32,
}

impl Default for ColourJitter {
    fn default() -> Self {
        Self {
            probability: 0.8,
            brightness: 0.3,
            contrast: 0.3,
            saturation: 0.3,
        }
    }
}

/// A rectangle of middle grey (DeVries and Taylor, arXiv:1708.04552).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cutout {
    /// Share of the pictures that are covered. Default: 0.5.
    pub probability: f32,
    /// Largest side of the rectangle, as a part of the picture's. Default: 0.4.
    pub max_side: f32,
}

impl Default for Cutout {
    fn default() -> Self {
        Self {
            probability: 0.5,
            max_side: 0.4,
        }
    }
}

/// Value of covered pixels.
const COVER: u8 = 128;

impl AugmentConfig {
    pub(crate) fn check(&self) -> Result<()> {
        let (crop, colour, cutout) = (
            self.crop.unwrap_or_default(),
            self.colour.unwrap_or_default(),
            self.cutout.unwrap_or_default(),
        );
        let parts = [
            ("augment.crop.probability", crop.probability),
            ("augment.colour.probability", colour.probability),
            ("augment.colour.brightness", colour.brightness),
            ("augment.colour.contrast", colour.contrast),
            ("augment.colour.saturation", colour.saturation),
            ("augment.grey", self.grey),
            ("augment.cutout.probability", cutout.probability),
            ("augment.cutout.max_side", cutout.max_side),
        ];
        let wrong = |setting, value: f32, expected| Error::Setting {
            setting,
            value: value.to_string(),
            expected,
        };
        for (setting, value) in parts {
            if !(0.0..=1.0).contains(&value) {
                return Err(wrong(setting, value, "0 to 1"));
            }
        }
        if !(crop.min_area > 0.0 && crop.min_area <= 1.0) {
            return Err(wrong(
                "augment.crop.min_area",
                crop.min_area,
                "above 0, at most 1",
            ));
        }
        if !(1.0..=10.0).contains(&crop.max_aspect) {
            return Err(wrong("augment.crop.max_aspect", crop.max_aspect, "1 to 10"));
        }
        Ok(())
    }

    /// Whether a picture that has the wanted size is left in its place.
    pub(crate) fn keeps_place(&self) -> bool {
        self.crop.is_none()
    }
}

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rectangle {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Rectangle {
    fn whole(size: Size) -> Self {
        Self {
            left: 0.0,
            top: 0.0,
            width: size.width as f64,
            height: size.height as f64,
        }
    }

    fn random(size: Size, crop: RandomCrop, rng: &mut CounterRng) -> Self {
        let whole = Self::whole(size);
        let area = rng.between(crop.min_area, 1.0);
        // Even between the ratio and its inverse.
        let aspect = 1.0 + (crop.max_aspect - 1.0) * rng.unit();
        let aspect = if rng.unit() < 0.5 {
            aspect
        } else {
            1.0 / aspect
        };
        // Neither side leaves the picture, so that the area is as drawn.
        let aspect = aspect.clamp(area, 1.0 / area);
        let width = whole.width * f64::from((area * aspect).sqrt().min(1.0));
        let height = whole.height * f64::from((area / aspect).sqrt().min(1.0));
        Self {
            left: (whole.width - width) * f64::from(rng.unit()),
            top: (whole.height - height) * f64::from(rng.unit()),
            width,
            height,
        }
    }
}

/// Resizes and changes pictures. One a thread.
pub(crate) struct Augmenter {
    resizer: Resizer,
}

impl Augmenter {
    pub(crate) fn new() -> Self {
        Self {
            resizer: Resizer::new(),
        }
    }

    /// Brings a picture that is not in its place to its size, by crop or as a whole.
    pub(crate) fn resize(
        &mut self,
        config: &AugmentConfig,
        from: (&[u8], Size),
        channels: Channels,
        to: (&mut [u8], Size),
        rng: &mut CounterRng,
    ) -> std::result::Result<(), String> {
        let (pixels, size) = from;
        let rectangle = match config.crop {
            Some(crop) if rng.unit() < crop.probability => Rectangle::random(size, crop, rng),
            _ if size == to.1 => {
                to.0.copy_from_slice(pixels);
                return Ok(());
            }
            _ => Rectangle::whole(size),
        };
        self.resize_part(from, rectangle, channels, to)
    }

    /// Brings a part of a picture to a size.
    fn resize_part(
        &mut self,
        (pixels, size): (&[u8], Size),
        rectangle: Rectangle,
        channels: Channels,
        (target, wanted): (&mut [u8], Size),
    ) -> std::result::Result<(), String> {
        let kind = match channels {
            Channels::Rgb => PixelType::U8x3,
            Channels::Grey => PixelType::U8,
        };
        let side = |pixels: usize| u32::try_from(pixels).map_err(|error| error.to_string());
        let source = ImageRef::new(side(size.width)?, side(size.height)?, pixels, kind);
        let source = source.map_err(|error| error.to_string())?;
        let target = Image::from_slice_u8(side(wanted.width)?, side(wanted.height)?, target, kind);
        let mut target = target.map_err(|error| error.to_string())?;
        // Bilinear over all pixels that a new one covers: no aliasing when shrinking.
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .crop(
                rectangle.left,
                rectangle.top,
                rectangle.width,
                rectangle.height,
            );
        self.resizer
            .resize(&source, &mut target, &options)
            .map_err(|error| error.to_string())
    }

    /// Changes a picture in its place.
    pub(crate) fn change(
        &self,
        config: &AugmentConfig,
        pixels: &mut [u8],
        size: Size,
        channels: Channels,
        rng: &mut CounterRng,
    ) {
        if config.flip && rng.unit() < 0.5 {
            flip(pixels, size, channels);
        }
        if let Some(colour) = config.colour
            && rng.unit() < colour.probability
        {
            jitter(pixels, channels, colour, rng);
        }
        if config.grey > 0.0 && rng.unit() < config.grey && channels == Channels::Rgb {
            for pixel in pixels.as_chunks_mut().0 {
                *pixel = [luma(*pixel); 3];
            }
        }
        if let Some(cutout) = config.cutout
            && rng.unit() < cutout.probability
        {
            cover(pixels, size, channels, cutout, rng);
        }
    }
}

fn flip(pixels: &mut [u8], size: Size, channels: Channels) {
    // From a copy: pixels of three bytes are slow to swap.
    let mut from = Vec::new();
    for row in pixels.chunks_exact_mut(size.width * channels.count()) {
        match channels {
            Channels::Rgb => {
                from.clear();
                from.extend_from_slice(row);
                let from = from.as_chunks::<3>().0.iter().rev();
                row.as_chunks_mut()
                    .0
                    .iter_mut()
                    .zip(from)
                    .for_each(|(to, from)| *to = *from);
            }
            Channels::Grey => row.reverse(),
        }
    }
}

fn jitter(pixels: &mut [u8], channels: Channels, strength: ColourJitter, rng: &mut CounterRng) {
    let mut factor = |strength: f32| rng.between(1.0 - strength, 1.0 + strength);
    let brightness = factor(strength.brightness);
    let contrast = factor(strength.contrast);
    let saturation = factor(strength.saturation);
    let mean = pixels.iter().map(|&value| u64::from(value)).sum::<u64>() as f32
        / pixels.len().max(1) as f32;
    // brightness * (mean + contrast * (value - mean)), as a straight line in 8-bit fixed point.
    let slope = brightness * contrast;
    let offset = brightness * mean * (1.0 - contrast);
    let table: [f32; 256] = std::array::from_fn(|value| slope * value as f32 + offset);
    let round = |value: f32| (value + 0.5) as u8;
    match channels {
        Channels::Grey => pixels
            .iter_mut()
            .for_each(|value| *value = round(table[usize::from(*value)])),
        Channels::Rgb => {
            for pixel in pixels.as_chunks_mut::<3>().0 {
                let grey = (1.0 - saturation) * table[usize::from(luma(*pixel))];
                *pixel = pixel.map(|value| round(grey + saturation * table[usize::from(value)]));
            }
        }
    }
}

fn cover(pixels: &mut [u8], size: Size, channels: Channels, cutout: Cutout, rng: &mut CounterRng) {
    let mut span = |side: usize| {
        let length = (rng.unit() * cutout.max_side * side as f32).round() as usize;
        let start = rng.below((side - length + 1) as u64) as usize;
        start..start + length
    };
    let (columns, rows) = (span(size.width), span(size.height));
    let count = channels.count();
    for row in pixels
        .chunks_exact_mut(size.width * count)
        .skip(rows.start)
        .take(rows.len())
    {
        row[columns.start * count..columns.end * count].fill(COVER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::purpose::Purpose;

    fn noise(bytes: usize) -> Vec<u8> {
        let mut rng = Purpose::Augmentation.key(2, 0).rng(0);
        (0..bytes).map(|_| rng.below(256) as u8).collect()
    }

    /// A crop along pixels equals the part cut out by a loop and resized as a whole.
    #[test]
    fn a_crop_is_the_part_resized() {
        let size = |width, height| Size { width, height };
        let pixels = noise(30 * 20 * 3);
        let (left, top, part) = (7, 4, size(12, 15));
        let mut cut = Vec::new();
        for y in top..top + part.height {
            for x in left..left + part.width {
                cut.extend(&pixels[(y * 30 + x) * 3..][..3]);
            }
        }
        let rectangle = Rectangle {
            left: left as f64,
            top: top as f64,
            width: part.width as f64,
            height: part.height as f64,
        };
        let mut augmenter = Augmenter::new();
        let (mut cropped, mut whole) = (vec![0; 6 * 5 * 3], vec![0; 6 * 5 * 3]);
        let (rgb, to) = (Channels::Rgb, size(6, 5));
        augmenter
            .resize_part((&pixels, size(30, 20)), rectangle, rgb, (&mut cropped, to))
            .unwrap();
        augmenter
            .resize_part((&cut, part), Rectangle::whole(part), rgb, (&mut whole, to))
            .unwrap();
        // At a crop's border pixels beyond it may take part.
        let inner = |pixels: &[u8]| -> Vec<u8> {
            let rows = pixels.chunks(6 * 3).skip(1).take(3);
            rows.flat_map(|row| row[3..15].to_vec()).collect()
        };
        assert_eq!(inner(&cropped), inner(&whole));
        assert_ne!(inner(&whole), inner(&[whole[0]; 6 * 5 * 3]));
    }

    /// Brightness, contrast about the mean and saturation about the grey, against a loop in f64.
    #[test]
    fn colours_change_by_the_formula() {
        let strength = ColourJitter {
            probability: 1.0,
            brightness: 0.2,
            contrast: 0.4,
            saturation: 0.6,
        };
        let before = noise(50 * 3);
        for position in 0..20 {
            let rng = || Purpose::Augmentation.key(5, 0).rng(position);
            let mut after = before.clone();
            jitter(&mut after, Channels::Rgb, strength, &mut rng());
            let mut rng = rng();
            let [brightness, contrast, saturation] = [0.2, 0.4, 0.6].map(|strength| {
                let unit = f64::from(rng.unit());
                1.0 - strength + 2.0 * strength * unit
            });
            let mean = before.iter().map(|&v| f64::from(v)).sum::<f64>() / before.len() as f64;
            for (before, after) in before.chunks(3).zip(after.chunks(3)) {
                let lit = |value: f64| brightness * (mean + contrast * (value - mean));
                let [red, green, blue] = [0, 1, 2].map(|i| f64::from(before[i]));
                let grey = 0.299 * red + 0.587 * green + 0.114 * blue;
                for (value, after) in [red, green, blue].into_iter().zip(after) {
                    let expected = lit(grey) + saturation * (lit(value) - lit(grey));
                    let expected = expected.clamp(0.0, 255.0);
                    assert!(
                        (expected - f64::from(*after)).abs() < 1.6,
                        "{expected}, {after}"
                    );
                }
            }
        }
    }

    /// The area stays within its bounds and reaches both, whatever the aspect; the rectangle stays in the picture.
    #[test]
    fn crops_have_the_area_that_was_drawn() {
        let size = Size {
            width: 100,
            height: 60,
        };
        let mut rng = Purpose::Augmentation.key(1, 0).rng(0);
        for (min_area, max_aspect) in [(0.4, 1.0), (0.3, 3.0)] {
            let crop = RandomCrop {
                probability: 1.0,
                min_area,
                max_aspect,
            };
            let mut areas = Vec::new();
            for _ in 0..2_000 {
                let part = Rectangle::random(size, crop, &mut rng);
                assert!(part.left >= 0.0 && part.left + part.width <= 100.0 + 1e-4);
                assert!(part.top >= 0.0 && part.top + part.height <= 60.0 + 1e-4);
                areas.push(part.width * part.height / 6_000.0);
            }
            let (low, high) = areas.iter().fold((9.0f64, 0.0f64), |(low, high), &a| {
                (low.min(a), high.max(a))
            });
            let min_area = f64::from(min_area);
            assert!(low > min_area - 1e-4 && low < min_area + 0.01, "{low}");
            assert!(high > 0.99 && high < 1.0 + 1e-4, "{high}");
        }
    }
}
