//! LMDB databases that several users of a process read.

use std::path::Path;
use std::sync::Arc;

use ffc_data::{Dataset, ListLoader};

use super::support::{copies, encoded, open, small};

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
