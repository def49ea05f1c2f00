//! What is left out or measured twice is said, with a count.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod command;

use std::fs;
use std::path::Path;

use command::{fails, ffc, pictures, trained};

/// A copy of a set of ffc-data's tests, with its list changed.
fn copy_with(folder: &Path, [set, list]: [&str; 2], change: impl FnOnce(Vec<&str>) -> Vec<&str>) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/tests/fixtures/made");
    let from = fixtures.join(set);
    match from.is_dir() {
        true => {
            fs::create_dir_all(folder.join(set)).unwrap();
            let data = "data.mdb";
            fs::copy(from.join(data), folder.join(set).join(data)).unwrap();
        }
        false => {
            fs::copy(from, folder.join(set)).unwrap();
        }
    }
    let text = fs::read_to_string(fixtures.join(list)).unwrap();
    fs::write(folder.join(list), change(text.lines().collect()).join("\n")).unwrap();
}

/// What a command that works says beside its output.
#[track_caller]
fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = ffc(folder, arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {message}");
    message
}

#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{message}` does not say `{part}`");
    }
}

/// Records that the list of a RecordIO set does not name, wherever they lie, and one that it names twice.
#[test]
fn records() {
    const SET: [&str; 2] = ["plain.rec", "plain.idx"];
    let inspect = |change: fn(Vec<&str>) -> Vec<&str>| {
        let folder = tempfile::tempdir().unwrap();
        copy_with(folder.path(), SET, change);
        said(folder.path(), &["data", "inspect", "plain.rec"])
    };
    let whole = inspect(|lines| lines);
    assert!(!whole.contains("left out"), "{whole}");
    // The first, one in the middle, and the last: 484 bytes each, or 864 of the third.
    for (missing, bytes) in [(0, 484), (2, 864)] {
        let folder = tempfile::tempdir().unwrap();
        copy_with(folder.path(), SET, |mut lines| {
            lines.remove(missing);
            lines
        });
        let message = ffc(
            folder.path(),
            &["data", "index", "--close-gaps", "plain.rec"],
        );
        let message = String::from_utf8(message.stderr).unwrap();
        assert_says(
            &message,
            &[
                &format!("{bytes} bytes of records are left out"),
                "plain.idx names",
                "rec2idx.py",
            ],
        );
    }
    let folder = tempfile::tempdir().unwrap();
    copy_with(folder.path(), SET, |mut lines| {
        lines[2] = "2\t484";
        lines
    });
    let parts = ["plain.idx", "entries 2 and 3", "name the same record"];
    fails(folder.path(), &["data", "inspect", "plain.rec"], 1, &parts);
}

/// Records of a database that its list does not name; and a list that names more than there are.
#[test]
fn databases() {
    const SET: [&str; 2] = ["pylmdb.lmdb", "pylmdb.txt"];
    let inspect = ["data", "inspect", "pylmdb.lmdb"];
    let folder = tempfile::tempdir().unwrap();
    copy_with(folder.path(), SET, |lines| lines);
    let whole = said(folder.path(), &inspect);
    assert!(!whole.contains("left out"), "{whole}");

    let folder = tempfile::tempdir().unwrap();
    copy_with(folder.path(), SET, |mut lines| {
        lines.remove(1);
        lines
    });
    let parts = ["holds 5 records", "names 4", "1 are left out"];
    assert_says(&said(folder.path(), &inspect), &parts);

    let folder = tempfile::tempdir().unwrap();
    copy_with(folder.path(), SET, |mut lines| {
        lines.push("nobody 2");
        lines
    });
    fails(
        folder.path(),
        &inspect,
        1,
        &["names 6 keys", "holds 5 records"],
    );

    let folder = tempfile::tempdir().unwrap();
    copy_with(folder.path(), SET, |_| vec!["nobody 0"]);
    let parts = [
        "key `nobody`",
        "first of the 5 records has the key `pylmdb_0_0`",
    ];
    fails(folder.path(), &inspect, 1, &parts);
    fs::write(folder.path().join("pylmdb.lmdb/data.mdb"), "").unwrap();
    fails(folder.path(), &inspect, 1, &["data.mdb: it is empty"]);
}

/// Pairs that are listed twice, those that the threshold is chosen on too, and those of two minds.
#[test]
fn pairs() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained(at);
    pictures(&folder);
    let mut list = String::new();
    for number in 0..10 {
        let (a, b) = (number % 5, number % 5 + 1);
        let person = if number < 5 { "ann" } else { "bob" };
        list += &format!("{person}/{a}.pgm\t{person}/{b}.pgm\t1\n");
        list += &format!("ann/{a}.pgm\tbob/{}.pgm\t0\n", (number / 5) + a);
    }
    let weights = "run/last-gallery.safetensors";
    let command = ["eval", weights, "people", "--pairs", "list.txt"];
    let eval = |list: &str, more: &[&str]| {
        fs::write(at.join("list.txt"), list).unwrap();
        said(at, &[&command[..], more].concat())
    };
    assert!(!eval(&list, &[]).contains("second time"));
    let twice = format!("{list}bob/0.pgm\tann/0.pgm\t0\n");
    let parts = ["1 of 21 pairs", "first line 2 again in line 21"];
    assert_says(&eval(&twice, &[]), &parts);
    let parts = ["20 of 20 pairs", "on which the threshold is chosen"];
    let train = ["--train-pairs", "list.txt"];
    assert_says(&eval(&list, &train), &parts);
    let torn = format!("{list}bob/0.pgm\tann/0.pgm\t1\n");
    fs::write(at.join("list.txt"), torn).unwrap();
    fails(at, &command, 1, &["list.txt, line 21", "lines 2 and 21"]);
}
