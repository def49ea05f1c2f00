//! What the command says where something is wrong: one sentence, an exit code, never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

fn ffc(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ffc"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

#[track_caller]
fn fails(folder: &Path, arguments: &[&str], code: i32, parts: &[&str]) {
    let output = ffc(folder, arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    for part in parts {
        assert!(
            message.contains(part),
            "{arguments:?}: `{message}` does not say `{part}`"
        );
    }
    for word in ["panicked", "backtrace", "Error {", "\x1b"] {
        assert!(!message.contains(word), "{arguments:?}: {message}");
    }
    says_once(&message);
}

/// A cause is told once, not by the error and by its source.
#[track_caller]
fn says_once(message: &str) {
    for line in message.lines() {
        let mut parts: Vec<_> = line.split(": ").map(str::trim).collect();
        let all = parts.len();
        parts.sort_unstable();
        parts.dedup();
        assert_eq!(parts.len(), all, "said twice: `{line}`");
    }
}

#[track_caller]
fn works(folder: &Path, arguments: &[&str]) -> String {
    let output = ffc(folder, arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {message}");
    assert!(!message.contains('\x1b'), "colours in a pipe: {message}");
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with two people, six grey pictures of 16 x 16 each.
fn pictures(folder: &TempDir) -> PathBuf {
    let root = folder.path().join("people");
    for (person, shade) in [("ann", 40u8), ("bob", 200)] {
        fs::create_dir_all(root.join(person)).unwrap();
        for number in 0..6u8 {
            let mut file = b"P5\n16 16\n255\n".to_vec();
            file.extend((0..=255u8).map(|at| (at.wrapping_mul(number + 3) / 2) ^ shade));
            fs::write(root.join(person).join(format!("{number}.pgm")), file).unwrap();
        }
    }
    root
}

const TRAIN: &[&str] = &[
    "--quiet",
    "train",
    "synthetic",
    "--set",
    "training.length=2 steps",
    "--set",
    "data.source.size_px=16",
    "--set",
    "schedule.warm_up=0 steps",
    "--set",
    "evaluation=[]",
    "--set",
    "backbone={ network = \"compact\", width = 0.25, embedding = 16, height_px = 16, width_px = 16 }",
];

/// A run of two steps.
/// The same training without the size of drawn pictures: others have their own.
fn train_on_pictures() -> Vec<&'static str> {
    let drawn = |pair: &&[&str]| !pair.contains(&"data.source.size_px=16");
    let (command, settings) = TRAIN.split_at(3);
    let settings = settings.chunks(2).filter(drawn).flatten().copied();
    command.iter().copied().chain(settings).collect()
}

fn trained(folder: &Path) -> PathBuf {
    let mut arguments = TRAIN.to_vec();
    arguments.extend(["--out", "run"]);
    works(folder, &arguments);
    folder.join("run")
}

#[test]
fn wrong_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fails(at, &["train"], 2, &["CONFIG"]);
    fails(at, &["tarin"], 2, &["train"]);
    fails(at, &["eval"], 2, &["WEIGHTS"]);
    fails(at, &["embed"], 2, &["WEIGHTS", "--out"]);
    fails(at, &["data"], 2, &["inspect"]);
    fails(at, &["export"], 2, &["CHECKPOINT"]);
    fails(at, &["config"], 2, &["check"]);
    fails(at, &["report"], 2, &["RUN"]);
    fails(at, &["completions", "tcsh"], 2, &["bash"]);
    fails(
        at,
        &["train", "nothing"],
        2,
        &["neither a file nor a preset", "omniglot"],
    );
    fails(
        at,
        &["train", "synthetic", "--device", "tpu"],
        2,
        &["cpu", "cuda:N"],
    );
    fails(
        at,
        &["train", "synthetic", "--device", "cuda"],
        2,
        &["no cuda"],
    );
    fails(
        at,
        &["train", "synthetic", "--set", "head.pol=3"],
        2,
        &["did you mean `pool`"],
    );
    fails(
        at,
        &["train", "synthetic", "--set", "head.pool=3"],
        2,
        &["head.pool", "48"],
    );
    fails(
        at,
        &["train", "synthetic", "--set", "head.pool"],
        2,
        &["key=value"],
    );
    fails(at, &["config", "check", "nothing"], 2, &["neither"]);
    fails(at, &["config", "show", "nothing"], 2, &["neither"]);
    fails(at, &["report", "nothing"], 2, &["is no run"]);
    // Nothing was begun.
    assert!(fs::read_dir(at).unwrap().next().is_none());
}

#[test]
fn wrong_paths() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let missing = "No such file";
    fails(at, &["train", "face-112"], 1, &["faces", missing]);
    fails(
        at,
        &["train", "--resume", "nothing"],
        1,
        &["nothing", "no run lies there"],
    );
    fails(
        at,
        &["eval", "no.safetensors", "x", "--random-pairs", "9"],
        1,
        &["no.safetensors", missing],
    );
    fails(
        at,
        &["embed", "no.safetensors", "x", "--out", "a.csv"],
        1,
        &["no.safetensors", missing],
    );
    fails(
        at,
        &["embed", "no.safetensors", "x", "--out", "a.txt"],
        2,
        &["a.txt", ".csv"],
    );
    fails(
        at,
        &["data", "inspect", "nothing"],
        1,
        &["nothing", missing],
    );
    fails(at, &["data", "index", "nothing"], 1, &["nothing", missing]);
    fails(
        at,
        &["export", "nothing", "--out", "a.safetensors"],
        1,
        &["nothing", missing],
    );
    assert!(fs::read_dir(at).unwrap().next().is_none());
}

/// Numbers that are out of range, or more than the pictures give, are wrong arguments.
#[test]
fn wrong_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained(at);
    pictures(&folder);
    let weights = "run/last-gallery.safetensors";
    let eval = ["eval", weights, "people"];
    for (arguments, parts) in [
        (["--random-pairs", "3"], ["pairs is 3", "even"]),
        (["--random-pairs", "0"], ["pairs is 0", "even"]),
        (["--random-pairs", "8"], ["10 pairs", "are 8"]),
        (["--random-pairs", "1000"], ["500 pairs", "are 30"]),
        (["--random-pairs", "100000000"], ["pairs is", "2^24"]),
        (["--random-pairs", "-2"], ["unexpected argument", "-2"]),
        (["--random-pairs", "many"], ["--random-pairs", "many"]),
        (["--episodes", "1x1"], ["ways is 1", "2 to"]),
        (["--episodes", "2x0"], ["shots is 0", "1 to"]),
        (["--episodes", "3x1"], ["3 identities", "are 2"]),
        (["--episodes", "2x6"], ["2 identities", "are 0"]),
        (["--episodes", "2x-1"], ["2x-1", "20x1"]),
        (["--episodes", "20"], ["20", "20x1"]),
    ] {
        fails(at, &[&eval[..], &arguments].concat(), 2, &parts);
    }
    let pairs = [&eval[..], &["--random-pairs", "10"]].concat();
    let embed = ["embed", weights, "people", "--out", "a.csv"];
    for command in [&pairs[..], &embed] {
        for (argument, number, parts) in [
            ("--batch", "0", ["batch is 0", "1 to"]),
            ("--batch", "100000", ["batch is 100000", "65,536"]),
            ("--workers", "0", ["workers is 0", "1 to"]),
            ("--workers", "5000", ["workers is 5000", "1 to"]),
            ("--batch", "-1", ["unexpected argument", "-1"]),
        ] {
            fails(at, &[command, &[argument, number]].concat(), 2, &parts);
        }
    }
    assert!(!at.join("a.csv").exists());
}

