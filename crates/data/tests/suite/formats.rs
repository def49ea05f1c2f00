//! Files written by other programs: mxnet, zipfile, tarfile. What they hold is in their truth files.

use ffc_data::{Dataset, SourceConfig};

use super::support::{copies, encoded, fixture, open, sha, truth};

/// Identities and images of a data set are those expected, in order.
pub fn check(dataset: &Dataset, expected: &[(u64, String)]) {
    check_bytes(dataset, expected, |_, bytes| bytes);
}

/// The same of what `trim` leaves of an image's bytes.
fn check_bytes(
    dataset: &Dataset,
    expected: &[(u64, String)],
    trim: impl Fn(u64, Vec<u8>) -> Vec<u8>,
) {
    let index = dataset.index();
    assert_eq!(index.images(), expected.len() as u64);
    assert_eq!(index.identities(), expected.last().unwrap().0 + 1);
    for (image, (label, digest)) in (0..).zip(expected) {
        assert_eq!(index.identity_of(image), *label);
        assert!(index.images_of(*label).contains(&image));
        let bytes = trim(image, encoded(dataset, image));
        assert_eq!(
            sha(&bytes),
            *digest,
            "image {image} of {}",
            dataset.origin(image)
        );
    }
    index.verify().unwrap();
}

pub fn golden() -> Vec<(u64, String)> {
    let truth = truth("golden/truth.json");
    let texts = truth["sha"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sha| sha.as_str().unwrap().to_owned());
    truth["labels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|label| label.as_u64().unwrap())
        .zip(texts)
        .collect()
}

/// Samples of a made file by label, in the order of the file.
pub fn made(name: &str) -> Vec<(u64, String)> {
    let truth = truth("made/truth.json");
    let samples = truth[name]["samples"].as_array().unwrap().iter();
    let mut samples: Vec<_> = samples
        .map(|sample| {
            (
                sample[1].as_u64().unwrap(),
                sample[2].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    samples.sort_by_key(|sample| sample.0);
    samples
}

#[test]
fn record_io_of_insightface() {
    let folder = copies(&["golden/insightface.rec", "golden/insightface.idx"]);
    check(
        &open(&folder.path().join("insightface.rec")).unwrap(),
        &golden(),
    );
    // Some editors put a mark before a text in UTF-8.
    let folder = copies(&["golden/insightface.rec", "golden/insightface.idx"]);
    let places = folder.path().join("insightface.idx");
    let text = std::fs::read_to_string(&places).unwrap();
    std::fs::write(&places, format!("\u{feff}{text}")).unwrap();
    check(
        &open(&folder.path().join("insightface.rec")).unwrap(),
        &golden(),
    );
}

/// Image 2 has padding behind it that holds the magic word twice: the writer split its record into parts.
#[test]
fn record_io_of_im2rec() {
    let folder = copies(&["golden/im2rec.rec", "golden/im2rec.idx"]);
    let dataset = open(&folder.path().join("im2rec.rec")).unwrap();
    check_bytes(&dataset, &golden(), |image, mut bytes| {
        if image == 2 {
            let end = bytes
                .windows(2)
                .position(|word| word == [0xff, 0xd9])
                .unwrap()
                + 2;
            let padding = bytes.split_off(end);
            let magic = 0xced7_230a_u32.to_le_bytes();
            assert_eq!(padding.windows(4).filter(|word| *word == magic).count(), 2);
        }
        bytes
    });
}

#[test]
fn record_io_with_an_array_of_labels() {
    let folder = copies(&["made/plain.rec", "made/plain.idx"]);
    check(
        &open(&folder.path().join("plain.rec")).unwrap(),
        &made("plain.rec"),
    );
}

#[test]
fn zip_stored_and_deflated() {
    for name in ["stored.zip", "deflated.zip"] {
        let folder = copies(&[&format!("made/{name}")]);
        let dataset = open(&folder.path().join(name)).unwrap();
        check(&dataset, &made(name));
        let names = truth("made/truth.json")[name]["names"].clone();
        for (identity, name) in (0..).zip(names.as_array().unwrap()) {
            assert_eq!(
                dataset.index().name_of(identity).unwrap(),
                name.as_str().unwrap()
            );
        }
    }
}

/// The unpacked archive gives the same identities and images as the archive read in place.
#[test]
fn folder_equals_zip() {
    let folder = copies(&["made/deflated.zip"]);
    let archive = std::fs::File::open(fixture("made/deflated.zip")).unwrap();
    zip::ZipArchive::new(archive)
        .unwrap()
        .extract(folder.path())
        .unwrap();
    std::fs::write(folder.path().join("set/10/.hidden.jpg"), "no image").unwrap();
    let unpacked = open(&folder.path().join("set")).unwrap();
    check(&unpacked, &made("deflated.zip"));
    let packed = open(&folder.path().join("deflated.zip")).unwrap();
    for identity in 0..8 {
        assert_eq!(
            unpacked.index().name_of(identity).unwrap(),
            packed.index().name_of(identity).unwrap()
        );
    }
    assert!(
        unpacked.origin(0).ends_with("set/10/0.jpg"),
        "{}",
        unpacked.origin(0)
    );
}

/// Deeper folders: each that holds images is an identity, named by its path; the order is that of the parts.
#[test]
fn nested_folders() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    for name in ["b/y", "b", "a-c", "a/c", "a"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
        std::fs::copy(
            fixture("made/images/png_rgb.png"),
            root.join(name).join("1.PNG"),
        )
        .unwrap();
    }
    let dataset = open(&root).unwrap();
    let names: Vec<_> = (0..5)
        .map(|identity| dataset.index().name_of(identity).unwrap())
        .collect();
    assert_eq!(names, ["a", "a/c", "a-c", "b", "b/y"]);
}

#[test]
fn web_dataset_shards() {
    let folder = copies(&["made/webdataset", "made/pax.tar"]);
    check(&open(&folder.path().join("webdataset")).unwrap(), &golden());
    check(
        &open(&folder.path().join("pax.tar")).unwrap(),
        &made("pax.tar"),
    );
}

/// What lies beside pictures does not hide them, and a folder with one record file is that set.
#[test]
fn what_a_folder_holds() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("set");
    std::fs::create_dir_all(set.join("a")).unwrap();
    std::fs::copy(fixture("made/images/bmp.bmp"), set.join("a/1.bmp")).unwrap();
    std::fs::copy(fixture("made/pax.tar"), set.join("extra.tar")).unwrap();
    assert!(matches!(
        SourceConfig::detect(&set).unwrap(),
        SourceConfig::Folder { .. }
    ));
    let folder = copies(&["golden/insightface.rec", "golden/insightface.idx"]);
    check(&open(folder.path()).unwrap(), &golden());
    std::fs::copy(fixture("made/plain.rec"), folder.path().join("plain.rec")).unwrap();
    let message = open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("2 .rec files"), "{message}");
    // And one with an archive alone is that archive.
    let folder = copies(&["made/stored.zip"]);
    assert!(matches!(
        SourceConfig::detect(folder.path()).unwrap(),
        SourceConfig::Zip { .. }
    ));
}
