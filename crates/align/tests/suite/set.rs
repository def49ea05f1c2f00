//! Whole sets, by landmarks of a table.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use ffc_align::{
    AlignConfig, Aligned, Error, Face, Faces, Format, Landmarks, LandmarksRow, Missing, TEMPLATE,
    align_set, read_landmarks, write_landmarks,
};
use ffc_data::Dataset;
use image::RgbImage;
use tempfile::TempDir;

/// Where the landmarks of a picture lie: those of the template, moved.
fn face(shift: f32, scale: f32) -> Face {
    let landmarks = TEMPLATE.map(|point| point.map(|value| value as f32 * scale + shift));
    Face {
        bounds: [shift, shift, shift + 112.0 * scale, shift + 112.0 * scale],
        score: 0.9,
        landmarks,
    }
}

/// Two people with pictures of 150 x 140, one of them with an ending of its own, and a table in which one has no face and one has two.
fn set() -> (TempDir, Landmarks) {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = Vec::new();
    for (person, files) in [
        ("ann", ["0.png", "1.png", "1.bmp"]),
        ("bob", ["a.png", "b.png", "c.png"]),
    ] {
        fs::create_dir_all(folder.path().join("set").join(person)).unwrap();
        for (number, file) in files.iter().enumerate() {
            let picture = RgbImage::from_fn(150, 140, |x, y| {
                image::Rgb([(x + 40 * number as u32) as u8, y as u8, (x * y % 251) as u8])
            });
            picture
                .save(folder.path().join("set").join(person).join(file))
                .unwrap();
            let shown = format!("{person}/{file}");
            match &*shown {
                "bob/a.png" => rows.push(LandmarksRow::without_face(shown, "hidden")),
                "bob/b.png" => {
                    rows.push(LandmarksRow::new(shown.clone(), &face(10.0, 1.0)));
                    rows.push(LandmarksRow::new(shown, &face(0.0, 0.5)));
                }
                _ => rows.push(LandmarksRow::new(shown, &face(number as f32 * 10.0, 1.0))),
            }
        }
    }
    let table = folder.path().join("mine.csv");
    let mut lines = Vec::new();
    write_landmarks(&rows, &mut lines).unwrap();
    fs::write(&table, lines).unwrap();
    let landmarks = Landmarks::table(&table).unwrap();
    (folder, landmarks)
}

fn align(
    folder: &Path,
    out: &str,
    landmarks: &Landmarks,
    config: &AlignConfig,
    jobs: usize,
    most: usize,
) -> Result<Aligned, Error> {
    let dataset = Dataset::from_path(&folder.join("set")).unwrap();
    let count = AtomicUsize::new(0);
    let jobs = NonZero::new(jobs).unwrap();
    align_set(
        &dataset,
        landmarks,
        &folder.join(out),
        config,
        jobs,
        &|_| match count.fetch_add(1, Ordering::Relaxed) + 1 >= most {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        },
    )
}

/// All files of a folder with their bytes.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if !name.starts_with('.') {
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

/// The tree keeps the set's names, whole steps keep the pixels, and what was stopped and cut off ends as what was not.
#[test]
fn a_tree_of_faces_by_any_way() {
    let (folder, landmarks) = set();
    let at = folder.path();
    let config = AlignConfig::default();
    let whole = align(at, "whole", &landmarks, &config, 1, usize::MAX).unwrap();
    assert_eq!((whole.images, whole.faces, whole.is_whole), (6, 5, true));
    assert_eq!(
        whole.without_face,
        [("bob/a.png".to_owned(), "no face".to_owned())]
    );
    let expected = tree(&at.join("whole"));
    let names: Vec<&String> = expected.keys().collect();
    assert_eq!(
        names,
        [
            "align.json",
            "ann/0.png",
            "ann/1.bmp.png",
            "ann/1.png.png",
            "bob/b.png",
            "bob/c.png",
            "landmarks.csv"
        ]
    );
    // The first lies 10 pixels to the right and below; of the template's own 112 all are inside.
    let source = image::open(at.join("set/bob/b.png")).unwrap().into_rgb8();
    let found = image::open(at.join("whole/bob/b.png")).unwrap().into_rgb8();
    assert_eq!(found.dimensions(), (112, 112));
    for (x, y, pixel) in found.enumerate_pixels() {
        assert_eq!(pixel, source.get_pixel(x + 10, y + 10), "{x} {y}");
    }

    for (out, jobs) in [("stopped", 1), ("shared", 3)] {
        let part = align(at, out, &landmarks, &config, jobs, 2).unwrap();
        assert!(!part.is_whole && part.images >= 2, "{part:?}");
        // Killed while a line was written.
        let table = at.join(out).join("landmarks.csv");
        let mut lines = fs::read(&table).unwrap();
        lines.extend(b"bob/c.png,bob/c.p");
        fs::write(&table, lines).unwrap();
        let rest = align(at, out, &landmarks, &config, jobs, usize::MAX).unwrap();
        assert_eq!(rest.without_face, whole.without_face);
        assert!(tree(&at.join(out)) == expected, "{out}");
    }
    // Nothing is left to do.
    let again = align(at, "whole", &landmarks, &config, 2, usize::MAX).unwrap();
    assert_eq!(again, whole);
}

