//! LMDB databases and their lists.

use std::sync::Arc;

use ffc_data::{InstanceLoader, LmdbPart, LoaderConfig, SourceConfig};
use tempfile::TempDir;

use super::{assert_says, message};
use crate::support::{copies, open, open_config};

#[test]
fn databases_and_lists() {
    let fresh = || copies(&["made/pylmdb.lmdb", "made/pylmdb.txt"]);
    let database = |folder: &TempDir| folder.path().join("pylmdb.lmdb");
    let list = |folder: &TempDir| folder.path().join("pylmdb.txt");

    let folder = fresh();
    std::fs::remove_file(list(&folder)).unwrap();
    assert_says(
        &message(&database(&folder)),
        &["pylmdb.lmdb", "needs its list", "pylmdb.txt"],
    );

    for (line, expected) in [
        ("pylmdb_0_0\n", "line 1: it is not a key and a label"),
        ("pylmdb_0_0 x\n", "line 1: it is not a key and a label"),
        ("pylmdb_0_0 4294967296\n", "not below 2^32"),
        (
            "pylmdb_0_0 1\nb 18446744073709551616\n",
            "line 2: it is not a key and a label",
        ),
    ] {
        let folder = fresh();
        std::fs::write(list(&folder), line).unwrap();
        assert_says(&message(&database(&folder)), &[expected]);
    }

    let folder = fresh();
    let text = std::fs::read_to_string(list(&folder)).unwrap();
    let of_last = text.replace("pylmdb_2_1 ", "pylmdb_0_0 ");
    std::fs::write(list(&folder), of_last).unwrap();
    assert_says(
        &message(&database(&folder)),
        &["pylmdb.txt", "entries 1 and 5", "same key"],
    );
    std::fs::write(list(&folder), format!("{text}pylmdb_0_0 1\n")).unwrap();
    assert_says(
        &message(&database(&folder)),
        &["pylmdb.txt", "names 6 keys", "holds 5 records", "twice"],
    );

    // The list of another database is told by its first key; a later key that is not there is an error of the step.
    let folder = fresh();
    std::fs::write(list(&folder), "nobody 0\n").unwrap();
    assert_says(
        &message(&database(&folder)),
        &["data.mdb", "key `nobody`", "no such key"],
    );
    std::fs::write(list(&folder), "pylmdb_0_0 1\nnobody 0\n").unwrap();
    let dataset = Arc::new(open(&database(&folder)).unwrap());
    let error = InstanceLoader::new(dataset, LoaderConfig::default(), 0)
        .unwrap()
        .next()
        .unwrap()
        .unwrap_err();
    assert_says(
        &error.to_string(),
        &["data.mdb", "key `nobody`", "no such key"],
    );

    // Cut off.
    let folder = fresh();
    let data = database(&folder).join("data.mdb");
    let bytes = std::fs::read(&data).unwrap();
    for length in [0, 100, 4096, 8192, bytes.len() - 4096] {
        std::fs::write(&data, &bytes[..length]).unwrap();
        assert_says(&message(&database(&folder)), &["data.mdb"]);
    }
    std::fs::write(&data, vec![7; 40_960]).unwrap();
    assert_says(&message(&database(&folder)), &["data.mdb"]);
    assert!(open_config(&SourceConfig::Lmdb { parts: Vec::new() }).is_err());

    // Named twice, all its images would be.
    let folder = fresh();
    let part = LmdbPart {
        database: database(&folder),
        list: list(&folder),
        label_offset: None,
    };
    let error = open_config(&SourceConfig::Lmdb {
        parts: vec![part.clone(), part],
    })
    .unwrap_err();
    assert_says(&error.to_string(), &["data.mdb", "named twice"]);
}
