//! The README's way for own pictures, each command as it is printed there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ffc_data::{Content, Dataset, ImageCounts, SyntheticConfig};
use safetensors::SafeTensors;

const PEOPLE: u64 = 40;
const PICTURES: u64 = 10;
const SIZE_PX: usize = 32;

/// The commands of the README's first block of shell below a heading, without what is installed.
fn commands(heading: &str) -> Vec<Vec<String>> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, section) = readme.split_once(heading).unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let lines = block.lines().filter_map(|line| {
        let command = line.split('#').next().unwrap_or_default();
        let mut words = command.split_whitespace().map(str::to_owned);
        (words.next()? == "ffc").then(|| words.collect())
    });
    lines.collect()
}

/// Writes the drawn identities as a folder of PGM files, and three pictures beside it: two of one identity, one of another.
fn draw(folder: &Path) {
    let set = Dataset::synthetic(SyntheticConfig {
        identities: PEOPLE,
        images: ImageCounts::Equal { images: PICTURES },
        size_px: SIZE_PX,
        ..SyntheticConfig::default()
    })
    .unwrap();
    let mut rgb = Vec::new();
    for identity in 0..PEOPLE {
        let person = folder.join(format!("faces/person-{identity:02}"));
        fs::create_dir_all(&person).unwrap();
        for (number, image) in set.index().images_of(identity).enumerate() {
            let content = set.read(image, &mut rgb).unwrap();
            assert!(matches!(content, Content::Rgb { .. }));
            let grey = rgb.as_chunks::<3>().0.iter();
            let mut pgm = format!("P5 {SIZE_PX} {SIZE_PX} 255\n").into_bytes();
            pgm.extend(
                grey.map(|pixel| {
                    (pixel.iter().map(|&value| u32::from(value)).sum::<u32>() / 3) as u8
                }),
            );
            fs::write(person.join(format!("{number}.pgm")), pgm).unwrap();
        }
    }
    // What a picture is called does not matter.
    for (name, from) in [("a.jpg", "00/0"), ("b.jpg", "00/1"), ("query.jpg", "07/3")] {
        fs::copy(
            folder.join(format!("faces/person-{from}.pgm")),
            folder.join(name),
        )
        .unwrap();
    }
}

fn ffc(folder: &Path, words: &[String]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_ffc"))
        .args(words)
        .current_dir(folder)
        .output()
        .unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(
        output.status.success(),
        "ffc {}: {out}{err}",
        words.join(" ")
    );
    out
}

/// The cosine of rows of the embeddings' file that pictures of the set have, found by their names.
fn cosine(file: &Path, [a, b]: [&str; 2]) -> f64 {
    let bytes = fs::read(file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let names: Vec<String> =
        serde_json::from_str(&metadata.metadata().as_ref().unwrap()["images"]).unwrap();
    let tensor = tensors.tensor("embeddings").unwrap();
    let dim = tensor.shape()[1];
    let values: Vec<f64> = (tensor.data().as_chunks::<4>().0.iter())
        .map(|bytes| f64::from(f32::from_le_bytes(*bytes)))
        .collect();
    let row = |name: &str| {
        let row = names.iter().position(|known| known == name).unwrap();
        &values[row * dim..][..dim]
    };
    row(a).iter().zip(row(b)).map(|(a, b)| a * b).sum()
}

#[test]
fn the_readmes_way_for_own_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    draw(folder.path());
    let commands = commands("## On your pictures");
    let said: Vec<(String, String)> = commands
        .iter()
        .map(|words| (words[0].clone(), ffc(folder.path(), words)))
        .collect();
    let of = |command: &str| {
        let found = said.iter().find(|(name, _)| name == command);
        &found
            .unwrap_or_else(|| panic!("the README has no ffc {command}"))
            .1
    };

    let lists = ["train.txt", "held-out.txt"].map(|list| {
        fs::read_to_string(path("lists").join(list))
            .unwrap()
            .lines()
            .count()
    });
    assert_eq!(lists, [32, 8]);
    let train = of("train");
    assert!(
        train.contains("pool: ") && train.contains("about "),
        "{train}"
    );
    assert!(of("eval").contains("accuracy"), "{}", of("eval"));

    let embeddings = path("embeddings.safetensors");
    let expected = cosine(&embeddings, ["person-00/0.pgm", "person-00/1.pgm"]);
    let same = of("same");
    let cosine: f64 = same
        .lines()
        .next()
        .unwrap()
        .strip_prefix("cosine ")
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        (cosine - expected).abs() < 1e-4,
        "{same}, expected {expected}"
    );
    assert!(same.contains("false accept rate"), "{same}");
    // A picture of the set is nearest to itself.
    let first = of("search")
        .lines()
        .find(|line| line.contains("person-"))
        .unwrap();
    assert!(first.contains("person-07/3.pgm"), "{}", of("search"));
    let onnx = fs::metadata(path("faces.onnx")).unwrap().len();
    assert!(onnx > 100_000, "{onnx} bytes");
}
