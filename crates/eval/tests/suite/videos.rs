//! YouTube Faces' protocol against a program of plain loops.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ffc_data::Dataset;
use ffc_eval::{Protocol, VideoPairs};
use ffc_random::Key;

use super::support::{Table, normalised, random};

/// Three videos of each of twelve people, of one to five frames, with drawn embeddings.
fn videos(folder: &Path) -> (Arc<Dataset>, Table, Vec<String>) {
    let picture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../data/tests/fixtures/made/images/png_grey.png");
    let mut rng = Key::new(3, 96).rng(0);
    let mut names = Vec::new();
    for person in 0..12 {
        for video in 0..3 {
            let name = format!("person_{person:02}/{video}");
            let frames = folder.join("frames").join(&name);
            std::fs::create_dir_all(&frames).unwrap();
            for frame in 0..1 + rng.below(5) {
                std::fs::copy(&picture, frames.join(format!("{video}.{frame}.png"))).unwrap();
            }
            names.push(name);
        }
    }
    let dataset = Arc::new(Dataset::from_path(&folder.join("frames")).unwrap());
    let dim = 6;
    let mut noise = random(4);
    let mut values = Vec::new();
    for image in 0..dataset.index().images() {
        let name = dataset.display_name(image).unwrap();
        let person: u64 = name["person_".len()..][..2].parse().unwrap();
        let mut own = random(70 + person);
        values.extend((0..dim).map(|_| own() + 1.4 * noise()));
    }
    (dataset, Table::new(dim, values), names)
}

/// Ten splits in no order, of six to nine pairs.
fn pairs(names: &[String]) -> Vec<(u32, String, String, bool)> {
    let mut rng = Key::new(5, 96).rng(0);
    let mut pairs = Vec::new();
    for split in [3, 1, 2, 10, 9, 8, 7, 5, 6, 4] {
        for number in 0..6 + rng.below(4) {
            let a = rng.below(names.len() as u64) as usize;
            let b = match number % 2 {
                0 => a / 3 * 3 + (a + 1) % 3,
                _ => (a + 3 + rng.below(30) as usize) % names.len(),
            };
            pairs.push((split, names[a].clone(), names[b].clone(), a / 3 == b / 3));
        }
    }
    pairs
}

fn write(folder: &Path, pairs: &[(u32, String, String, bool)]) -> PathBuf {
    let mut text =
        "split number, first name, second name, first video, second video, is same\r\n".to_owned();
    for (split, a, b, same) in pairs {
        let name = |video: &str| video.split('/').next().unwrap().to_owned();
        let same = u8::from(*same);
        write!(
            text,
            "{split}, {}, {}, {a}, {b}, {same}, {same}\r\n",
            name(a),
            name(b)
        )
        .unwrap();
    }
    let path = folder.join("splits.txt");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn splits_are_decided_as_a_naive_program_does() {
    let folder = tempfile::tempdir().unwrap();
    let (dataset, mut table, names) = videos(folder.path());
    let pairs = pairs(&names);
    let path = write(folder.path(), &pairs);
    let found = Protocol::Videos { path }.run(&dataset, &mut table).unwrap();

    let mean = |video: &str| {
        let mut sum = vec![0.0; table.dim];
        for image in 0..dataset.index().images() {
            if dataset
                .display_name(image)
                .unwrap()
                .starts_with(&format!("{video}/"))
            {
                let row = table.row(image);
                sum.iter_mut()
                    .zip(row)
                    .for_each(|(sum, value)| *sum += value);
            }
        }
        normalised(sum)
    };
    let distance = |a: &str, b: &str| -> f64 {
        mean(a)
            .iter()
            .zip(mean(b))
            .map(|(a, b)| (a - b).powi(2))
            .sum()
    };
    let measured: Vec<(u32, f64, bool)> = pairs
        .iter()
        .map(|(split, a, b, same)| (*split, distance(a, b), *same))
        .collect();
    let right = |threshold: f64, wanted: &dyn Fn(u32) -> bool| {
        let of = measured.iter().filter(|pair| wanted(pair.0));
        of.filter(|pair| (pair.1 < threshold) == pair.2).count()
    };
    let mut accuracies = Vec::new();
    for split in 1..=10 {
        let mut best = (0.0, 0);
        for number in 0..400 {
            let threshold = f64::from(number) * 0.01;
            let count = right(threshold, &|other| other != split);
            if count > best.1 {
                best = (threshold, count);
            }
        }
        let count = measured.iter().filter(|pair| pair.0 == split).count();
        accuracies.push(right(best.0, &|other| other == split) as f64 / count as f64);
    }
    let decision = found.decision.unwrap();
    let folds: Vec<f64> = decision.folds.iter().map(|fold| fold.accuracy).collect();
    assert_eq!(folds, accuracies);
    assert!((found.measures[0].value - accuracies.iter().sum::<f64>() / 10.0).abs() < 1e-12);
    assert!(found.measures[0].value > 0.6 && found.measures[0].value < 1.0);
    assert_eq!(
        found.scores.unwrap().same.len(),
        pairs.iter().filter(|pair| pair.3).count()
    );
    assert!(found.thresholds.is_some() && !found.mistakes.is_empty());
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let (dataset, mut table, _) = videos(folder.path());
    let path = folder.path().join("splits.txt");
    let good = "1, a, b, person_00/0, person_01/0, 0\n2, a, b, person_00/1, person_00/0, 1\n";
    std::fs::write(&path, good).unwrap();
    assert_eq!(VideoPairs::read(&path).unwrap().pairs[1].line, 2);
    for (line, part) in [
        (
            "1, person_00/0, person_01/9, 0",
            "line 3: there is no video `person_01/9` in ",
        ),
        ("1, person_00/0, 0", "line 3: 1 of 3 fields between commas"),
        (
            "1, person_00/0, person_00/0, 1",
            "line 3: both videos are the same",
        ),
        (
            "1, person_00/0, person_01/0, yes",
            "line 3: `yes` is neither 1",
        ),
        (
            "one, person_00/0, person_01/0, 1",
            "line 3: `one` is not the number of a split",
        ),
    ] {
        std::fs::write(&path, format!("{good}{line}\n")).unwrap();
        let protocol = Protocol::Videos { path: path.clone() };
        let error = protocol.run(&dataset, &mut table).unwrap_err().to_string();
        assert!(
            error.contains("splits.txt") && error.contains(part),
            "{error}"
        );
        assert_eq!(table.embedded, 0);
    }
    std::fs::write(&path, "1, person_00/0, person_01/0, 0\n").unwrap();
    let error = Protocol::Videos { path }
        .check(&dataset)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("2 splits are needed"), "{error}");
}
