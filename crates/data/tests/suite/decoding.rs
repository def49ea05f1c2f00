//! Pixels against Pillow's, for one picture in many encodings.

use std::sync::Arc;

use ffc_data::{AugmentConfig, Channels, Dataset, IdentityLoader, ListLoader, LoaderConfig};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::support::{fixture, open, truth};

/// The picture of a data set with one image.
fn picture(dataset: Dataset, channels: Channels, height_px: usize, width_px: usize) -> Vec<u8> {
    let config = LoaderConfig {
        batch: 1,
        height_px,
        width_px,
        channels,
        augment: AugmentConfig {
            flip: false,
            ..Default::default()
        },
        ..Default::default()
    };
    let mut loader = IdentityLoader::new(Arc::new(dataset), config, 0).unwrap();
    let batch = loader.next().unwrap().unwrap();
    assert_eq!(batch.a.pixels(), batch.b.pixels());
    batch.a.pixels().to_vec()
}

fn single(file: &str) -> Dataset {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.keep();
    std::fs::create_dir_all(root.join("set/one")).unwrap();
    std::fs::copy(
        fixture("made/images").join(file),
        root.join("set/one").join(file),
    )
    .unwrap();
    open(&root.join("set")).unwrap()
}

#[test]
fn pixels_are_pillows() {
    let cases = truth("made/images/truth.json");
    assert!(cases.as_array().unwrap().len() >= 14);
    for case in cases.as_array().unwrap() {
        let file = case["file"].as_str().unwrap();
        let expected =
            std::fs::read(fixture("made/images").join(case["truth"].as_str().unwrap())).unwrap();
        let side = |name: &str| case[name].as_u64().unwrap() as usize;
        // The decoder rounds 16 bits to 8, Pillow's truth takes the high byte.
        // Pillow mixes with white in fewer bits.
        let tolerance = match file {
            "png_grey16.png" | "png_rgba.png" => 1,
            _ => side("tolerance") as u8,
        };
        let rgb = picture(single(file), Channels::Rgb, side("height"), side("width"));
        let worst = rgb
            .iter()
            .zip(&expected)
            .map(|(a, b)| a.abs_diff(*b))
            .max()
            .unwrap();
        assert!(
            rgb.len() == expected.len() && worst <= tolerance,
            "{file}: {worst} grey levels off"
        );
        let grey = picture(single(file), Channels::Grey, side("height"), side("width"));
        let luma = |p: &[u8]| {
            (0.299 * f64::from(p[0]) + 0.587 * f64::from(p[1]) + 0.114 * f64::from(p[2])) as f32
        };
        for (value, pixel) in grey.iter().zip(rgb.chunks(3)) {
            assert!(
                (f32::from(*value) - luma(pixel)).abs() <= 8.0,
                "{file}: {value} for {pixel:?}"
            );
        }
    }
}

/// Shrunk to a third: near the mean of each 3 x 3 block's neighbourhood, by a naive triangle filter.
#[test]
fn other_sizes_are_resized() {
    let full = std::fs::read(fixture("made/images/png_rgb.truth")).unwrap();
    let (width, height, out_width, out_height) = (24usize, 20usize, 8usize, 10usize);
    let small = picture(single("png_rgb.png"), Channels::Rgb, out_height, out_width);
    let weights = |out: usize, from: usize, to: usize| {
        let scale = from as f64 / to as f64;
        let centre = (out as f64 + 0.5) * scale;
        let weights = (0..from).map(|i| (1.0 - ((i as f64 + 0.5 - centre) / scale).abs()).max(0.0));
        let weights: Vec<f64> = weights.collect();
        let sum: f64 = weights.iter().sum();
        weights
            .into_iter()
            .map(move |weight| weight / sum)
            .collect::<Vec<_>>()
    };
    for y in 0..out_height {
        let rows = weights(y, height, out_height);
        for x in 0..out_width {
            let columns = weights(x, width, out_width);
            for channel in 0..3 {
                let mut expected = 0.0;
                for (i, row) in rows.iter().enumerate() {
                    for (j, column) in columns.iter().enumerate() {
                        expected += row * column * f64::from(full[(i * width + j) * 3 + channel]);
                    }
                }
                let found = f64::from(small[(y * out_width + x) * 3 + channel]);
                assert!(
                    (found - expected).abs() < 1.6,
                    "({x}, {y}): {found}, expected {expected}"
                );
            }
        }
    }
}

