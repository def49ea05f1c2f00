//! LFW's lists of pairs.

use std::error::Error as _;
use std::path::Path;

use ffc_data::Dataset;
use ffc_eval::{ImageName, Pair, PairsFile, Protocol};
use proptest::prelude::*;

fn parse(text: &str) -> ffc_eval::Result<PairsFile> {
    PairsFile::parse(text, Path::new("pairs.txt"))
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

const LIST: &str = "2\t1\nAnn\t1\t2\nAnn\t2\tBo B\t1\nBo B\t1\t3\r\nCid\t1\tAnn\t1\n\n";

#[test]
fn both_formats_are_read() {
    let list = parse(LIST).unwrap();
    assert_eq!(list.folds, Some(2));
    let found: Vec<_> = list
        .pairs
        .iter()
        .map(|pair| (pair.line, pair.images.clone(), pair.same))
        .collect();
    let image = |name: &str, number| ImageName::Numbered(name.to_owned(), number);
    assert_eq!(
        found,
        [
            (2, [image("Ann", 1), image("Ann", 2)], true),
            (3, [image("Ann", 2), image("Bo B", 1)], false),
            (4, [image("Bo B", 1), image("Bo B", 3)], true),
            (5, [image("Cid", 1), image("Ann", 1)], false),
        ]
    );
    let list = parse("2\nA\t1\t2\nA\t1\t3\nA\t1\tB\t1\nA\t1\tB\t2").unwrap();
    assert_eq!((list.folds, list.pairs.len()), (None, 4));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, message) in [
        ("", "pairs.txt, line 1: `` is not `folds <tab> n` or `n`"),
        ("x\n", "line 1: `x` is not"),
        ("0\n", "line 1: `0` is not"),
        ("1 2 3\n", "line 1: `1 2 3` is not"),
        ("99999999999\n", "line 1"),
        ("1\nA\t1\t2\n", "line 2: 1 pairs, but the first line says 2"),
        ("1\nA\t1\t2\nA\t1\t3\n", "line 2: 2 of 2 pairs from here on"),
        (
            "2\t1\nA\t1\t2\nA\t1\t3\nA\t1\tB\t2\nA\t1\tB\t3\n",
            "line 2: 2 of 2 pairs from here on",
        ),
        (
            "1\nA\t1\t2\nA\t1\n",
            "line 3: 2 fields between tabs, expected 3 or 4",
        ),
        ("1\nA 1 2\n", "line 2: 1 fields"),
        (
            "1\nA\tone\t2\n",
            "line 2: `A`, `one` is not a name and the number of an image",
        ),
        ("1\nA\t0\t2\n", "line 2: `A`, `0`"),
        ("1\n\t1\t2\n", "line 2: ``, `1`"),
        ("1\nA\t-1\tB\t2\n", "line 2: `A`, `-1`"),
        ("1\nA\t2\t2\n", "line 2: both images are the same"),
        (
            "1\nA\t2\tA\t3\n",
            "line 2: a pair of different people, but both are `A`",
        ),
    ] {
        let found = refusal(text);
        assert!(found.contains(message), "{text:?}: {found}");
    }
}

/// A folder of pictures that nobody opens.
fn people(files: &[&str]) -> (tempfile::TempDir, Dataset) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("people");
    for file in files {
        let path = root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }
    let dataset = Dataset::from_path(&root).unwrap();
    (folder, dataset)
}

#[test]
fn names_are_found_in_the_set() {
    let (_folder, dataset) = people(&[
        "Ann/Ann_0001.jpg",
        "Ann/Ann_0002.png",
        "Bo B/Bo B_0001.jpg",
        "Bo B/Bo B_0003.jpg",
        "Cid/Cid_0001.jpg",
        // The right name in the wrong place.
        "Eve/Dan_0001.jpg",
    ]);
    let pairs = parse(LIST).unwrap().resolve(&dataset).unwrap();
    let pair = |a, b, same| Pair {
        images: [a, b],
        same,
    };
    assert_eq!(
        pairs,
        [
            pair(0, 1, true),
            pair(1, 2, false),
            pair(2, 3, true),
            pair(4, 0, false)
        ]
    );
    for (pair, message) in [
        (
            "Ann\t1\tDan\t1",
            "pairs.txt, line 3: there is no identity `Dan` in ",
        ),
        ("Ann\t3\tCid\t1", "line 3: there is no image `Ann_0003` in "),
        ("Ann\t1\tEve\t1", "line 3: there is no image `Eve_0001` in "),
    ] {
        let list = parse(&format!("1\nAnn\t1\t2\n{pair}\n")).unwrap();
        let found = list.resolve(&dataset).unwrap_err().to_string();
        assert!(found.contains(message), "{found}");
    }
}

#[test]
fn sets_without_file_names_are_refused() {
    let dataset = super::support::synthetic(3);
    let list = parse("1\n0\t1\t2\n0\t1\t1\t1\n").unwrap();
    let found = list.resolve(&dataset).unwrap_err().to_string();
    assert!(
        found.contains("line 2: there is no image `0_0001`"),
        "{found}"
    );
}

