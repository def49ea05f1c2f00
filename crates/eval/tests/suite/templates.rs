//! IJB's protocols against a program of plain loops, on drawn lists.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use ffc_data::Dataset;
use ffc_eval::{Evaluation, Protocol, Scores, Templates, tar_at_far_of_scores};
use ffc_random::Key;

use super::support::{Table, cosine, normalised, random};

const SUBJECTS: u64 = 30;

/// Drawn lists in IJB's form: of each subject a template in one of two galleries and some probes, of one to four media with one to
/// three pictures each.
struct Lists {
    folder: tempfile::TempDir,
    dataset: Arc<Dataset>,
    table: Table,
    /// Picture, template and medium.
    media: Vec<(u64, u64, u64)>,
    pairs: Vec<(u64, u64, bool)>,
    gallery: Vec<(u64, u64)>,
    probes: Vec<(u64, u64)>,
}

impl Lists {
    fn draw(seed: u64) -> Self {
        let mut rng = Key::new(seed, 97).rng(0);
        let (mut media, mut gallery, mut probes) = (Vec::new(), Vec::new(), Vec::new());
        let mut template = 3;
        let mut subject_of = BTreeMap::new();
        let mut shown = Vec::new();
        for subject in 0..SUBJECTS {
            for number in 0..1 + 1 + rng.below(4) {
                template += 1 + rng.below(5);
                let list = if number == 0 {
                    &mut gallery
                } else {
                    &mut probes
                };
                list.push((template, 100 + subject));
                subject_of.insert(template, subject);
                for _ in 0..1 + rng.below(4) {
                    let medium = rng.below(1_000);
                    for _ in 0..1 + rng.below(3) {
                        media.push((shown.len() as u64, template, medium));
                        shown.push(subject);
                    }
                }
            }
        }
        // Lists in no order.
        for at in (1..media.len()).rev() {
            media.swap(at, rng.below(at as u64 + 1) as usize);
        }
        let mut pairs = Vec::new();
        for &(a, _) in &gallery {
            for &(b, _) in &probes {
                pairs.push((a, b, subject_of[&a] == subject_of[&b]));
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let picture = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../data/tests/fixtures/made/images/png_grey.png");
        let crops = folder.path().join("crops/loose_crop");
        std::fs::create_dir_all(&crops).unwrap();
        for number in 0..shown.len() {
            std::fs::copy(&picture, crops.join(format!("{number}.png"))).unwrap();
        }
        let dataset = Arc::new(Dataset::from_path(&folder.path().join("crops")).unwrap());
        let dim = 8;
        let mut noise = random(seed);
        let mut values = vec![0.0; shown.len() * dim];
        for image in 0..shown.len() as u64 {
            let number: usize = number_of(&dataset.file_name(image).unwrap().unwrap());
            let mut own = random(500 + shown[number]);
            for value in &mut values[image as usize * dim..][..dim] {
                *value = own() + 1.3 * noise();
            }
        }
        Self {
            folder,
            dataset,
            table: Table::new(dim, values),
            media,
            pairs,
            gallery,
            probes,
        }
    }

    fn write(&self) -> Templates {
        let list = |name: &str, text: String| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mut media = String::new();
        for (picture, template, medium) in &self.media {
            writeln!(media, "{picture}.png {template} {medium}").unwrap();
        }
        let mut pairs = String::new();
        for (a, b, same) in &self.pairs {
            writeln!(pairs, "{a} {b} {}", u8::from(*same)).unwrap();
        }
        let subjects = |rows: &[(u64, u64)]| {
            let mut text = "TEMPLATE_ID,SUBJECT_ID,FILENAME\r\n".to_owned();
            for (template, subject) in rows {
                // A line for each of two pictures, as NIST has them.
                write!(
                    text,
                    "{template},{subject},a.jpg\r\n{template},{subject},b.jpg\r\n"
                )
                .unwrap();
            }
            text
        };
        let (first, second) = self.gallery.split_at(self.gallery.len() / 2);
        Templates {
            media: list("face_tid_mid.txt", media),
            pairs: Some(list("template_pair_label.txt", pairs)),
            galleries: vec![
                list("gallery_G1.csv", subjects(first)),
                list("gallery_G2.csv", subjects(second)),
            ],
            probes: Some(list("probe_mixed.csv", subjects(&self.probes))),
            targets: vec![1e-9, 0.01, 0.1],
        }
    }

    /// The mean of each medium's pictures, summed.
    fn template(&self, template: u64) -> Vec<f64> {
        let mut media: BTreeMap<u64, Vec<Vec<f64>>> = BTreeMap::new();
        for image in 0..self.dataset.index().images() {
            let number = number_of(&self.dataset.file_name(image).unwrap().unwrap()) as u64;
            for &(_, _, medium) in self
                .media
                .iter()
                .filter(|row| row.0 == number && row.1 == template)
            {
                media.entry(medium).or_default().push(self.table.row(image));
            }
        }
        let mut sum = vec![0.0; self.table.dim];
        for rows in media.values() {
            for (at, sum) in sum.iter_mut().enumerate() {
                *sum += rows.iter().map(|row| row[at]).sum::<f64>() / rows.len() as f64;
            }
        }
        normalised(sum)
    }
}

fn number_of(file: &str) -> usize {
    file.trim_end_matches(".png").parse().unwrap()
}

fn value(evaluation: &Evaluation, name: &str) -> f64 {
    let measure = evaluation
        .measures
        .iter()
        .find(|measure| measure.name == name);
    measure
        .unwrap_or_else(|| panic!("{name}: {:?}", evaluation.measures))
        .value
}

#[test]
fn ijb_is_what_a_naive_program_finds() {
    for seed in 0..6 {
        let mut lists = Lists::draw(seed);
        let protocol = Protocol::Templates(lists.write());
        protocol.check(&lists.dataset).unwrap();
        assert_eq!(lists.table.embedded, 0);
        let found = protocol.run(&lists.dataset, &mut lists.table).unwrap();

        // 1:1.
        let rows = lists.gallery.iter().chain(&lists.probes);
        let pooled: BTreeMap<u64, Vec<f64>> = rows
            .map(|&(template, _)| (template, lists.template(template)))
            .collect();
        let cosines = |wanted: bool| {
            let pairs = lists.pairs.iter().filter(|pair| pair.2 == wanted);
            pairs
                .map(|(a, b, _)| cosine(&pooled[a], &pooled[b]) as f32)
                .collect()
        };
        let scores = Scores {
            same: cosines(true),
            different: cosines(false),
        };
        for result in tar_at_far_of_scores(&scores, &[0.01, 0.1], 0).unwrap() {
            let name = format!("TAR@FAR {:e}", result.target);
            let measure = found
                .measures
                .iter()
                .find(|measure| measure.name == name)
                .unwrap();
            assert!(
                (measure.value - result.tar).abs() < 1e-9,
                "seed {seed}, {name}"
            );
            let reached = measure.reached.unwrap();
            assert_eq!(reached.same_pairs, lists.probes.len() as u64);
            assert!((reached.far - result.far).abs() < 1e-9);
        }
        assert!(found.left_out[0].starts_with("TAR@FAR 1e-9 is left out"));
        assert_eq!(
            found.thresholds.as_ref().unwrap().different_pairs,
            scores.different.len() as u64
        );
        assert!(!found.roc.is_empty());

        // 1:N: all cosines in a table, sorted.
        let mut impostors = Vec::new();
        let mut mates = Vec::new();
        let mut places = Vec::new();
        for (probe, subject) in &lists.probes {
            let scores = lists.gallery.iter().map(|(template, other)| {
                (cosine(&pooled[probe], &pooled[template]), other == subject)
            });
            let mut scores: Vec<(f64, bool)> = scores.collect();
            scores.sort_by(|a, b| b.0.total_cmp(&a.0));
            places.push(scores.iter().position(|score| score.1).unwrap());
            mates.extend(scores.iter().filter(|score| score.1).map(|score| score.0));
            impostors.extend(scores.iter().filter(|score| !score.1).map(|score| score.0));
        }
        impostors.sort_by(|a, b| b.total_cmp(a));
        let probes = lists.probes.len() as f64;
        for rank in [1, 5] {
            let first = places.iter().filter(|place| **place < rank).count();
            let share = value(&found, &format!("rank-{rank}"));
            assert!((share - first as f64 / probes).abs() < 1e-9, "rank {rank}");
        }
        let threshold = impostors[(0.1 * probes).ceil() as usize - 1];
        let above = mates.iter().filter(|mate| **mate > threshold).count();
        let rate = value(&found, "TPIR@FPIR 1e-1");
        assert!((rate - above as f64 / probes).abs() < 1e-9, "seed {seed}");
        assert!(
            places.iter().any(|place| *place > 0),
            "mistakes must occur here"
        );
    }
}

/// 1:1 or 1:N alone; pictures of templates that take no part need not be there.
#[test]
fn parts_can_be_left_out() {
    let mut lists = Lists::draw(1);
    let templates = lists.write();
    let alone = Templates {
        galleries: vec![],
        probes: None,
        ..templates.clone()
    };
    let found = Protocol::Templates(alone)
        .run(&lists.dataset, &mut lists.table)
        .unwrap();
    assert_eq!(found.measures.len(), 2);
    let text = std::fs::read_to_string(&templates.media).unwrap();
    std::fs::write(&templates.media, text + "gone.png 99999 1\n").unwrap();
    let search = Templates {
        pairs: None,
        ..templates
    };
    let found = Protocol::Templates(search)
        .run(&lists.dataset, &mut lists.table)
        .unwrap();
    assert!(found.measures[0].name == "rank-1" && found.thresholds.is_none());
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let lists = Lists::draw(2);
    let templates = lists.write();
    let (probe, _) = lists.probes[0];
    let (other, _) = lists.gallery[1];
    let media = templates.media.clone();
    let pairs = templates.pairs.clone().unwrap();
    let gallery = templates.galleries[1].clone();
    let probes = templates.probes.clone().unwrap();
    for (path, text, parts) in [
        (
            &media,
            "1.png 5\n".into(),
            ["face_tid_mid.txt, line 1", "2 fields, expected 3"],
        ),
        (
            &media,
            "1.png five 1\n".into(),
            ["line 1", "`five` is not the number of a template"],
        ),
        (
            &pairs,
            format!("{probe} 0 1\n"),
            ["pair_label.txt, line 1", "template 0 has no picture in"],
        ),
        (&pairs, format!("{probe} {other}\n"), ["line 1", "2 fields"]),
        (
            &pairs,
            format!("{probe} {other} 2\n"),
            ["line 1", "`2` is neither 1"],
        ),
        (
            &gallery,
            format!("T,S\n{probe},100\n"),
            ["gallery_G2.csv, line 2", "subject 100 has template"],
        ),
        (
            &gallery,
            "T,S\nx,100\n".into(),
            ["line 2", "`x` is not the number of a template"],
        ),
        (
            &probes,
            format!("T,S\n{probe},7\n"),
            [
                "probe_mixed.csv, line 2",
                "subject 7 is in none of the galleries",
            ],
        ),
        (
            &probes,
            format!("T,S\n{probe},100\n{probe},101\n"),
            ["line 3", "but also of 100"],
        ),
        (
            &probes,
            "T\n".into(),
            ["line 1", "expected `template,subject`"],
        ),
    ] {
        let kept = std::fs::read(path).unwrap();
        std::fs::write(path, text).unwrap();
        let error = Protocol::Templates(templates.clone()).check(&lists.dataset);
        let error = error.unwrap_err().to_string();
        assert!(
            parts.iter().all(|part| error.contains(part)),
            "{parts:?}: {error}"
        );
        std::fs::write(path, kept).unwrap();
    }
    let text = std::fs::read_to_string(&media).unwrap();
    std::fs::write(&media, text.replacen(".png", ".jpg", 1)).unwrap();
    let error = Protocol::Templates(templates.clone()).check(&lists.dataset);
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("line 1: there is no image") && error.contains(".jpg"),
        "{error}"
    );
    for (missing, part) in [
        (
            Templates {
                pairs: None,
                galleries: vec![],
                probes: None,
                ..templates.clone()
            },
            "pairs is missing",
        ),
        (
            Templates {
                galleries: vec![],
                ..templates.clone()
            },
            "galleries is missing",
        ),
        (
            Templates {
                probes: None,
                ..templates
            },
            "probes is missing",
        ),
    ] {
        let error = Protocol::Templates(missing)
            .check(&lists.dataset)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(part), "{error}");
    }
}
