//! Zip and tar: members that cannot be, and archives that are cut off.

use ffc_data::Error;
use tempfile::TempDir;

use super::{assert_says, message};
use crate::support::{copies, encoded, open};

/// Zip members: names and sizes that cannot be.
#[test]
fn zip_members() {
    use std::io::Write;
    let write = |members: &[(&str, &[u8])]| {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("set.zip")).unwrap();
        let mut writer = zip::ZipWriter::new(file);
        for (name, bytes) in members {
            writer
                .start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap();
        folder
    };
    let zip = |folder: &TempDir| folder.path().join("set.zip");
    for name in ["../a/1.jpg", "/a/1.jpg", "a/../../1.jpg", "a//1.jpg"] {
        assert_says(
            &message(&zip(&write(&[(name, b"x")]))),
            &[name, "not a plain path"],
        );
    }
    assert_says(
        &message(&zip(&write(&[("1.jpg", b"x")]))),
        &["lies in the root"],
    );
    assert_says(
        &message(&zip(&write(&[("a/readme.txt", b"x")]))),
        &["no images found"],
    );
    assert_says(
        &message(&zip(&write(&[("a/bomb.jpg", &vec![0; 65 << 20])]))),
        &["a/bomb.jpg", "at most"],
    );

    // Packed a thousand to one: unpacked in steps.
    let flat = [b"BM".to_vec(), vec![9; 300_000]].concat();
    let folder = write(&[("a/1.bmp", &flat)]);
    assert_eq!(encoded(&open(&zip(&folder)).unwrap(), 0), flat);
    let twice = copies(&["made/twice.zip"]);
    assert_says(
        &message(&twice.path().join("twice.zip")),
        &["twice.zip", "same name"],
    );

    // A folder without images; a name that is not UTF-8, of an image and of another file.
    let write_folder = || {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = zip::ZipWriter::new(std::fs::File::create(zip(&folder)).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file("a/1.jpg", options).unwrap();
        writer.add_directory("a", options).unwrap();
        writer.add_directory("b", options).unwrap();
        writer.finish().unwrap();
        folder
    };
    assert_says(
        &message(&zip(&write_folder())),
        &["set.zip", "identity `b` has no image"],
    );
    for (name, fails) in [("a/umlaut.jpg", true), ("a/umlaut.txt", false)] {
        let folder = write(&[("a/1.jpg", b"x"), (name, b"x")]);
        let mut bytes = std::fs::read(zip(&folder)).unwrap();
        while let Some(at) = bytes.windows(6).position(|word| word == b"umlaut") {
            bytes[at] = 0x9a;
        }
        std::fs::write(zip(&folder), bytes).unwrap();
        match open(&zip(&folder)) {
            Err(error) if fails => assert_says(&error.to_string(), &["not valid UTF-8"]),
            other => assert_eq!((other.unwrap().index().images(), fails), (1, false)),
        }
    }

    // The checksum of a streamed member follows its data.
    for method in [
        zip::CompressionMethod::Stored,
        zip::CompressionMethod::Deflated,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(zip(&folder)).unwrap();
        let mut writer = zip::ZipWriter::new_stream(file);
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        let picture: Vec<u8> = (0..5000u32).map(|i| ((i * i) >> 5) as u8).collect();
        for name in ["a/1.jpg", "b/1.jpg"] {
            writer.start_file(name, options).unwrap();
            writer.write_all(&picture).unwrap();
        }
        writer.finish().unwrap();
        let dataset = open(&zip(&folder)).unwrap();
        let mut bytes = std::fs::read(zip(&folder)).unwrap();
        assert_eq!(bytes[6] & 8, 8, "not streamed");
        for image in 0..2 {
            assert_eq!(encoded(&dataset, image), picture);
        }
        bytes[1000] ^= 1;
        std::fs::write(zip(&folder), bytes).unwrap();
        assert_eq!(encoded(&dataset, 1), picture);
        assert_says(
            &dataset.read(0, &mut Vec::new()).unwrap_err().to_string(),
            &["set.zip", "member `a/1.jpg`"],
        );
    }

    // A changed byte inside a member is told by its checksum.
    let stored = copies(&["made/stored.zip"]);
    let path = stored.path().join("stored.zip");
    let dataset = open(&path).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes
        .windows(4)
        .position(|word| word == [0xff, 0xd8, 0xff, 0xe0])
        .unwrap()
        + 300;
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let mut buffer = Vec::new();
    let failed: Vec<Error> = (0..dataset.index().images())
        .filter_map(|image| dataset.read(image, &mut buffer).err())
        .collect();
    assert_eq!(failed.len(), 1);
    assert_says(
        &failed[0].to_string(),
        &["stored.zip", "member `set/", "checksum"],
    );
}

/// WebDataset shards made of wrong members.
#[test]
fn tar_members() {
    let write = |members: &[(&str, &[u8])]| {
        let folder = tempfile::tempdir().unwrap();
        let mut builder =
            tar::Builder::new(std::fs::File::create(folder.path().join("set.tar")).unwrap());
        for (name, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.finish().unwrap();
        folder
    };
    type Members<'a> = &'a [(&'a str, &'a [u8])];
    let cases: [(Members, &[&str]); 7] = [
        (&[("0.jpg", b"x")], &["sample `0`", "no label"]),
        (&[("0.cls", b"0")], &["sample `0`", "no image"]),
        (
            &[("0.jpg", b"x"), ("0.cls", b"cat")],
            &["0.cls", "`cat` is not a label"],
        ),
        (
            &[("0.jpg", b"x"), ("1.jpg", b"x"), ("0.cls", b"0")],
            &["sample `0`", "follow one another"],
        ),
        (
            &[("0.jpg", b"x"), ("0.png", b"x"), ("0.cls", b"0")],
            &["0.png", "two images"],
        ),
        (
            &[
                ("0.jpg", b"x"),
                ("0.cls", b"0"),
                ("1.txt", b""),
                ("0.jpg", b"x"),
                ("0.cls", b"0"),
            ],
            &["same key"],
        ),
        (&[("readme", b"x")], &["no images found"]),
    ];
    for (members, expected) in cases {
        let folder = write(members);
        assert_says(&message(&folder.path().join("set.tar")), expected);
    }

    // A size that reaches beyond the end, of a member that is used and of one that is not.
    for (name, members) in [
        ("0.jpg", [("0.cls", b"0"), ("0.jpg", b"x")]),
        ("0.json", [("1.json", b"1"), ("0.json", b"0")]),
    ] {
        let members: Vec<(&str, &[u8])> = members
            .iter()
            .map(|(name, bytes)| (*name, &bytes[..]))
            .collect();
        let folder = write(&members);
        let path = folder.path().join("set.tar");
        let mut bytes = std::fs::read(&path).unwrap();
        let header = 1024;
        bytes[header + 124..header + 136].copy_from_slice(b"77777777777\0");
        bytes[header + 148..header + 156].fill(b' ');
        let sum: u32 = bytes[header..header + 512]
            .iter()
            .map(|&byte| u32::from(byte))
            .sum();
        bytes[header + 148..header + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        std::fs::write(&path, &bytes).unwrap();
        assert_says(&message(&path), &[name, "beyond the end"]);
    }
}

/// Names are never used as paths, so hostile ones do no harm; endings in capitals and sparse members are read.
#[test]
fn tar_names_and_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.tar");
    let mut builder = tar::Builder::new(std::fs::File::create(&path).unwrap());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, bytes).unwrap();
    };
    for (label, key) in ["../../0", "/etc/0", "a/../0", "0"].iter().enumerate() {
        add(&format!("{key}.JPG"), b"x");
        add(&format!("{key}.CLS"), label.to_string().as_bytes());
    }
    // 1 MiB of which 512 bytes are there.
    let mut header = tar::Header::new_gnu();
    header.set_path("9.json").unwrap();
    header.set_size(512);
    header.set_entry_type(tar::EntryType::GNUSparse);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.realsize.copy_from_slice(b"00004000000\0");
    gnu.sparse[0].offset.copy_from_slice(b"00003777000\0");
    gnu.sparse[0].numbytes.copy_from_slice(b"00000001000\0");
    header.set_cksum();
    builder.append(&header, &[0u8; 512][..]).unwrap();
    builder.finish().unwrap();
    let dataset = open(&path).unwrap();
    assert_eq!(dataset.index().identities(), 4);
    assert_eq!(encoded(&dataset, 3), b"x");
}

/// What follows an end mark would be missed: a member whose header was lost, or another archive.
#[test]
fn tar_shards_that_end_too_soon() {
    let folder = copies(&["made/pax.tar"]);
    let path = folder.path().join("pax.tar");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], &whole].concat()).unwrap();
    assert_says(&message(&path), &["pax.tar", "bytes follow the end mark"]);
    let mut bytes = whole;
    bytes[1024..1536].fill(0);
    std::fs::write(&path, bytes).unwrap();
    assert_says(&message(&path), &["pax.tar", "bytes follow the end mark"]);
}

/// A shard that is cut off anywhere is an error: no sample is lost in silence.
#[test]
fn tar_shards_that_are_cut_off() {
    let folder = copies(&["made/pax.tar"]);
    let path = folder.path().join("pax.tar");
    let whole = std::fs::read(&path).unwrap();
    open(&path).unwrap();
    std::fs::remove_file(folder.path().join("pax.tar.ffc-index")).unwrap();
    for length in (0..whole.len()).step_by(64) {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert_says(&message(&path), &["pax.tar"]);
    }
}