/// What failed and, in the source, why: neither says the other.
#[test]
fn a_missing_list_is_told() {
    let error = PairsFile::read(Path::new("no/such/pairs.txt")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read no/such/pairs.txt");
    let cause = error.source().unwrap().downcast_ref::<std::io::Error>();
    assert_eq!(cause.unwrap().kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn paths_are_found_in_the_set() {
    let (folder, dataset) = people(&["Ann/a.jpg", "Ann/b 1.png", "Bob/x/a.jpg", "Bob/x/c.jpg"]);
    let root = folder.path().join("people");
    let list = format!(
        "Ann/a.jpg\tAnn/b 1.png\t1\r\n\n./Ann/a.jpg\tBob/x/a.jpg\t0\nc.jpg\t{}/Bob/x/a.jpg\t1\n",
        root.display()
    );
    let list = parse(&list).unwrap();
    assert!(list.is_of_paths());
    let lines: Vec<usize> = list.pairs.iter().map(|pair| pair.line).collect();
    assert_eq!(lines, [1, 3, 4]);
    let pair = |a, b, same| Pair {
        images: [a, b],
        same,
    };
    assert_eq!(
        list.resolve(&dataset).unwrap(),
        [pair(0, 1, true), pair(0, 2, false), pair(3, 2, true)]
    );
    for (path, message) in [
        (
            "Bob/c.jpg",
            "pairs.txt, line 2: there is no image `Bob/c.jpg` in ",
        ),
        ("a.jpg", "line 2: several identities in "),
    ] {
        let list = parse(&format!("Ann/a.jpg\tc.jpg\t0\nc.jpg\t{path}\t1\n")).unwrap();
        let found = list.resolve(&dataset).unwrap_err().to_string();
        assert!(found.contains(message), "{found}");
    }
    let found = parse("0/1\t0/2\t1\n").unwrap();
    let found = found.resolve(&super::support::synthetic(3)).unwrap_err();
    let found = found.to_string();
    assert!(
        found.contains("line 1") && found.contains("keeps no names of files"),
        "{found}"
    );
}

#[test]
fn wrong_paths_are_told_with_their_line() {
    let good = "a/1.jpg\ta/2.jpg\t1\n";
    for (line, message) in [
        (
            "a/1.jpg\ta/3.jpg",
            "line 2: 2 fields between tabs, expected 3",
        ),
        ("a/1.jpg a/3.jpg 1", "line 2: 1 fields"),
        ("a/1.jpg\ta/3.jpg\tyes", "line 2: `yes` is neither 1"),
        ("\ta/3.jpg\t1", "line 2: an empty path"),
        ("a/1.jpg\ta/1.jpg\t1", "line 2: both images are the same"),
    ] {
        let found = refusal(&format!("{good}{line}\n"));
        assert!(found.contains(message), "{line:?}: {found}");
    }
}

/// A list sorted by kind: each fold holds pairs of both, each kind in its order.
#[test]
fn folds_of_paths_hold_both_kinds() {
    let files: Vec<String> = (0..40)
        .map(|at| format!("{:02}/{}.png", at / 4, at % 4))
        .collect();
    let names: Vec<&str> = files.iter().map(|file| &file[..]).collect();
    let (folder, dataset) = people(&names);
    let dataset = std::sync::Arc::new(dataset);
    let list = |same: usize, different: usize| {
        let mut text = String::new();
        for at in 0..same {
            text += &format!(
                "{}\t{}\t1\n",
                names[4 * (at % 10)],
                names[4 * (at % 10) + 1 + at / 10]
            );
        }
        for at in 0..different {
            text += &format!("{}\t{}\t0\n", names[at], names[at + 4]);
        }
        let path = folder.path().join("pairs.txt");
        std::fs::write(&path, text).unwrap();
        Protocol::PairsFile { path, train: None }
    };
    let pictures = folder.path().join("people");
    let picture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../data/tests/fixtures/made/images/png_grey.png");
    for name in &names {
        std::fs::copy(&picture, pictures.join(name)).unwrap();
    }
    // The same network for everything: distance 0, so that all pairs are taken for the same and the mistakes are the different ones.
    let mut table = super::support::Table::new(2, [0.6, 0.8].repeat(40));
    let found = list(20, 10).run(&dataset, &mut table).unwrap();
    let decision = found.decision.unwrap();
    assert_eq!(decision.folds.len(), 10);
    for fold in &decision.folds {
        let right = decision.correct[fold.pairs.clone()]
            .iter()
            .filter(|right| **right);
        assert_eq!((fold.pairs.len(), right.count()), (3, 2));
    }
    let message = |same, different| {
        let error = list(same, different).check(&dataset).unwrap_err();
        error.to_string()
    };
    assert!(
        message(9, 30)
            .ends_with("pairs.txt: 10 pairs of the same identity are needed, but there are 9")
    );
    assert!(
        message(30, 9).ends_with("10 pairs of different identities are needed, but there are 9")
    );
}

proptest! {
    /// Whatever the text: a list whose counts fit its first line, or an error with a line.
    #[test]
    fn any_text(text in "[0-9A-B\\t\\n \r]{0,60}") {
        match parse(&text) {
            Ok(list) if list.is_of_paths() => prop_assert!(text.contains('\t')),
            Ok(list) => prop_assert_eq!(list.pairs.iter().filter(|pair| pair.same).count() * 2, list.pairs.len()),
            Err(error) => prop_assert!(error.to_string().starts_with("pairs.txt, line ")),
        }
    }

    #[test]
    fn any_characters(text in any::<String>()) {
        let _ = parse(&text);
        let _ = parse(&format!("1\nA\t1\t2\n{text}"));
    }
}
