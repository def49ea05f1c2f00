//! LMDB databases: of FFC's tools and of python-lmdb, and of several users in one process.

use std::path::Path;
use std::sync::Arc;

use ffc_data::{Dataset, ListLoader, LmdbPart, SourceConfig};

use super::formats::{check, golden, made};
use super::support::{copies, encoded, open, open_config, small};

#[test]
fn lmdb_with_both_schemas() {
    for name in ["ffc_a", "ffc_b"] {
        let folder = copies(&[
            &format!("golden/{name}.lmdb"),
            &format!("golden/{name}.txt"),
        ]);
        check(
            &open(&folder.path().join(format!("{name}.lmdb"))).unwrap(),
            &golden(),
        );
        assert!(!folder.path().join(format!("{name}.lmdb/lock.mdb")).exists());
    }
}

#[test]
fn lmdb_databases_are_joined_with_label_offsets() {
    let names = ["pylmdb", "pylmdb_wide"];
    let folder = copies(&[
        "made/pylmdb.lmdb",
        "made/pylmdb.txt",
        "made/pylmdb_wide.lmdb",
        "made/pylmdb_wide.txt",
    ]);
    let mut expected = made("pylmdb.lmdb");
    expected.extend(
        made("pylmdb_wide.lmdb")
            .into_iter()
            .map(|(label, sha)| (label + 3, sha)),
    );
    for offset in [None, Some(3)] {
        let parts = names.iter().map(|name| LmdbPart {
            database: folder.path().join(format!("{name}.lmdb")),
            list: folder.path().join(format!("{name}.txt")),
            label_offset: offset.filter(|_| *name == "pylmdb_wide"),
        });
        let config = SourceConfig::Lmdb {
            parts: parts.collect(),
        };
        let _ = std::fs::remove_file(config.index_path().unwrap());
        check(&open_config(&config).unwrap(), &expected);
    }
}

#[test]
fn an_lmdb_list_with_a_byte_order_mark() {
    let folder = copies(&["made/pylmdb.lmdb", "made/pylmdb.txt"]);
    let list = folder.path().join("pylmdb.txt");
    let text = std::fs::read_to_string(&list).unwrap();
    std::fs::write(&list, format!("\u{feff}{text}")).unwrap();
    check(
        &open(&folder.path().join("pylmdb.lmdb")).unwrap(),
        &made("pylmdb.lmdb"),
    );
}

#[test]
fn labels_out_of_order_and_gaps() {
    let folder = copies(&["made/pylmdb.lmdb", "made/pylmdb.txt"]);
    let list = folder.path().join("pylmdb.txt");
    let text = std::fs::read_to_string(&list).unwrap();
    // Backwards, and label 2 becomes 9.
    let lines = text
        .lines()
        .rev()
        .map(|line| line.replace(" 2", " 9") + "\n");
    std::fs::write(&list, lines.collect::<String>()).unwrap();
    let config = SourceConfig::detect(&folder.path().join("pylmdb.lmdb")).unwrap();
    let message = open_config(&config).unwrap_err().to_string();
    assert!(
        message.contains("no image has label 2") && message.contains("label 9"),
        "{message}"
    );
    let build = ffc_data::BuildConfig {
        close_gaps: true,
        ..Default::default()
    };
    let dataset = Dataset::open_or_build(&config, &build, &mut |_| {}).unwrap();
    let index = dataset.index();
    assert_eq!((index.identities(), index.images()), (3, 5));
    let names: Vec<_> = (0..3)
        .map(|identity| index.name_of(identity).unwrap())
        .collect();
    assert_eq!(names, ["0", "1", "9"]);
    assert!(
        dataset.origin(0).contains("pylmdb_0_"),
        "{}",
        dataset.origin(0)
    );
    assert!(
        dataset.origin(4).contains("pylmdb_2_"),
        "{}",
        dataset.origin(4)
    );
}

fn database() -> tempfile::TempDir {
    copies(&["golden/ffc_a.lmdb", "golden/ffc_a.txt"])
}

fn all(dataset: &Dataset) -> Vec<Vec<u8>> {
    let images = 0..dataset.index().images();
    images.map(|image| encoded(dataset, image)).collect()
}

/// As training and evaluation on one database have it. LMDB itself refuses to open an environment twice.
#[test]
fn one_database_is_shared() {
    let folder = database();
    let path = folder.path().join("ffc_a.lmdb");
    let first = Arc::new(open(&path).unwrap());
    let truth = all(&first);
    // By other names of the same file too.
    std::fs::copy(folder.path().join("ffc_a.txt"), path.join("data.txt")).unwrap();
    for other in [
        path.clone(),
        path.join("../ffc_a.lmdb"),
        path.join("data.mdb"),
    ] {
        let second = Arc::new(open(&other).unwrap());
        let images: Vec<u64> = (0..second.index().images()).collect();
        let loaders = [&first, &second]
            .map(|dataset| ListLoader::new(dataset.clone(), images.clone(), &small(4)).unwrap());
        let [a, b] = loaders.map(|loader| -> Vec<_> {
            loader
                .map(|batch| batch.unwrap().pixels().to_vec())
                .collect()
        });
        assert_eq!(a, b);
        assert_eq!(all(&second), truth);
    }
    assert_eq!(all(&first), truth, "others were dropped");
}

/// When its last user is gone an environment is closed: another file in its place can be opened.
#[test]
fn the_last_user_closes_a_database() {
    let folder = database();
    let path = folder.path().join("ffc_a.lmdb");
    let truth = all(&open(&path).unwrap());
    let dataset = open(&path).unwrap();
    let other = copies(&["golden/ffc_b.lmdb", "golden/ffc_b.txt"]);
    let replace = |name: &str| {
        std::fs::copy(other.path().join("ffc_b.lmdb").join(name), path.join("new")).unwrap();
        std::fs::rename(path.join("new"), path.join(name)).unwrap();
    };
    replace("data.mdb");
    let message = open(&path).unwrap_err().to_string();
    assert!(message.contains("written to while"), "{message}");
    assert_eq!(
        all(&dataset),
        truth,
        "the file that was opened is still read"
    );
    drop(dataset);
    let list = |from: &Path| std::fs::copy(from, folder.path().join("ffc_a.txt")).unwrap();
    list(&other.path().join("ffc_b.txt"));
    std::fs::remove_file(folder.path().join("ffc_a.lmdb.ffc-index")).unwrap();
    assert_eq!(
        all(&open(&path).unwrap()),
        truth,
        "the same images in the other schema"
    );
}

/// Opened by one thread while another closes it.
#[test]
fn users_come_and_go_on_many_threads() {
    let folder = database();
    let path = folder.path().join("ffc_a.lmdb");
    let truth = encoded(&open(&path).unwrap(), 3);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(encoded(&open(&path).unwrap(), 3), truth);
                }
            });
        }
    });
}
