//! Pictures that EXIF data turn.

use std::sync::Arc;

use ffc_data::Dataset;
use tempfile::TempDir;

use super::support::{fixture, open};

/// A set of one picture.
fn set(bytes: &[u8], name: &str) -> (TempDir, Dataset) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("set");
    std::fs::create_dir_all(root.join("one")).unwrap();
    std::fs::write(root.join("one").join(name), bytes).unwrap();
    let dataset = open(&root).unwrap();
    (folder, dataset)
}

/// RGB pixels with width and height.
type Picture = (Vec<[u8; 3]>, usize, usize);

fn picture(dataset: &Dataset) -> Picture {
    let mut pixels = Vec::new();
    let [width, height] = dataset.picture(0, &mut pixels).unwrap();
    (pixels.as_chunks().0.to_vec(), width, height)
}

/// TIFF's header and one entry, the orientation.
fn exif(orientation: u8, big_endian: bool) -> Vec<u8> {
    let two = |value: u16| match big_endian {
        true => value.to_be_bytes(),
        false => value.to_le_bytes(),
    };
    let four = |value: u32| match big_endian {
        true => value.to_be_bytes(),
        false => value.to_le_bytes(),
    };
    let mut bytes = if big_endian {
        b"MM".to_vec()
    } else {
        b"II".to_vec()
    };
    bytes.extend(two(42));
    bytes.extend(four(8));
    bytes.extend(two(1));
    bytes.extend(two(0x0112));
    bytes.extend(two(3));
    bytes.extend(four(1));
    bytes.extend(two(orientation.into()));
    bytes.extend([0; 6]);
    bytes
}

/// A segment behind a JPEG's first marker.
fn with_segment(jpeg: &[u8], marker: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16 + 2).to_be_bytes();
    let segment = [&[0xff, marker][..], &length, payload].concat();
    [&jpeg[..2], &segment, &jpeg[2..]].concat()
}

/// Where the pixel at (x, y) of the picture as it shall be seen is stored, by the definition of the eight orientations.
fn stored_at(orientation: u8, x: usize, y: usize, width: usize, height: usize) -> (usize, usize) {
    let (right, bottom) = (width - 1, height - 1);
    match orientation {
        2 => (right - x, y),
        3 => (right - x, bottom - y),
        4 => (x, bottom - y),
        5 => (y, x),
        6 => (y, bottom - x),
        7 => (right - y, bottom - x),
        8 => (right - y, x),
        _ => (x, y),
    }
}

/// Each pixel of the turned picture is the stored one that the orientation puts there.
#[track_caller]
fn assert_turned(turned: &Picture, stored: &Picture, orientation: u8) {
    let (turned, turned_width, turned_height) = turned;
    let (pixels, width, height) = stored;
    for y in 0..*turned_height {
        for x in 0..*turned_width {
            let (from_x, from_y) = stored_at(orientation, x, y, *width, *height);
            assert_eq!(
                turned[y * turned_width + x],
                pixels[from_y * width + from_x],
                "orientation {orientation}, ({x}, {y})"
            );
        }
    }
}

#[test]
fn jpeg_pictures_are_turned_as_their_exif_data_say() {
    let jpeg = std::fs::read(fixture("made/images/jpeg_444.jpg")).unwrap();
    let (_folder, plain) = set(&jpeg, "1.jpg");
    let (pixels, width, height) = picture(&plain);
    assert_ne!(width, height);
    // 0 and 9 are no orientations.
    for orientation in 0..=9 {
        for big_endian in [false, true] {
            let exif = [b"Exif\0\0", &exif(orientation, big_endian)[..]].concat();
            let (_folder, dataset) = set(&with_segment(&jpeg, 0xe1, &exif), "1.jpg");
            let (turned, turned_width, turned_height) = picture(&dataset);
            let swapped = (5..=8).contains(&orientation);
            let expected = if swapped {
                (height, width)
            } else {
                (width, height)
            };
            assert_eq!((turned_width, turned_height), expected, "{orientation}");
            let stored = (pixels.clone(), width, height);
            assert_turned(&(turned, turned_width, turned_height), &stored, orientation);
            let stored = picture(&dataset.as_stored(true));
            assert_eq!(stored, (pixels.clone(), width, height));
        }
    }
}

#[test]
fn of_several_exif_data_the_first_count() {
    let jpeg = std::fs::read(fixture("made/images/jpeg_444.jpg")).unwrap();
    let exif = |orientation| [b"Exif\0\0", &exif(orientation, true)[..]].concat();
    let one = with_segment(&jpeg, 0xe1, &exif(6));
    let two = with_segment(&with_segment(&jpeg, 0xe1, &exif(3)), 0xe1, &exif(6));
    let [(_one, one), (_two, two)] = [one, two].map(|bytes| set(&bytes, "1.jpg"));
    assert_eq!(picture(&two), picture(&one));
}