#[test]
fn damaged_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let root = pictures(&folder);
    fs::write(root.join("bob/1.pgm"), b"P5\n16 16\n255\nshort").unwrap();
    let output = ffc(at, &["data", "inspect", "people", "--decode"]);
    assert_eq!(output.status.code(), Some(1));
    let found = String::from_utf8(output.stdout).unwrap();
    assert!(found.contains("12 images of 2 identities"), "{found}");
    assert!(
        found.contains("1 images cannot be decoded") && found.contains("bob"),
        "{found}"
    );
    let mut arguments = train_on_pictures();
    arguments.extend([
        "--set",
        "data.path=people",
        "--set",
        "loader.batch=2",
        "--set",
        "training.length=20 steps",
    ]);
    fails(at, &arguments, 1, &["bob", "1.pgm"]);

    fs::create_dir(at.join("empty")).unwrap();
    fails(at, &["data", "inspect", "empty"], 1, &["empty"]);
}

#[test]
fn from_training_to_embeddings() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let run = trained(at);
    pictures(&folder);
    let weights = "run/last-gallery.safetensors";

    works(at, &["embed", weights, "people", "--out", "all.csv"]);
    let mut table = csv::Reader::from_path(at.join("all.csv")).unwrap();
    assert_eq!(table.headers().unwrap().len(), 2 + 16);
    let rows: Vec<_> = table.records().map(|row| row.unwrap()).collect();
    assert_eq!(rows.len(), 12);
    assert!(rows[0][0].ends_with("ann/0.pgm") && &rows[0][1] == "ann");
    assert!(rows[11][0].ends_with("bob/5.pgm") && &rows[11][1] == "bob");

    works(
        at,
        &["embed", weights, "people", "--out", "all.safetensors"],
    );
    let bytes = fs::read(at.join("all.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("embeddings").unwrap().shape(), [12, 16]);
    let values: Vec<f32> = tensors
        .tensor("embeddings")
        .unwrap()
        .data()
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    let written: Vec<f32> = rows
        .iter()
        .flat_map(|row| row.iter().skip(2))
        .map(|value| value.parse().unwrap())
        .collect();
    assert_eq!(values, written);

    // A name with the separator in it.
    fs::create_dir_all(at.join("odd/smith, bob")).unwrap();
    fs::copy(
        at.join("people/bob/0.pgm"),
        at.join("odd/smith, bob/0, 1.pgm"),
    )
    .unwrap();
    works(at, &["embed", weights, "odd", "--out", "odd.csv"]);
    let mut table = csv::Reader::from_path(at.join("odd.csv")).unwrap();
    let row = table.records().next().unwrap().unwrap();
    assert_eq!((row.len(), &row[1]), (2 + 16, "smith, bob"));

    let found = works(at, &["eval", weights, "people", "--random-pairs", "10"]);
    assert!(
        found.contains("network: accuracy") && found.contains("raw pixels: accuracy"),
        "{found}"
    );

    // LFW's View 1: names and numbers, `<name>_0001`.
    for person in ["ann", "bob"] {
        fs::create_dir_all(at.join("lfw").join(person)).unwrap();
        for number in 0..2 {
            let from = at.join("people").join(person).join(format!("{number}.pgm"));
            let to = format!("{person}_{:04}.pgm", number + 1);
            fs::copy(from, at.join("lfw").join(person).join(to)).unwrap();
        }
    }
    fs::write(at.join("pairs.txt"), "1\nann\t1\t2\nann\t1\tbob\t1\n").unwrap();
    let view_1 = [
        "eval",
        weights,
        "lfw",
        "--pairs",
        "pairs.txt",
        "--train-pairs",
        "pairs.txt",
    ];
    let found = works(at, &view_1);
    assert!(found.contains("network: accuracy"), "{found}");

    works(at, &["export", "run", "--out", "out.safetensors"]);
    let [exported, last] =
        ["out.safetensors", weights].map(|name| fs::read(at.join(name)).unwrap());
    assert!(exported == last);

    works(
        at,
        &[
            "data",
            "sheet",
            "people",
            "--out",
            "sheet.png",
            "--size",
            "16",
        ],
    );
    assert!(
        fs::read(at.join("sheet.png"))
            .unwrap()
            .starts_with(b"\x89PNG")
    );

    fs::remove_file(run.join("report.html")).unwrap();
    works(at, &["report", "run"]);
    assert!(run.join("report.html").exists());

    // A finished run has nothing left to do.
    works(at, &["--quiet", "train", "--resume", "run"]);
    // A damaged weight file, and one of another network.
    fs::write(at.join("cut.safetensors"), &last[..last.len() / 2]).unwrap();
    fails(
        at,
        &["embed", "cut.safetensors", "people", "--out", "b.csv"],
        1,
        &["cut.safetensors"],
    );
    fails(
        at,
        &[
            "embed",
            weights,
            "people",
            "--out",
            "b.csv",
            "--config",
            "run/nothing.toml",
        ],
        1,
        &["nothing.toml"],
    );
}

/// Several protocols at once, what cannot be shown, and thresholds beside the weights or where they are asked for.
#[test]
fn several_protocols_and_thresholds() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained(at);
    pictures(&folder);
    let weights = "run/last-gallery.safetensors";
    let eval = |arguments: &[&str]| works(at, &[&["eval", weights, "people"], arguments].concat());
    let found = eval(&[
        "--random-pairs",
        "10",
        "--episodes",
        "2x1,2x2",
        "--tar-at-far=0.001,0.1",
        "--identification",
        "1",
        "--distractors",
        "0,6",
    ]);
    for part in [
        "network: accuracy, 10 random pairs ",
        "network: accuracy, 2-way 1-shot ",
        "network: accuracy, 2-way 2-shot ",
        "network: TAR@FAR 1e-1 ",
        "; reached FAR ",
        ", 30 same and 36 different pairs",
        "network: rank-1, 0 distractors ",
        "network: rank-1, 6 distractors ",
        "raw pixels: TAR@FAR 1e-1 ",
        "TAR@FAR 1e-3 is left out: 1000 pairs of different identities would show it, there are 36",
        "thresholds of the cosine, all pairs: 30 same and 36 different pairs",
        "FAR <= 1e-1 cosine ",
        "rough: ",
        "thresholds: run/last-gallery.thresholds.json",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
    let read = |name: &str| ffc_eval::ThresholdsFile::read(&at.join(name)).unwrap();
    let thresholds = read("run/last-gallery.thresholds.json");
    // The protocol with the most pairs.
    assert_eq!(thresholds.measured_on.pairs, "all pairs");
    assert_eq!(thresholds.measured_on.network, "last-gallery.safetensors");
    assert_eq!(thresholds.measured_on.weights_xxh3.unwrap().len(), 16);
    assert_eq!(thresholds.thresholds.same_pairs, 30);

    // Pairs by paths.
    let mut list = String::new();
    for number in 0..10 {
        let (a, b) = (number % 5, number % 5 + 1);
        let person = if number < 5 { "ann" } else { "bob" };
        list += &format!("{person}/{a}.pgm\t{person}/{b}.pgm\t1\n");
        list += &format!("ann/{a}.pgm\tbob/{}.pgm\t0\n", (number / 5) + a);
    }
    fs::write(at.join("own.txt"), list).unwrap();
    let found = eval(&[
        "--pairs",
        "own.txt",
        "--json",
        "--thresholds",
        "own.json",
        "--flip",
    ]);
    let evaluation: ffc_eval::Evaluation = serde_json::from_str(&found).unwrap();
    assert_eq!(evaluation.scores.unwrap().same.len(), 10);
    let thresholds = read("own.json");
    assert_eq!(thresholds.measured_on.pairs, "pairs of own.txt");
    assert!(thresholds.measured_on.flip);

    for (arguments, parts) in [
        (&[][..], &["name what is measured", "--random-pairs"][..]),
        (&["--bin", "a.bin"], &["a.bin", "people"]),
        (
            &["--bin", "a.bin", "--random-pairs", "10"],
            &["a.bin", "only one"],
        ),
        (&["--tar-at-far=0.1,x"], &["0.1,x", "1e-4,1e-3"]),
        (&["--tar-at-far=1e-9"], &["1000000000 pairs", "are 36"]),
        (
            &["--random-pairs", "10", "--distractors", "3"],
            &["--identification"],
        ),
        (&["--templates", "a.txt"], &["pairs is missing"]),
    ] {
        let command = [&["eval", weights, "people"], arguments].concat();
        fails(at, &command, 2, parts);
    }
    fs::write(at.join("own.txt"), "ann/0.pgm\tann/9.pgm\t1\n").unwrap();
    let command = ["eval", weights, "people", "--pairs", "own.txt"];
    fails(at, &command, 1, &["own.txt, line 1", "ann/9.pgm", "people"]);
}

/// The newest checkpoint is damaged: the one before it is taken, and the message says so.
#[test]
fn a_damaged_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut arguments = TRAIN.to_vec();
    arguments.extend(["--out", "run", "--set", "checkpoint.every=1 step"]);
    works(at, &arguments);
    let newest = at.join("run/checkpoints/step-0000000002/pool.bpk");
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(&newest, bytes).unwrap();
    let output = ffc(at, &["train", "--resume", "run"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{message}");
    for part in [
        "passed over",
        "step-0000000002",
        "pool.bpk",
        "step-0000000001",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

/// A failed run has its report too. Where none can be written that is said, and a failed run's own error stays.
#[test]
fn reports_of_failed_runs() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let arguments = |out| [&TRAIN[1..], &["--out", out]].concat();
    let diverges = [
        "--set",
        "optimizer={ kind = \"sgd\", learning_rate = 1e30, momentum = 0.0, nesterov = false }",
        "--set",
        "training.length=8 steps",
    ];
    let failing = |out| [&arguments(out)[..], &diverges].concat();
    fails(at, &failing("run"), 1, &["at step", "learning rate"]);
    let page = fs::read_to_string(at.join("run/report.html")).unwrap();
    assert!(page.contains("<h2>Training</h2>"));

    for out in ["failed", "finished"] {
        fs::create_dir_all(at.join(out).join("report.html/in the way")).unwrap();
    }
    let parts = [
        "error: the loss",
        "at step",
        "no report: cannot write failed/report.html",
    ];
    fails(at, &failing("failed"), 1, &parts);
    let parts = ["error: cannot write finished/report.html"];
    fails(at, &arguments("finished"), 1, &parts);
    assert!(at.join("finished/last-gallery.safetensors").exists());
}

/// Where the disk is full the run ends with a message and the checkpoint from before is whole.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let small = at.join("small");
    fs::create_dir(&small).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
        .arg(&small)
        .output();
    if !mount.is_ok_and(|output| output.status.success()) {
        println!("skipped: no right to mount a small disk");
        return;
    }
    let mut arguments = TRAIN.to_vec();
    arguments.extend([
        "--out",
        "small/run",
        "--set",
        "checkpoint.every=1 step",
        "--set",
        "checkpoint.keep=100",
        "--set",
        "training.length=100 steps",
    ]);
    let output = ffc(at, &arguments);
    let resumed = ffc(at, &["export", "small/run", "--out", "kept.safetensors"]);
    let _ = Command::new("umount").arg(&small).output();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("No space left"), "{message}");
    assert!(
        resumed.status.success(),
        "{}",
        String::from_utf8_lossy(&resumed.stderr)
    );
}

/// Ctrl-C saves a checkpoint and stops; the run goes on from there.
#[cfg(unix)]
#[test]
fn ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut arguments = TRAIN.to_vec();
    arguments.extend([
        "--out",
        "run",
        "--set",
        "training.length=1000000 steps",
        "--set",
        "training.log=1 step",
        "--set",
        "training.evaluate=1000000 steps",
        "--set",
        "checkpoint.every=1000000 steps",
    ]);
    let process = Command::new(env!("CARGO_BIN_EXE_ffc"))
        .args(&arguments)
        .current_dir(at)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The first lines of metrics tell that it trains.
    let metrics = at.join("run/metrics.jsonl");
    let begin = std::time::Instant::now();
    while fs::metadata(&metrics).map_or(0, |metadata| metadata.len()) == 0 {
        assert!(begin.elapsed().as_secs() < 60, "it does not begin");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // Built into every shell.
    let kill = format!("kill -INT {}", process.id());
    let asked = Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(asked.success());
    let output = process.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("ffc train --resume run"), "{text}");
    assert!(text.contains("report: run/report.html"), "{text}");
    assert!(at.join("run/report.html").exists());

    let checkpoints: Vec<_> = fs::read_dir(at.join("run/checkpoints")).unwrap().collect();
    // That of the start, and that of the stop.
    assert_eq!(checkpoints.len(), 2);
    let steps = text.split("stopped after ").nth(1).unwrap();
    let steps: u64 = steps.split(' ').next().unwrap().parse().unwrap();
    let length = format!("training.length={} steps", steps + 2);
    let resume = ["--quiet", "train", "--resume", "run", "--set", &length];
    let log = "checkpoint.every=1 step";
    works(at, &[&resume[..], &["--set", log]].concat());
    let lines = fs::read_to_string(&metrics).unwrap();
    assert_eq!(lines.lines().count() as u64, steps + 2);
}

