use std::path::Path;

use ffc_train::Error;
use ffc_train::run::{
    Metric, MetricsWriter, StepMetrics, Values, read_known_metrics, read_metrics,
};

use super::support::{
    QUANTITIES, assert_says, evaluation, evaluation_metrics, event_files, step, step_metrics,
};

fn text(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn write(folder: &Path, at: u64, metrics: &[Metric]) {
    let mut writer = MetricsWriter::open(folder, at, &[], &QUANTITIES).unwrap();
    for metric in metrics {
        writer.write(metric).unwrap();
    }
    writer.sync().unwrap();
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = [evaluation(0), step(10), step(20), evaluation(20)];
    write(folder.path(), 0, &metrics);
    assert_eq!(
        read_metrics(folder.path().join("metrics.jsonl")).unwrap(),
        metrics
    );
}

#[test]
fn lines_are_json_objects_with_their_kind() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 0, &[step(10), evaluation(10)]);
    let text = text(folder.path(), "metrics.jsonl");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["kind"], "step");
    assert_eq!(lines[0]["loss"], 38.75);
    assert_eq!(lines[1]["kind"], "evaluation");
    assert_eq!(lines[1]["name"], "lfw");
}

#[test]
fn numbers_that_are_not_finite_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let diverged = StepMetrics {
        loss: f64::NAN,
        gradient_norm: f64::INFINITY,
        learning_rate: f64::NEG_INFINITY,
        head: Values::from_iter([("target_cosine", Some(f64::NAN))]),
        ..step_metrics(10)
    };
    write(folder.path(), 0, &[Metric::Step(diverged)]);
    // Anything that reads JSON reads the line.
    let line: serde_json::Value =
        serde_json::from_str(&text(folder.path(), "metrics.jsonl")).unwrap();
    assert_eq!(line["loss"], "NaN");
    let metrics = read_metrics(folder.path().join("metrics.jsonl")).unwrap();
    let [Metric::Step(metrics)] = &metrics[..] else {
        panic!("{metrics:?}")
    };
    assert!(metrics.loss.is_nan() && metrics.head.get("target_cosine").unwrap().is_nan());
    assert_eq!(metrics.gradient_norm, f64::INFINITY);
    assert_eq!(metrics.learning_rate, f64::NEG_INFINITY);
    assert_says(&text(folder.path(), "metrics.csv"), &["NaN", ",inf,"]);
}

#[test]
fn tables_have_the_columns_of_the_struct() {
    let folder = tempfile::tempdir().unwrap();
    let named = evaluation_metrics(20, "a \"b\", c");
    write(
        folder.path(),
        0,
        &[step(10), step(20), Metric::Evaluation(named.clone())],
    );

    // JSON keeps the fields' names too: the columns are those, in the struct's order.
    let line = serde_json::to_string(&step_metrics(10)).unwrap();
    let mut table = csv::Reader::from_path(folder.path().join("metrics.csv")).unwrap();
    let columns: Vec<String> = table.headers().unwrap().iter().map(str::to_owned).collect();
    let places: Vec<usize> = columns
        .iter()
        .map(|column| line.find(&format!("\"{column}\":")).unwrap())
        .collect();
    assert!(places.is_sorted());
    let fields: serde_json::Map<_, _> = serde_json::from_str(&line).unwrap();
    assert_eq!(columns.len(), fields.len());
    let rows: Vec<StepMetrics> = table.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows[0], step_metrics(10));
    // A field that is empty.
    assert_eq!((rows.len(), rows[1].step), (2, 20));
    assert_eq!(rows[1].head.get("target_cosine"), None);
    assert_eq!(rows[1].head.get("evictions"), Some(3.0));

    let mut table = csv::Reader::from_path(folder.path().join("evaluations.csv")).unwrap();
    let record = table.records().next().unwrap().unwrap();
    assert_eq!(&record[0], "20");
    assert_eq!(record[1], named.name);
}

#[test]
fn a_resumed_run_equals_one_that_never_stopped() {
    let all = [
        evaluation(0),
        step(10),
        step(20),
        evaluation(20),
        step(30),
        step(40),
        evaluation(40),
    ];
    let whole = tempfile::tempdir().unwrap();
    write(whole.path(), 0, &all);

    // The checkpoint was made at step 20, the crash came after step 40.
    let resumed = tempfile::tempdir().unwrap();
    write(resumed.path(), 0, &all[..6]);
    write(resumed.path(), 20, &all[4..]);
    for name in ["metrics.jsonl", "metrics.csv", "evaluations.csv"] {
        assert_eq!(
            text(whole.path(), name),
            text(resumed.path(), name),
            "{name}"
        );
    }
    assert_eq!(event_files(resumed.path()).len(), 2);
    // Nothing temporary stays.
    assert_eq!(std::fs::read_dir(resumed.path()).unwrap().count(), 5);
}

#[test]
fn a_new_run_begins_with_empty_files() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 0, &[]);
    for name in ["metrics.jsonl", "metrics.csv", "evaluations.csv"] {
        assert_eq!(text(folder.path(), name), "");
    }
    assert!(
        read_metrics(folder.path().join("metrics.jsonl"))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_torn_last_line_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 0, &[step(10), step(20), step(30)]);
    let path = folder.path().join("metrics.jsonl");
    let whole = std::fs::read(&path).unwrap();
    let line = whole.len() / 3;
    // However much of the last line reached the disk.
    for lost in 2..line {
        std::fs::write(&path, &whole[..whole.len() - lost]).unwrap();
        assert_eq!(
            read_metrics(&path).unwrap(),
            [step(10), step(20)],
            "{lost} lost"
        );
    }
    write(folder.path(), 30, &[step(30)]);
    assert_eq!(std::fs::read(&path).unwrap(), whole);
}