#[test]
fn all_faces_and_other_sizes() {
    let (folder, landmarks) = set();
    let config = AlignConfig {
        size_px: 56,
        faces: Faces::All,
        format: Format::Jpeg(90),
        ..AlignConfig::default()
    };
    let found = align(folder.path(), "all", &landmarks, &config, 2, usize::MAX).unwrap();
    assert_eq!(found.faces, 6);
    let second = image::open(folder.path().join("all/bob/b~1.jpg")).unwrap();
    assert_eq!((second.width(), second.height()), (56, 56));
    let table = fs::read(folder.path().join("all/landmarks.csv")).unwrap();
    let rows = read_landmarks(&table[..], Path::new("t")).unwrap();
    assert_eq!(rows.len(), 7);
    assert!(
        rows.iter()
            .all(|row| row.file.is_some() == row.sharpness.is_some())
    );
    assert_eq!(rows[4].face(), Some(face(10.0, 1.0)));
}

/// Names that look like those of further faces, or like another file's with its ending.
#[test]
fn no_two_faces_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let files = [
        "two.png",
        "two~1.png",
        "two~~1.png",
        "a.png",
        "a.bmp",
        "a.png.bmp",
    ];
    fs::create_dir_all(at.join("set/ann")).unwrap();
    let mut rows = Vec::new();
    for file in files {
        RgbImage::new(40, 30)
            .save(at.join("set/ann").join(file))
            .unwrap();
        for shift in [0.0, 2.0] {
            rows.push(LandmarksRow::new(format!("ann/{file}"), &face(shift, 0.1)));
        }
    }
    let mut lines = Vec::new();
    write_landmarks(&rows, &mut lines).unwrap();
    fs::write(at.join("mine.csv"), lines).unwrap();
    let landmarks = Landmarks::table(&at.join("mine.csv")).unwrap();
    for (out, faces, count) in [("all", Faces::All, 12), ("one", Faces::Largest, 6)] {
        let config = AlignConfig {
            faces,
            ..AlignConfig::default()
        };
        let found = align(at, out, &landmarks, &config, 1, usize::MAX).unwrap();
        assert_eq!(found.faces, count);
        let pictures = tree(&at.join(out));
        let pictures = pictures.keys().filter(|name| name.ends_with(".png"));
        assert_eq!(pictures.count(), count, "{out}");
    }
}

#[test]
fn pictures_without_a_face_and_damaged_ones() {
    let (folder, landmarks) = set();
    let at = folder.path();
    let of = |missing| AlignConfig {
        missing,
        ..AlignConfig::default()
    };
    let error = align(at, "fail", &landmarks, &of(Missing::Fail), 2, usize::MAX).unwrap_err();
    assert!(
        matches!(&error, Error::NoFace { image } if image.contains("bob/a.png")),
        "{error}"
    );
    let found = align(at, "crop", &landmarks, &of(Missing::Crop), 2, usize::MAX).unwrap();
    assert_eq!((found.faces, found.without_face.len()), (6, 1));
    let crop = image::open(at.join("crop/bob/a.png")).unwrap().into_rgb8();
    let source = image::open(at.join("set/bob/a.png")).unwrap().into_rgb8();
    let (middle, expected) = (crop.get_pixel(55, 55), source.get_pixel(74, 69));
    let near = |a: u8, b: u8| a.abs_diff(b) < 12;
    assert!(
        near(middle[0], expected[0]) && near(middle[1], expected[1]),
        "{middle:?} {expected:?}"
    );

    fs::write(at.join("set/ann/0.png"), "no picture at all, but a text").unwrap();
    let found = align(at, "skip", &landmarks, &of(Missing::Skip), 2, usize::MAX).unwrap();
    assert_eq!((found.images, found.without_face.len()), (6, 1));
    let [(image, problem)] = &found.unusable[..] else {
        panic!("{found:?}");
    };
    assert_eq!(image, "ann/0.png");
    assert!(problem.contains("cannot be decoded"), "{problem}");
    assert!(align(at, "fail2", &landmarks, &of(Missing::Fail), 1, usize::MAX).is_err());
}

