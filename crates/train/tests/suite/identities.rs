//! Which identities a list selects.

use std::path::PathBuf;

use ffc_data::{Dataset, ImageCounts, SourceConfig, SyntheticConfig};
use ffc_train::config::DataConfig;

use super::support::assert_says;

/// The names of the identities that a list selects, as the position in the list gives them.
fn listed(data: &DataConfig, list: &str) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.txt");
    std::fs::write(&path, list).unwrap();
    let data = DataConfig {
        identities: Some(path),
        index: Some(folder.path().join("index")),
        ..data.clone()
    };
    let names = |dataset: &Dataset| {
        let first = |identity| dataset.index().images_of(identity).start;
        let identities = 0..dataset.index().identities();
        identities
            .map(|identity| dataset.display_name(first(identity)).unwrap())
            .collect()
    };
    let opened = data.open(&mut |_| {});
    opened
        .map(|set| names(&set))
        .map_err(|error| error.to_string())
}

/// Forty identities with numbers for names.
fn numbered() -> DataConfig {
    DataConfig {
        source: Some(SourceConfig::Synthetic(SyntheticConfig {
            identities: 40,
            images: ImageCounts::Equal { images: 2 },
            size_px: 16,
            ..Default::default()
        })),
        ..Default::default()
    }
}

fn fixture(name: &str) -> DataConfig {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data/tests/fixtures");
    DataConfig {
        path: Some(fixtures.join(name)),
        ..Default::default()
    }
}

/// The names of all identities.
fn labels(data: &DataConfig) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let data = DataConfig {
        index: Some(folder.path().join("index")),
        ..data.clone()
    };
    let dataset = data.open(&mut |_| {}).unwrap();
    let index = dataset.index();
    let names = (0..index.identities()).map(|identity| index.name_of(identity).unwrap());
    names.collect()
}

#[test]
fn a_first_entry_that_is_a_number_is_an_identity() {
    let whole = |list: &str| listed(&numbered(), list).unwrap();
    let one = |identity: u64| format!("synthetic identity {identity}, image 0");
    assert_eq!(whole("0\n7\n5\n"), [one(0), one(7), one(5)]);
    assert_eq!(whole("0"), [one(0)]);
    assert_eq!(whole("\n\n12\t3\r\n\r\n  3\n"), [one(12), one(3)]);
    // LFW's way: two follow, and there is no identity of this name.
    let list: Vec<String> = (0..40).map(|identity| format!("{identity}\t2")).collect();
    assert_eq!(whole(&format!("40\n{}\n\n", list.join("\n"))).len(), 40);
}

/// The sets whose identities have labels for names.
#[test]
fn lists_of_labels() {
    for name in ["golden/im2rec.rec", "golden/ffc_a.lmdb"] {
        let all = fixture(name);
        let labels = labels(&all);
        assert!(labels.contains(&"0".to_owned()), "{labels:?}");
        let found = listed(&all, &labels.join("\n")).unwrap();
        assert_eq!(found.len(), labels.len(), "{name}");
    }
}

#[test]
fn entries_that_name_nothing() {
    for (list, parts) in [
        ("3\nnobody\n", &["line 2", "no identity \"nobody\""][..]),
        (
            "77\n3\n4\n",
            &["line 1", "no identity \"77\"", "2 lines follow"],
        ),
        ("3\n\n\t4\n", &["line 3", "no identity \"\""]),
        ("3\n4\n3\t8\n", &["line 3", "\"3\" is listed a second time"]),
        (
            "2\n8\n9\n",
            &[
                "line 1",
                "names an identity",
                "remove the line",
                "move it down",
            ],
        ),
        ("\n", &["list.txt: lists no identity"]),
    ] {
        assert_says(&listed(&numbered(), list).unwrap_err(), parts);
    }
}
