//! Names of members as archivers of all kinds write them.

use std::io::Write;
use std::path::Path;

use ffc_data::{BuildConfig, Dataset, ErrorChain};
use zip::write::SimpleFileOptions;

use super::support::{copies, encoded, open};

/// Zips these members, stored.
fn zip(path: &Path, members: &[(&str, &[u8])]) {
    let mut writer = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in members {
        writer.start_file(*name, stored).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
}

fn tar(path: &Path, members: &[(&str, &str)]) {
    let mut builder = tar::Builder::new(std::fs::File::create(path).unwrap());
    for (name, text) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        builder
            .append_data(&mut header, name, text.as_bytes())
            .unwrap();
    }
    builder.finish().unwrap();
}

fn names(dataset: &Dataset) -> Vec<String> {
    let images = 0..dataset.index().images();
    images
        .map(|image| dataset.display_name(image).unwrap())
        .collect()
}

#[track_caller]
fn refused(path: &Path, parts: &[&str]) {
    let error = ErrorChain(&open(path).unwrap_err()).to_string();
    for part in parts {
        assert!(error.contains(part), "`{error}` does not say `{part}`");
    }
    assert!(error.chars().all(|character| !character.is_control()));
}

/// Packed on Windows, or from `.`: the folders are those that other programs unpack.
#[test]
fn backslashes_and_dots_in_a_zip() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.zip");
    zip(
        &path,
        &[
            ("set/a/1.jpg", b"1"),
            ("set/b/1.jpg", b"2"),
            ("set/b/x.txt", b"3"),
        ],
    );
    let plain = std::fs::read(&path).unwrap();
    // Names of equal length keep all offsets.
    for (from, to) in [("set/", "set\\"), ("/1.jpg", "\\1.jpg"), ("set/", "./s/")] {
        let (from, to) = (from.as_bytes(), to.as_bytes());
        let mut bytes = plain.clone();
        for at in 0..bytes.len() - from.len() {
            if bytes[at..].starts_with(from) {
                bytes[at..at + to.len()].copy_from_slice(to);
            }
        }
        assert_ne!(bytes, plain);
        let other = tempfile::tempdir().unwrap();
        let path = other.path().join("set.zip");
        std::fs::write(&path, bytes).unwrap();
        let dataset = open(&path).unwrap();
        assert_eq!(names(&dataset), ["a/1.jpg", "b/1.jpg"]);
        assert_eq!(dataset.index().passed_over().unwrap().files(), 1);
        assert!(
            dataset.origin(1).ends_with("member `set/b/1.jpg`")
                || dataset.origin(1).ends_with("member `s/b/1.jpg`"),
            "{}",
            dataset.origin(1)
        );
        assert_eq!(encoded(&dataset, 1), b"2");
    }
}

/// A zip of one stored member whose name is in another encoding, with the name in UTF-8 in the directory alone: the extra field 0x7075.
fn with_unicode_field(raw: &[u8], name: &str, contents: &[u8]) -> Vec<u8> {
    let two = |value: usize| (value as u16).to_le_bytes().to_vec();
    let four = |value: usize| (value as u32).to_le_bytes().to_vec();
    let crc = crc32fast::hash(contents) as usize;
    let common = [
        two(0),
        two(0),
        two(0),
        two(0),
        four(crc),
        four(contents.len()),
        four(contents.len()),
        two(raw.len()),
    ]
    .concat();
    let local = [
        b"PK\x03\x04".to_vec(),
        two(20),
        common.clone(),
        two(0),
        raw.to_vec(),
    ]
    .concat();
    let field = [
        vec![1],
        four(crc32fast::hash(raw) as usize),
        name.as_bytes().to_vec(),
    ]
    .concat();
    let extra = [two(0x7075), two(field.len()), field].concat();
    let central = [
        b"PK\x01\x02".to_vec(),
        two(20),
        two(20),
        common,
        two(extra.len()),
        two(0),
        two(0),
        two(0),
        four(0),
        four(0),
        raw.to_vec(),
        extra,
    ]
    .concat();
    let begin = local.len() + contents.len();
    let end = [
        b"PK\x05\x06".to_vec(),
        two(0),
        two(0),
        two(1),
        two(1),
        four(central.len()),
        four(begin),
        two(0),
    ]
    .concat();
    [local, contents.to_vec(), central, end].concat()
}

#[test]
fn the_directorys_name_counts_where_a_members_own_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.zip");
    // In GBK.
    let raw = b"\xd5\xc5\xce\xb0/0.jpg";
    std::fs::write(&path, with_unicode_field(raw, "张伟/0.jpg", b"picture")).unwrap();
    let dataset = open(&path).unwrap();
    assert_eq!(names(&dataset), ["张伟/0.jpg"]);
    assert_eq!(encoded(&dataset, 0), b"picture");
}

