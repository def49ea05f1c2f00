//! From encoded images to pixels.

mod exif;
mod jpeg;
mod png;
mod unreadable;
mod webp;

use std::io::Cursor;

use image::metadata::Orientation;
use image::{
    DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage, RgbaImage,
};

use crate::channels::Channels;

/// Width and height that an image may have, in pixels.
const MAX_SIDE_PX: usize = 1 << 14;
/// Pixels that an image may have: 64 Mi.
const MAX_PIXELS: usize = 1 << 26;
/// What stands before EXIF data in a JPEG.
const EXIF: &[u8] = b"Exif\0\0";
/// What stands before XMP in a JPEG.
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// What lies behind transparent pixels.
const BACKGROUND: u32 = 255;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// What is made of an encoded image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) channels: Channels,
    /// The size that goes into the target.
    pub(crate) size: Option<Size>,
    /// Leave the picture as it is stored, whatever its EXIF data say of its orientation.
    pub(crate) as_stored: bool,
}

/// Where pixels were put.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// Into the target: the image has its size.
    Target,
    /// Into the other buffer: the image has this size.
    Other(Size),
}

/// Decodes an image into `target` if it has the wanted size, else into `other`.
///
/// The message of a failure says what is wrong with the image.
pub(crate) fn decode(
    encoded: &[u8],
    wanted: Wanted,
    target: &mut [u8],
    other: &mut Vec<u8>,
) -> Result<Decoded, String> {
    if !encoded.starts_with(&jpeg::START) {
        return decode_other(encoded, wanted, target, other);
    }
    let header = jpeg::Header::read(encoded)?;
    if wanted.as_stored || header.orientation == Orientation::NoTransforms {
        return jpeg::decode(encoded, &header, wanted, target, other);
    }
    let any_size = Wanted {
        size: None,
        ..wanted
    };
    let Decoded::Other(size) = jpeg::decode(encoded, &header, any_size, &mut [], other)? else {
        return Err("it has no size".into());
    };
    let (width, height) = (size.width as u32, size.height as u32);
    let pixels = std::mem::take(other);
    let picture = match wanted.channels {
        Channels::Rgb => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        Channels::Grey => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
    };
    let mut picture = picture.ok_or("its pixels do not fit its size")?;
    picture.apply_orientation(header.orientation);
    Ok(place(
        picture.as_bytes(),
        size_of(&picture),
        wanted,
        target,
        other,
    ))
}

fn decode_other(
    encoded: &[u8],
    wanted: Wanted,
    target: &mut [u8],
    other: &mut Vec<u8>,
) -> Result<Decoded, String> {
    if png::is_of_apple(encoded) {
        return Err("it is a PNG of Apple's own kind (CgBI), as Xcode packs them, which is not read: write it anew as PNG".into());
    }
    png::check_palette(encoded)?;
    let format = match image::guess_format(encoded) {
        Ok(
            format @ (ImageFormat::Png | ImageFormat::Bmp | ImageFormat::Pnm | ImageFormat::WebP),
        ) => format,
        _ => return Err(unreadable::reason(encoded)),
    };
    let mut reader = ImageReader::with_format(Cursor::new(encoded), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(8 * MAX_PIXELS as u64);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(said)?;
    let (width, height) = decoder.dimensions();
    check(Size {
        width: width as usize,
        height: height as usize,
    })?;
    let orientation = match wanted.as_stored || webp::is_cut(encoded) {
        true => Orientation::NoTransforms,
        false => {
            let exif = decoder.exif_metadata().ok().flatten().unwrap_or_default();
            // Some programs write JPEG's mark of such data into WebP too.
            let exif = exif.strip_prefix(EXIF).unwrap_or(&exif);
            let xmp = decoder.xmp_metadata().ok().flatten().unwrap_or_default();
            exif::orientation(exif)
                .or_else(|| png::orientation(encoded))
                .or_else(|| exif::of_xmp(&xmp))
                .unwrap_or(Orientation::NoTransforms)
        }
    };
    let picture = DynamicImage::from_decoder(decoder);
    let mut picture = picture.map_err(said)?;
    picture.apply_orientation(orientation);
    let size = size_of(&picture);
    if picture.color().has_alpha() {
        let rgb = opaque(&picture.into_rgba8());
        return Ok(convert(&rgb, size, wanted, target, other));
    }
    Ok(match (wanted.channels, picture) {
        (
            Channels::Grey,
            picture @ (DynamicImage::ImageLuma8(_) | DynamicImage::ImageLuma16(_)),
        ) => place(&picture.into_luma8(), size, wanted, target, other),
        (_, picture) => convert(&picture.into_rgb8(), size, wanted, target, other),
    })
}

/// A picture without its transparency. Where some pixels are wholly transparent and others not, it was cut out: what lies there is of no account,
/// and white lies behind it. Otherwise colours stay as they are written, as in most libraries.
fn opaque(picture: &RgbaImage) -> Vec<u8> {
    let pixels = picture.as_raw().as_chunks::<4>().0;
    let has = |transparent: bool| pixels.iter().any(|pixel| (pixel[3] == 0) == transparent);
    let is_cut_out = has(true) && has(false);
    let over = |[red, green, blue, alpha]: [u8; 4]| {
        let alpha = if is_cut_out { u32::from(alpha) } else { 255 };
        let mix =
            |value: u8| ((u32::from(value) * alpha + BACKGROUND * (255 - alpha) + 127) / 255) as u8;
        [mix(red), mix(green), mix(blue)]
    };
    pixels.iter().flat_map(|&pixel| over(pixel)).collect()
}

fn size_of(picture: &DynamicImage) -> Size {
    Size {
        width: picture.width() as usize,
        height: picture.height() as usize,
    }
}

/// Puts RGB pixels where [`decode`] would.
pub(crate) fn convert(
    rgb: &[u8],
    size: Size,
    wanted: Wanted,
    target: &mut [u8],
    other: &mut Vec<u8>,
) -> Decoded {
    match wanted.channels {
        Channels::Rgb => place(rgb, size, wanted, target, other),
        Channels::Grey => {
            let grey: Vec<u8> = rgb.as_chunks().0.iter().map(|&pixel| luma(pixel)).collect();
            place(&grey, size, wanted, target, other)
        }
    }
}

/// Brightness of a pixel: ITU-R BT.601, in 8-bit fixed point, as JPEG has it.
pub(crate) fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((77 * u32::from(red) + 150 * u32::from(green) + 29 * u32::from(blue) + 128) >> 8) as u8
}

fn place(
    pixels: &[u8],
    size: Size,
    wanted: Wanted,
    target: &mut [u8],
    other: &mut Vec<u8>,
) -> Decoded {
    if wanted.size == Some(size) {
        target.copy_from_slice(pixels);
        return Decoded::Target;
    }
    other.clear();
    other.extend_from_slice(pixels);
    Decoded::Other(size)
}

/// A decoder's message on one line, without the quotation marks of some.
fn said(error: impl std::fmt::Display) -> String {
    let text = error.to_string();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").trim_matches('"').to_owned()
}

fn check(size: Size) -> Result<(), String> {
    let is_side = |side| (1..=MAX_SIDE_PX).contains(&side);
    if is_side(size.width) && is_side(size.height) && size.width * size.height <= MAX_PIXELS {
        return Ok(());
    }
    Err(format!(
        "it has {} x {} pixels, expected 1 to {MAX_SIDE_PX} a side and at most {MAX_PIXELS} in all",
        size.width, size.height
    ))
}
