//! Without the feature `lmdb`.

use ffc_data::Error;

use super::support::{copies, open};

/// A database is told by its path as ever; opening it names the feature.
#[test]
fn the_missing_feature_is_named() {
    let folder = copies(&["golden/ffc_a.lmdb", "golden/ffc_a.txt"]);
    let error = open(&folder.path().join("ffc_a.lmdb")).unwrap_err();
    assert!(matches!(
        error,
        Error::MissingFeature {
            feature: "lmdb",
            ..
        }
    ));
    let message = error.to_string();
    assert!(
        message.contains("ffc_a.lmdb") && message.contains("feature `lmdb`"),
        "{message}"
    );
}