#[test]
fn what_is_wrong_with_a_zip_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.zip");
    let members: [(&str, &[u8]); 2] = [("set/a/1.jpg", b"x"), ("set/b/1.jpg", b"y")];
    zip(&path, &members);
    let whole = std::fs::read(&path).unwrap();
    let patched = |offsets: [usize; 2], word: u16| {
        let mut bytes = whole.clone();
        for (signature, offset) in [b"PK\x03\x04", b"PK\x01\x02"].iter().zip(offsets) {
            let at = bytes
                .windows(4)
                .position(|word| word == *signature)
                .unwrap();
            bytes[at + offset..at + offset + 2].copy_from_slice(&word.to_le_bytes());
        }
        bytes
    };
    std::fs::write(&path, patched([8, 10], 9)).unwrap();
    refused(
        &path,
        &["member `set/a/1.jpg`", "Deflate64", "pack it again"],
    );
    std::fs::write(&path, patched([6, 8], 1)).unwrap();
    refused(&path, &["member `set/a/1.jpg`", "encrypted", "password"]);
    std::fs::write(&path, &whole[..whole.len() - 30]).unwrap();
    refused(&path, &["set.zip", "cut off"]);
    // A count that some programs wrap at 65,536.
    let mut wrapped = whole.clone();
    let end = wrapped.len() - 22;
    wrapped[end + 8..end + 12].copy_from_slice(&[1, 0, 1, 0]);
    std::fs::write(&path, wrapped).unwrap();
    refused(&path, &["set.zip", "1 members that it counts", "65,535"]);
    zip(&path, &[members[0], members[1], ("set/cover.jpg", b"z")]);
    refused(&path, &["set/cover.jpg", "folder of its own"]);
    // One above another, as in a folder.
    zip(&path, &[("a/1.jpg", b"x"), ("a/b/1.jpg", b"y")]);
    std::fs::remove_file(folder.path().join("set.zip.ffc-index")).unwrap_or_default();
    assert_eq!(open(&path).unwrap().index().identities(), 2);
}

/// Samples whose names have dots of their own; where the whole ending tells an image and a label, others beside them are passed over.
#[test]
fn dots_in_the_names_of_samples() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.tar");
    tar(
        &path,
        &[
            ("0.jpg", "a"),
            ("0.cls", "0"),
            ("x.1.jpg", "b"),
            ("x.1.cls", "1"),
            ("x.2.jpg", "c"),
            ("x.2.cls", "1"),
            ("y.jpg", "d"),
            ("y.seg.png", "e"),
            ("y.cls", "2"),
            ("y.json", "{}"),
        ],
    );
    let dataset = open(&path).unwrap();
    let images: Vec<Vec<u8>> = (0..4).map(|image| encoded(&dataset, image)).collect();
    assert_eq!(images, [b"a", b"b", b"c", b"d"]);
    assert_eq!(dataset.index().images(), 4);
    assert_eq!(dataset.index().passed_over().unwrap().files(), 2);
}

/// Whatever lies beside an image and its label under names with more dots does not matter.
#[test]
fn more_members_than_a_sample_needs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.tar");
    tar(
        &path,
        &[
            ("0.jpg", "a"),
            ("0.cls", "0"),
            ("0.coarse.cls", "dog"),
            ("0.mask.png", "b"),
            ("0.mask.jpg", "c"),
        ],
    );
    let dataset = open(&path).unwrap();
    assert_eq!(dataset.index().images(), 1);
    assert_eq!(encoded(&dataset, 0), b"a");
    assert_eq!(dataset.index().passed_over().unwrap().files(), 3);
    // Where they are all there is, what is wrong with them is said.
    let path = folder.path().join("other.tar");
    tar(&path, &[("0.x.jpg", "a"), ("0.x.cls", "dog")]);
    refused(&path, &["0.x.cls", "`dog` is not a label"]);
}

#[test]
fn what_is_wrong_with_a_shard_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.tar");
    tar(&path, &[("0.jpg", "x"), ("0.json", "{}")]);
    refused(&path, &["sample `0`", ".json", ".cls"]);
    tar(&path, &[("x.1.jpg", "x"), ("x.2.jpg", "x")]);
    refused(&path, &["sample `x.1`", "no label"]);
    std::fs::write(&path, b"\x1f\x8b\x08\0\0\0\0\0").unwrap();
    refused(&path, &["set.tar", "compressed", "gunzip"]);
    std::fs::write(&path, [7; 2048]).unwrap();
    refused(&path, &["set.tar"]);
    let partial = folder.path().join("set.tar.gz");
    std::fs::write(&partial, b"\x1f\x8b").unwrap();
    refused(&partial, &["set.tar.gz", "gunzip"]);
    std::fs::remove_file(&path).unwrap();
    refused(folder.path(), &["set.tar.gz", "gunzip"]);
    // Beside whole shards it is left out, and said.
    tar(&path, &[("0.jpg", "x"), ("0.cls", "0")]);
    assert_eq!(open(folder.path()).unwrap().index().images(), 1);
}

/// Records that follow the last one of the list are no error, and those that it names are there.
#[test]
fn a_list_that_ends_before_its_records() {
    let folder = copies(&["made/plain.rec", "made/plain.idx"]);
    let list = folder.path().join("plain.idx");
    let text = std::fs::read_to_string(&list).unwrap();
    let kept = text.lines().count() - 1;
    let shorter: Vec<&str> = text.lines().take(kept).collect();
    std::fs::write(&list, shorter.join("\n")).unwrap();
    let build = BuildConfig {
        close_gaps: true,
        ..Default::default()
    };
    let record = folder.path().join("plain.rec");
    let source = ffc_data::SourceConfig::detect(&record).unwrap();
    let dataset = Dataset::open_or_build(&source, &build, &mut |_| {}).unwrap();
    assert_eq!(dataset.index().images() as usize, kept);
    // An index with closed gaps serves those who did not ask for it.
    let again = open(&record).unwrap();
    assert_eq!(again.index().images(), dataset.index().images());
    assert_eq!(again.index().gaps_closed(), dataset.index().gaps_closed());
}