#[test]
fn a_last_line_without_its_end_stays() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 0, &[step(10), step(20)]);
    let path = folder.path().join("metrics.jsonl");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(read_metrics(&path).unwrap(), [step(10), step(20)]);
    write(folder.path(), 20, &[]);
    assert_eq!(std::fs::read(&path).unwrap(), whole);
}

#[test]
fn a_damaged_line_is_an_error_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 0, &[step(10), step(20), step(30)]);
    let path = folder.path().join("metrics.jsonl");
    let whole = text(folder.path(), "metrics.jsonl");
    for (from, to) in [
        ("\"step\":20", "\"step\":2x"),
        ("\"step\":20", "\"step\":-20"),
        ("\"loss\":37.5", "\"loss\":\"much\""),
        ("\"loss\":37.5", "\"loss\":null"),
        ("\"loss\":37.5,", ""),
        ("\"loss\":37.5", "\"lost\":37.5"),
    ] {
        let damaged = whole.replacen(from, to, 1);
        assert_ne!(damaged, whole);
        std::fs::write(&path, &damaged).unwrap();
        for error in [
            read_metrics(&path).unwrap_err(),
            MetricsWriter::open(folder.path(), 30, &[], &QUANTITIES)
                .err()
                .unwrap(),
        ] {
            assert!(matches!(error, Error::Line { line: 2, .. }), "{error:?}");
            assert_says(&error.to_string(), &["metrics.jsonl, line 2: "]);
        }
        assert_eq!(text(folder.path(), "metrics.jsonl"), damaged);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
}

/// Another version may write more: kinds that are not known are counted where that is asked for, keys are no reason to refuse a line.
#[test]
fn lines_of_unknown_kinds() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 0, &[step(10), evaluation(10)]);
    let path = folder.path().join("metrics.jsonl");
    let known = text(folder.path(), "metrics.jsonl");
    let newer = known
        .replace("\"loss\"", "\"memory_mib\":1024.5,\"loss\"")
        .replace("\"value\"", "\"pairs\":6000,\"value\"");
    let odd = "{\"kind\":\"temperature\",\"step\":10,\"celsius\":[61]}\n{\"kind\":\"end\"}\n";
    std::fs::write(&path, newer + odd).unwrap();
    let (metrics, unknown) = read_known_metrics(&path).unwrap();
    assert_eq!((metrics.len(), unknown), (2, 2));
    assert_eq!(metrics[1], evaluation(10));
    let error = read_metrics(&path).unwrap_err();
    assert_says(
        &error.to_string(),
        &["metrics.jsonl, line 3: ", "`temperature`"],
    );

    // What is no object with a kind is damaged, not unknown.
    for line in ["{\"step\":10}", "[1,2]", "{\"kind\":\"step\",\"step\":20}"] {
        std::fs::write(&path, format!("{known}{line}\n")).unwrap();
        let error = read_known_metrics(&path).unwrap_err();
        assert!(matches!(error, Error::Line { line: 3, .. }), "{error:?}");
    }
}

#[test]
fn a_missing_folder_is_an_error_with_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let message = MetricsWriter::open(&missing, 0, &[], &QUANTITIES)
        .err()
        .unwrap()
        .to_string();
    assert_says(&message, &["missing", "metrics.jsonl"]);
    let message = read_metrics(missing.join("metrics.jsonl"))
        .unwrap_err()
        .to_string();
    assert_says(&message, &["cannot open ", "metrics.jsonl"]);
}

/// Lines of versions that wrote other keys beside those of today, and what a later one may add.
#[test]
fn lines_with_other_keys_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let line = r#"{"kind":"step","step":5,"epoch":0.5,"loss":2.5,"learning_rate":0.1,"gradient_norm":1.0,"target_cosine":null,"fresh_share":0.25,"pool_fill":0.5,"evictions":3.0,"images_per_s":10.0,"data_wait_share":0.0,"elapsed_s":1.0,"host":"a","later":[1],"conflicts":"NaN"}"#;
    std::fs::write(folder.path().join("metrics.jsonl"), format!("{line}\n")).unwrap();
    let metrics = read_metrics(folder.path().join("metrics.jsonl")).unwrap();
    let [Metric::Step(metrics)] = &metrics[..] else {
        panic!("{metrics:?}")
    };
    let names: Vec<&str> = metrics.head.iter().map(|(name, _)| name).collect();
    let expected = [
        "target_cosine",
        "fresh_share",
        "pool_fill",
        "evictions",
        "conflicts",
    ];
    assert_eq!(names, expected);
    assert_eq!(metrics.head.get("fresh_share"), Some(0.25));
    assert_eq!(metrics.head.get("target_cosine"), None);
    assert!(metrics.head.get("conflicts").unwrap().is_nan());
}

/// Evaluations that were not all made when the run was saved are made once more.
#[test]
fn evaluations_that_are_due_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 0, &[evaluation(0), step(10), evaluation(10)]);
    drop(MetricsWriter::open(folder.path(), 10, &["lfw"], &QUANTITIES).unwrap());
    let kept = read_metrics(folder.path().join("metrics.jsonl")).unwrap();
    assert_eq!(kept, [evaluation(0), step(10)]);
}