/// A resumed run that is at its end is told so, and no file is touched; with another length it goes on.
#[test]
fn a_finished_run_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    trained(at);
    let files = || {
        let mut files = Vec::new();
        let mut folders = vec![at.join("run")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => files.push((fs::read(&path).unwrap(), path)),
                }
            }
        }
        files.sort();
        files
    };
    let before = files();
    let told = works(at, &["train", "--resume", "run"]);
    assert!(told.contains("nothing to do"), "{told}");
    assert!(files() == before);
    let longer = ["--set", "training.length=9 steps"];
    let longer = [&["--quiet", "train", "--resume", "run"], &longer[..]].concat();
    works(at, &longer);
    assert!(files() != before);
}

/// A process that does not outlive its test.
#[cfg(unix)]
struct Alive(std::process::Child);

#[cfg(unix)]
impl Drop for Alive {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A mapped index that is cut off while a training uses it ends that with a message, not without a word.
#[cfg(unix)]
#[test]
fn an_index_that_shrinks() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    pictures(&folder);
    let mut arguments = train_on_pictures();
    arguments.extend([
        "--out",
        "run",
        "--set",
        "data.path=people",
        "--set",
        "loader.batch=2",
        "--set",
        "training.length=1000000 steps",
        "--set",
        "training.log=1 step",
        "--set",
        "training.evaluate=1000000 steps",
    ]);
    let errors = at.join("errors");
    let process = Command::new(env!("CARGO_BIN_EXE_ffc"))
        .args(&arguments)
        .current_dir(at)
        .stdout(std::process::Stdio::null())
        .stderr(fs::File::create(&errors).unwrap())
        .spawn();
    let mut process = Alive(process.unwrap());
    let metrics = at.join("run/metrics.jsonl");
    let begin = std::time::Instant::now();
    while fs::metadata(&metrics).map_or(0, |metadata| metadata.len()) == 0 {
        assert!(begin.elapsed().as_secs() < 60, "it does not begin");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    fs::OpenOptions::new()
        .write(true)
        .open(at.join("people.ffc-index"))
        .unwrap()
        .set_len(0)
        .unwrap();
    let status = loop {
        if let Some(status) = process.0.try_wait().unwrap() {
            break status;
        }
        assert!(begin.elapsed().as_secs() < 120, "it goes on");
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    let message = fs::read_to_string(errors).unwrap();
    assert_eq!(status.code(), Some(1), "{message}");
    assert!(
        message.contains("a file that is mapped into memory"),
        "{message}"
    );
}
