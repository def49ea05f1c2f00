use ffc_files::FolderLock;

#[test]
fn one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!FolderLock::is_taken(folder.path()));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let lock = FolderLock::take(folder.path()).unwrap().unwrap();
    assert!(FolderLock::is_taken(folder.path()));
    assert!(FolderLock::take(folder.path()).unwrap().is_none());
    drop(lock);
    assert!(!FolderLock::is_taken(folder.path()));
    assert!(FolderLock::take(folder.path()).unwrap().is_some());
    assert!(FolderLock::take(folder.path().join("missing")).is_err());
}