/// With JPEG's mark before the data too, as some programs write them.
#[test]
fn webp_pictures_are_turned_too() {
    let (width, height) = (5_u8, 3_u8);
    let pixels: Vec<u8> = (0..width * height * 3).map(|value| value * 5).collect();
    let mut plain = Vec::new();
    image::codecs::webp::WebPEncoder::new_lossless(&mut plain)
        .encode(
            &pixels,
            width.into(),
            height.into(),
            image::ExtendedColorType::Rgb8,
        )
        .unwrap();
    let (_plain, stored) = set(&plain, "1.webp");
    let (pixels, ..) = picture(&stored);
    let chunk = |name: &[u8], bytes: &[u8]| {
        let length = (bytes.len() as u32).to_le_bytes();
        let padding = &[0][..bytes.len() % 2];
        [name, &length, bytes, padding].concat()
    };
    for mark in [&b""[..], b"Exif\0\0"] {
        // Behind RIFF, a length and WEBP lies the picture's own chunk.
        let parts = [
            b"WEBP".to_vec(),
            chunk(b"VP8X", &[8, 0, 0, 0, width - 1, 0, 0, height - 1, 0, 0]),
            plain[12..].to_vec(),
            chunk(b"EXIF", &[mark, &exif(6, true)].concat()),
        ];
        let (_folder, dataset) = set(&chunk(b"RIFF", &parts.concat()), "1.webp");
        let (turned, turned_width, turned_height) = picture(&dataset);
        let (width, height) = (usize::from(width), usize::from(height));
        assert_eq!((turned_width, turned_height), (height, width));
        let stored = (pixels.clone(), width, height);
        assert_turned(&(turned, turned_width, turned_height), &stored, 6);
    }
}

/// Views of a set see its pictures as it does.
#[test]
fn selections_keep_the_setting() {
    let jpeg = std::fs::read(fixture("made/images/jpeg_444.jpg")).unwrap();
    let exif = [b"Exif\0\0", &exif(6, false)[..]].concat();
    let jpeg = with_segment(&jpeg, 0xe1, &exif);
    let (_folder, dataset) = set(&jpeg, "1.jpg");
    let turned = picture(&dataset);
    let dataset = Arc::new(dataset);
    assert_eq!(picture(&dataset.select(vec![0]).unwrap()), turned);
    let (_folder, dataset) = set(&jpeg, "1.jpg");
    let dataset = Arc::new(dataset.as_stored(true));
    let stored = picture(&dataset.select(vec![0]).unwrap());
    assert_eq!((stored.1, stored.2), (turned.2, turned.1));
}

/// Damaged EXIF data turn nothing and harm nothing.
#[test]
fn exif_data_that_are_cut_off() {
    let jpeg = std::fs::read(fixture("made/images/jpeg_444.jpg")).unwrap();
    let (_folder, plain) = set(&jpeg, "1.jpg");
    let plain = picture(&plain);
    let whole = [b"Exif\0\0", &exif(1, false)[..]].concat();
    for length in 0..whole.len() {
        let (_folder, dataset) = set(&with_segment(&jpeg, 0xe1, &whole[..length]), "1.jpg");
        assert_eq!(picture(&dataset), plain, "{length} bytes");
    }
}

#[test]
fn png_pictures_are_turned_too() {
    let png = std::fs::read(fixture("made/images/png_rgb.png")).unwrap();
    let (_folder, plain) = set(&png, "1.png");
    let (pixels, width, height) = picture(&plain);
    // Behind the header's chunk of 25 bytes.
    let exif = [b"eXIf", &exif(6, true)[..]].concat();
    let chunk = [
        &(exif.len() as u32 - 4).to_be_bytes()[..],
        &exif,
        &crc32fast::hash(&exif).to_be_bytes(),
    ]
    .concat();
    let turned = [&png[..33], &chunk, &png[33..]].concat();
    let (_folder, dataset) = set(&turned, "1.png");
    let (turned, turned_width, turned_height) = picture(&dataset);
    assert_eq!((turned_width, turned_height), (height, width));
    let stored = (pixels.clone(), width, height);
    assert_turned(&(turned, turned_width, turned_height), &stored, 6);
    assert_eq!(picture(&dataset.as_stored(true)), (pixels, width, height));
}
