use std::borrow::Cow;

use image::metadata::Orientation;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{Decoded, EXIF, Size, Wanted, XMP, check, convert, exif, said};
use crate::channels::Channels;

/// First bytes of a JPEG.
pub(super) const START: [u8; 2] = [0xff, 0xd8];
const END: [u8; 2] = [0xff, 0xd9];

/// What stands before the data.
pub(super) struct Header {
    /// How the picture lies, as its EXIF data say, or where there are none its XMP.
    pub(super) orientation: Orientation,
    /// Where Adobe's marker lies that speaks against JFIF's.
    against_jfif: Option<std::ops::Range<usize>>,
}

impl Header {
    /// Reads the segments up to the first scan. What else is wrong with them is the decoder's to say.
    pub(super) fn read(encoded: &[u8]) -> Result<Self, String> {
        let (mut orientation, mut of_xmp) = (None, None);
        let (mut is_jfif, mut components, mut adobe) = (false, 0, None);
        let mut at = START.len();
        while let Some((marker, begin)) = marker(encoded, at) {
            let Some(&[high, low]) = encoded.get(begin..).and_then(<[u8]>::first_chunk) else {
                break;
            };
            let end = begin + usize::from(u16::from_be_bytes([high, low]));
            let Some(segment) = encoded.get(begin + 2..end) else {
                break;
            };
            match marker {
                0xf7 => return Err("JPEG-LS (SOF55) is not read".into()),
                0xc3 | 0xc7 | 0xcb | 0xcf => {
                    return Err(format!("lossless JPEG (SOF{}) is not read", marker - 0xc0));
                }
                0xc9 | 0xca | 0xcd | 0xce => {
                    let number = marker - 0xc0;
                    return Err(format!(
                        "JPEG with arithmetic coding (SOF{number}) is not read"
                    ));
                }
                0xc0..=0xc2 => {
                    components = segment.get(5).copied().unwrap_or_default();
                    check_sampling(segment)?;
                }
                0xe0 => is_jfif |= segment.starts_with(b"JFIF\0"),
                // Of several the first counts.
                0xe1 if orientation.is_none() => {
                    let exif = segment.strip_prefix(EXIF);
                    orientation = exif.and_then(exif::orientation);
                    let xmp = segment.strip_prefix(XMP);
                    of_xmp = of_xmp.or(xmp.and_then(exif::of_xmp));
                }
                // Colours that are RGB, and so no YCbCr.
                0xee if segment.starts_with(b"Adobe") && segment.get(11) == Some(&0) => {
                    adobe = Some(begin - 2..end);
                }
                0xda => {
                    // The decoder makes up the blocks that are missing.
                    if !encoded[end..]
                        .windows(END.len())
                        .rev()
                        .any(|two| two == END)
                    {
                        return Err("it is cut off: the mark of its end is missing".into());
                    }
                    break;
                }
                _ => {}
            }
            at = end;
        }
        Ok(Self {
            orientation: (orientation.or(of_xmp)).unwrap_or(Orientation::NoTransforms),
            against_jfif: adobe.filter(|_| is_jfif && components == 3),
        })
    }

    /// The bytes that the decoder is given: of two markers that contradict one another JFIF's counts, as for libjpeg.
    fn undisputed<'a>(&self, encoded: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.against_jfif {
            None => encoded.into(),
            Some(adobe) => [&encoded[..adobe.start], &encoded[adobe.end..]]
                .concat()
                .into(),
        }
    }
}

/// Refuses pictures whose brightness has fewer samples than their colours, which the decoder makes stripes of.
fn check_sampling(frame: &[u8]) -> Result<(), String> {
    let components = frame.get(6..).unwrap_or_default().as_chunks::<3>().0;
    let [first, others @ ..] = components else {
        return Ok(());
    };
    let [across, down] = [first[1] >> 4, first[1] & 15];
    let is_finer = |component: &[u8; 3]| component[1] >> 4 > across || component[1] & 15 > down;
    match others.iter().any(is_finer) {
        true => {
            Err("its colours are sampled more finely than its brightness, which is not read".into())
        }
        false => Ok(()),
    }
}

/// The next marker with a segment, and where that begins.
fn marker(encoded: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        let fill = encoded.get(at..)?;
        let fill = fill.iter().take_while(|&&byte| byte == 0xff).count();
        let marker = *encoded.get(at + fill)?;
        at += fill + 1;
        match marker {
            _ if fill == 0 => return None,
            // These have none.
            0x01 | 0xd0..=0xd8 => {}
            marker => return Some((marker, at)),
        }
    }
}

/// Decodes as [`decode`](super::decode) does, the orientation left aside.
pub(super) fn decode(
    encoded: &[u8],
    header: &Header,
    wanted: Wanted,
    target: &mut [u8],
    other: &mut Vec<u8>,
) -> Result<Decoded, String> {
    decode_undisputed(&header.undisputed(encoded), wanted, target, other)
}

fn decode_undisputed(
    encoded: &[u8],
    wanted: Wanted,
    target: &mut [u8],
    other: &mut Vec<u8>,
) -> Result<Decoded, String> {
    let channels = wanted.channels;
    let space = match channels {
        Channels::Rgb => ColorSpace::RGB,
        Channels::Grey => ColorSpace::Luma,
    };
    // Strict: a file that is cut off is an error, not an image with a grey end.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        // Sizes are checked below, with numbers in the message.
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(space);
    let new_decoder = || JpegDecoder::new_with_options(ZCursor::new(encoded), options);
    let mut decoder = new_decoder();
    decoder.decode_headers().map_err(said)?;
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
        let in_colour = Wanted {
            channels: Channels::Rgb,
            size: None,
            ..wanted
        };
        decode_undisputed(encoded, in_colour, &mut [], &mut rgb)?;
        return Ok(convert(&rgb, size, wanted, target, other));
    }
    let bytes = size.width * size.height * channels.count();
    if decoder.output_buffer_size() != Some(bytes) {
        return Err(format!("its colours cannot be converted to {channels:?}"));
    }
    let (pixels, decoded) = match wanted.size == Some(size) {
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
        done.map_err(said)?;
        Ok::<_, String>(pixels[last_row..].iter().any(|&byte| byte != before))
    };
    // Twice if the row may be the picture's own.
    if is_whole(&mut decoder, 1)? || is_whole(&mut new_decoder(), 2)? {
        return Ok(decoded);
    }
    Err("a marker among its data ends it too soon".into())
}