/// Landmarks that no picture has: told, counted, and no work for hours.
#[test]
fn landmarks_that_cannot_be() {
    let (folder, _) = set();
    let at = folder.path();
    let rows: Vec<LandmarksRow> = [face(1e30, 1.0), face(0.0, 1e6), face(3.0, 0.0)]
        .iter()
        .zip(["ann/0.png", "bob/b.png", "bob/c.png"])
        .map(|(face, image)| LandmarksRow::new(image.into(), face))
        .collect();
    let mut lines = Vec::new();
    write_landmarks(&rows, &mut lines).unwrap();
    fs::write(at.join("odd.csv"), lines).unwrap();
    let odd = Landmarks::table(&at.join("odd.csv")).unwrap();
    let config = AlignConfig::default();
    let found = align(at, "odd", &odd, &config, 1, usize::MAX).unwrap();
    let problems: Vec<&str> = found
        .unusable
        .iter()
        .chain(&found.without_face)
        .map(|(_, problem)| &**problem)
        .collect();
    assert_eq!(found.faces, 0);
    for problem in [
        "far outside the picture",
        "a single point",
        "no line of the table",
    ] {
        assert!(
            problems.iter().any(|told| told.contains(problem)),
            "{problems:?}"
        );
    }
    let fail = AlignConfig {
        missing: Missing::Fail,
        ..config
    };
    let error = align(at, "fail", &odd, &fail, 1, usize::MAX).unwrap_err();
    assert!(error.to_string().contains("ann/0.png"), "{error}");
}

/// A folder of other settings, or of other files, is left alone.
#[test]
fn folders_of_other_settings() {
    let (folder, landmarks) = set();
    let at = folder.path();
    align(
        at,
        "out",
        &landmarks,
        &AlignConfig::default(),
        1,
        usize::MAX,
    )
    .unwrap();
    let before = tree(&at.join("out"));
    let larger = AlignConfig {
        size_px: 224,
        ..AlignConfig::default()
    };
    let error = align(at, "out", &landmarks, &larger, 1, usize::MAX)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("its size_px is 112, asked for is 224"),
        "{error}"
    );
    assert!(tree(&at.join("out")) == before);
    fs::create_dir(at.join("mine")).unwrap();
    fs::write(at.join("mine/diary.txt"), "dear").unwrap();
    let error = align(at, "mine", &landmarks, &larger, 1, usize::MAX).unwrap_err();
    assert!(matches!(error, Error::OtherSettings { .. }), "{error}");
    for (size_px, format) in [(0, Format::Png), (112, Format::Jpeg(0))] {
        let wrong = AlignConfig {
            size_px,
            format,
            ..AlignConfig::default()
        };
        let error = align(at, "new", &landmarks, &wrong, 1, usize::MAX).unwrap_err();
        assert!(matches!(error, Error::Setting { .. }), "{error}");
    }
}

#[test]
fn tables_that_are_none() {
    const HEADER: &str = "image,left_eye_x,left_eye_y,right_eye_x,right_eye_y,nose_x,nose_y,left_mouth_x,left_mouth_y,right_mouth_x,right_mouth_y";
    let read = |text: &str| read_landmarks(text.as_bytes(), Path::new("mine.csv"));
    for (text, parts) in [
        ("", ["line 1", "no column image"]),
        (
            "image,left_eye_x\na,1\n",
            ["line 1", "no column left_eye_y"],
        ),
        (&format!("{HEADER}\na,1,2,3\n"), ["line 2", "fields"]),
        (
            &format!("{HEADER}\na,1,2,3,4,5,6,7,8,9,\n"),
            ["line 2", "9 of 10 coordinates"],
        ),
        (
            &format!("{HEADER}\na,,,,,,,,,,\nb,1,2,3,4,5,6,7,8,9,x\n"),
            ["line 3", "right_mouth_y is \"x\""],
        ),
        (
            &format!("{HEADER}\na,1,2,3,4,5,6,7,8,9,NaN\n"),
            ["line 2", "not finite"],
        ),
        (
            &format!("{HEADER}\n,1,2,3,4,5,6,7,8,9,10\n"),
            ["line 2", "names no image"],
        ),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(
            parts.iter().all(|part| error.contains(part)),
            "{text:?}: {error}"
        );
        assert!(error.starts_with("mine.csv"), "{error}");
    }
    // Without a box it is the landmarks' own; columns of others are passed over, and so is a mark before the first.
    let rows = read(&format!(
        "\u{feff}{HEADER},hat\na,1,2,3,4,5,6,7,8,9,10,blue\n"
    ))
    .unwrap();
    assert_eq!(rows[0].face().unwrap().bounds, [1.0, 2.0, 9.0, 10.0]);
}

/// Files of the set's own and identities' folders lie side by side.
#[test]
fn an_identity_called_as_a_file_of_the_folder() {
    for name in ["landmarks.csv", "align.json"] {
        let (folder, landmarks) = set();
        let at = folder.path();
        fs::rename(at.join("set/ann"), at.join("set").join(name)).unwrap();
        let config = AlignConfig::default();
        let error = align(at, "out", &landmarks, &config, 1, usize::MAX).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(&format!("{name}/0.png")), "{message}");
        assert!(message.contains("rename it"), "{message}");
    }
}
