//! What belongs to a process as a whole, its working folder, its limits and its end, is tested in one of its own: this program once more,
//! which runs the test `child` alone and does there what `PART` says.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use ffc_files::{NewFile, write};

use super::new_file::names;

const PART: &str = "FFC_FILES_PART";
/// What the child says when the kill may come.
const READY: &str = "half of it is written";

/// This program in `folder`, after the shell did `first`.
fn process(folder: &Path, part: &str, first: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{first} exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["process::child", "--exact", "--ignored", "--nocapture"])
        .current_dir(folder)
        .env(PART, part);
    command
}

#[test]
#[ignore = "the other tests run it in a process of its own"]
fn child() {
    match std::env::var(PART).as_deref() {
        Ok("write") => write("file", "new").unwrap(),
        Ok("write until killed") => {
            let mut file = NewFile::create("file").unwrap();
            file.write_all(b"ne").unwrap();
            file.flush().unwrap();
            println!("\n{READY}");
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
        }
        Ok("write too much") => {
            // At once, where the write itself fails, and within the buffer, where finishing does.
            for size in [1 << 20, 5000] {
                let error = write("file", vec![7; size]).unwrap_err();
                assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
            }
        }
        // Not by one of them.
        _ => {}
    }
}

fn assert_passes(mut command: Command) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
fn a_mere_name_is_in_the_working_folder() {
    let folder = tempfile::tempdir().unwrap();
    assert_passes(process(folder.path(), "write", ""));
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"new");
    assert_eq!(names(folder.path()), ["file"]);
}

#[test]
fn permissions_are_as_the_umask_has_them() {
    for (umask, mode) in [("022", 0o644), ("027", 0o640)] {
        let folder = tempfile::tempdir().unwrap();
        assert_passes(process(folder.path(), "write", &format!("umask {umask};")));
        let metadata = fs::metadata(folder.path().join("file")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode);
    }
}

#[test]
fn a_kill_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path().join("file"), "old").unwrap();
    let mut killed = process(folder.path(), "write until killed", "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(killed.stdout.take().unwrap()).lines();
    let ready = lines.map(Result::unwrap).any(|line| line == READY);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(ready);
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"old");
    let [aside, _] = &names(folder.path())[..] else {
        panic!("{:?}", names(folder.path()));
    };
    assert_eq!(fs::read(folder.path().join(aside)).unwrap(), b"ne");
    assert!(aside.starts_with(".ffc-"), "{aside}");
}

/// No disk can be filled here; a limit of the size of files fails the same calls.
#[test]
fn a_full_disk_is_an_error_and_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path().join("file"), "old").unwrap();
    // In blocks of 512 or 1024 bytes; without the trap the signal ends the process.
    let limit = "trap '' XFSZ; ulimit -f 2;";
    assert_passes(process(folder.path(), "write too much", limit));
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["file"]);
}