/// JPEG files one pixel wide or high, of every grey level and in colour, against what was encoded. Whatever a last row of one
/// byte holds, it is no sign of damage.
#[test]
fn pictures_one_pixel_wide_or_high() {
    for (width, height) in [(1, 1), (1, 20), (20, 1), (2, 1), (1, 2)] {
        for space in [Channels::Grey, Channels::Rgb] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("set/one");
            std::fs::create_dir_all(&root).unwrap();
            let flat = |level: u8| match space {
                Channels::Grey => vec![level],
                Channels::Rgb => vec![level, 255 - level, level / 2],
            };
            for level in 0..=255 {
                let pixels = flat(level).repeat(width * height);
                let mut file = Vec::new();
                let colours = match space {
                    Channels::Grey => ExtendedColorType::L8,
                    Channels::Rgb => ExtendedColorType::Rgb8,
                };
                JpegEncoder::new_with_quality(&mut file, 100)
                    .write_image(&pixels, width as u32, height as u32, colours)
                    .unwrap();
                std::fs::write(root.join(format!("{level:03}.jpg")), file).unwrap();
            }
            let dataset = Arc::new(open(&folder.path().join("set")).unwrap());
            for channels in [space, Channels::Rgb] {
                let config = LoaderConfig {
                    batch: 256,
                    height_px: height,
                    width_px: width,
                    channels,
                    ..Default::default()
                };
                let mut loader =
                    ListLoader::new(dataset.clone(), (0..256).collect(), &config).unwrap();
                let batch = loader.next().unwrap().unwrap();
                let pictures = batch
                    .pixels()
                    .chunks_exact(width * height * channels.count());
                for (level, found) in (0..=255).zip(pictures) {
                    let mut expected = flat(level);
                    expected.resize(channels.count(), level);
                    for (found, expected) in found.iter().zip(expected.iter().cycle()) {
                        assert!(
                            found.abs_diff(*expected) <= 2,
                            "{width} x {height}, {space:?} as {channels:?}: {found} for {expected}"
                        );
                    }
                }
            }
        }
    }
}

/// A set of one picture, decoded in its own size.
fn pixels(file: &str, bytes: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("set");
    std::fs::create_dir_all(root.join("one")).unwrap();
    std::fs::write(root.join("one").join(file), bytes).unwrap();
    let mut pixels = Vec::new();
    open(&root).unwrap().picture(0, &mut pixels).unwrap();
    pixels
}

#[test]
fn webp_is_read() {
    let expected: Vec<u8> = (0..20 * 24 * 3)
        .map(|at: u32| ((at * at) >> 3) as u8)
        .collect();
    let mut file = Vec::new();
    let encoder = WebPEncoder::new_lossless(&mut file);
    let colours = ExtendedColorType::Rgb8;
    encoder.write_image(&expected, 24, 20, colours).unwrap();
    assert_eq!(pixels("1.webp", &file), expected);
}

/// Where a pixel is wholly transparent white lies behind the picture; else colours stay as they are written.
#[test]
fn transparent_pictures() {
    let png = |alphas: [u8; 4]| {
        let pixels: Vec<u8> = (alphas.iter().zip(0..))
            .flat_map(|(&alpha, at): (&u8, u8)| [10 + at, 100 + at, 200 + at, alpha])
            .collect();
        let mut file = Vec::new();
        let encoder = PngEncoder::new(&mut file);
        encoder
            .write_image(&pixels, 2, 2, ExtendedColorType::Rgba8)
            .unwrap();
        self::pixels("1.png", &file)
    };
    let colours = |at: u8| [10 + at, 100 + at, 200 + at];
    let written: Vec<u8> = (0..4).flat_map(colours).collect();
    assert_eq!(png([255, 90, 1, 128]), written);
    // Programs that know of no transparency write zeros everywhere.
    assert_eq!(png([0; 4]), written);

    let alphas = [255, 90, 0, 128];
    let over_white = |at: u8| {
        let share = f64::from(alphas[usize::from(at)]) / 255.0;
        colours(at).map(|colour| (f64::from(colour) * share + 255.0 * (1.0 - share)).round() as u8)
    };
    let expected: Vec<u8> = (0..4).flat_map(over_white).collect();
    assert_eq!(png(alphas), expected);
}

/// Adobe's marker says RGB, JFIF's YCbCr: JFIF's counts, as for libjpeg. Without JFIF's, Adobe's does.
#[test]
fn jfif_against_adobe() {
    let adobe = [&[0xff, 0xee, 0, 14][..], b"Adobe", &[0, 100, 0, 0, 0, 0, 0]].concat();
    for file in ["jpeg_444.jpg", "jpeg_grey.jpg"] {
        let jpeg = std::fs::read(fixture("made/images").join(file)).unwrap();
        assert_eq!(&jpeg[6..11], b"JFIF\0");
        let plain = pixels("1.jpg", &jpeg);
        let jfif = 4 + usize::from(u16::from_be_bytes([jpeg[4], jpeg[5]]));
        let both = [&jpeg[..jfif], &adobe, &jpeg[jfif..]].concat();
        assert_eq!(pixels("1.jpg", &both), plain, "{file}");
        let adobe_alone = [&jpeg[..2], &adobe, &jpeg[jfif..]].concat();
        let alone = pixels("1.jpg", &adobe_alone);
        assert_eq!(alone == plain, file == "jpeg_grey.jpg", "{file}");
    }
}
