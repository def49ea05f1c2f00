//! From encoded images to pixels.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader, Limits};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::channels::Channels;

/// Width and height that an image may have, in pixels.
const MAX_SIDE_PX: usize = 1 << 14;
/// Pixels that an image may have: 64 Mi.
const MAX_PIXELS: usize = 1 << 26;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// Where pixels were put.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// Into the target: the image has its size.
    Target,
    /// Into the other buffer: the image has this size.
    Other(Size),
}

/// Decodes an image into `target` if it has the size `wanted`, else into `other`.
///
/// The message of a failure says what is wrong with the image.
pub(crate) fn decode(
    encoded: &[u8],
    channels: Channels,
    wanted: Option<Size>,
    target: &mut [u8],
    other: &mut Vec<u8>,
) -> Result<Decoded, String> {
    if encoded.starts_with(&[0xff, 0xd8]) {
        decode_jpeg(encoded, channels, wanted, target, other)
    } else {
        decode_other(encoded, channels, wanted, target, other)
    }
}

fn decode_jpeg(
    encoded: &[u8],
    channels: Channels,
    wanted: Option<Size>,
    target: &mut [u8],
    other: &mut Vec<u8>,
) -> Result<Decoded, String> {
    let space = match channels {
        Channels::Rgb => ColorSpace::RGB,
        Channels::Grey => ColorSpace::Luma,
    };
    // Strict: a file that is cut off is an error, not an image with a grey end.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(MAX_SIDE_PX)
        .set_max_height(MAX_SIDE_PX)
        .jpeg_set_out_colorspace(space);
    let new_decoder = || JpegDecoder::new_with_options(ZCursor::new(encoded), options);
    let mut decoder = new_decoder();
    decoder
        .decode_headers()
        .map_err(|error| error.to_string())?;
    let info = decoder.info().ok_or("it has no size")?;
    let size = Size {
        width: usize::from(info.width),
        height: usize::from(info.height),
    };
    check(size)?;
    let stored = decoder.input_colorspace();
    if channels == Channels::Grey && !matches!(stored, Some(ColorSpace::YCbCr | ColorSpace::Luma)) {
        // The decoder turns these into colours only.
        let mut rgb = Vec::new();
        decode_jpeg(encoded, Channels::Rgb, None, &mut [], &mut rgb)?;
        return Ok(convert(&rgb, size, channels, wanted, target, other));
    }
    let bytes = size.width * size.height * channels.count();
    if decoder.output_buffer_size() != Some(bytes) {
        return Err(format!("its colours cannot be converted to {channels:?}"));
    }
    let (pixels, decoded) = match wanted == Some(size) {
        true => (target, Decoded::Target),
        false => {
            other.resize(bytes, 0);
            (&mut other[..], Decoded::Other(size))
        }
    };
    // A stray marker among the data ends the decoder's work without an error: then the last row is not written, and
    // goes on holding whatever it held.
    let last_row = bytes - size.width * channels.count();
    let mut is_whole = |decoder: &mut JpegDecoder<_>, before: u8| {
        pixels[last_row..].fill(before);
        let done = decoder.decode_into(pixels);
        done.map_err(|error| error.to_string())?;
        Ok::<_, String>(pixels[last_row..].iter().any(|&byte| byte != before))
    };
    // Twice if the row may be the picture's own.
    if is_whole(&mut decoder, 1)? || is_whole(&mut new_decoder(), 2)? {
        return Ok(decoded);
    }
    Err("a marker among its data ends it too soon".into())
}

fn decode_other(
    encoded: &[u8],
    channels: Channels,
    wanted: Option<Size>,
    target: &mut [u8],
    other: &mut Vec<u8>,
) -> Result<Decoded, String> {
    let format = image::guess_format(encoded)
        .map_err(|_| "it is not an image of a known format".to_owned())?;
    if !matches!(
        format,
        ImageFormat::Png | ImageFormat::Bmp | ImageFormat::Pnm
    ) {
        return Err(format!(
            "{format:?} is not read; expected JPEG, PNG, BMP or PNM"
        ));
    }
    let mut reader = ImageReader::with_format(Cursor::new(encoded), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE_PX as u32);
    limits.max_image_height = Some(MAX_SIDE_PX as u32);
    limits.max_alloc = Some(8 * MAX_PIXELS as u64);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| error.to_string())?;
    let size = Size {
        width: picture.width() as usize,
        height: picture.height() as usize,
    };
    check(size)?;
    Ok(match (channels, picture) {
        (
            Channels::Grey,
            picture @ (DynamicImage::ImageLuma8(_) | DynamicImage::ImageLuma16(_)),
        ) => place(&picture.into_luma8(), size, wanted, target, other),
        (_, picture) => convert(&picture.into_rgb8(), size, channels, wanted, target, other),
    })
}

/// Puts RGB pixels where [`decode`] would.
pub(crate) fn convert(
    rgb: &[u8],
    size: Size,
    channels: Channels,
    wanted: Option<Size>,
    target: &mut [u8],
    other: &mut Vec<u8>,
) -> Decoded {
    match channels {
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
    wanted: Option<Size>,
    target: &mut [u8],
    other: &mut Vec<u8>,
) -> Decoded {
    if wanted == Some(size) {
        target.copy_from_slice(pixels);
        return Decoded::Target;
    }
    other.clear();
    other.extend_from_slice(pixels);
    Decoded::Other(size)
}

fn check(size: Size) -> Result<(), String> {
    if size.width == 0 || size.height == 0 || size.width * size.height > MAX_PIXELS {
        return Err(format!(
            "{} x {} pixels, expected 1 to 2^26",
            size.width, size.height
        ));
    }
    Ok(())
}
