//! The preset `mine`, and what is said before the first step.

use std::fs;
use std::path::Path;

use ffc_data::DualRows;
use ffc_train::config::{HeadConfig, Length};
use ffc_train::mine::{Hardware, Mine};
use ffc_train::{Config, Error, Result, TrainingData};
use tempfile::{TempDir, tempdir};

use super::support::assert_says;

/// Identities `a0`, `a1` and so on with so many pictures each: grey ramps in a PGM file, or with colour in a PPM file.
fn pictures(
    identities: usize,
    images: usize,
    [width, height]: [usize; 2],
    colour: bool,
) -> TempDir {
    let folder = tempdir().unwrap();
    for identity in 0..identities {
        let person = folder.path().join("set").join(format!("a{identity}"));
        fs::create_dir_all(&person).unwrap();
        for image in 0..images {
            let (kind, ending, channels) = if colour {
                ("P6", "ppm", 3)
            } else {
                ("P5", "pgm", 1)
            };
            let mut file = format!("{kind} {width} {height} 255\n").into_bytes();
            file.extend(
                (0..width * height * channels).map(|at| (at * 40 + identity * 7 + image) as u8),
            );
            fs::write(person.join(format!("{image}.{ending}")), file).unwrap();
        }
    }
    folder
}

fn choose(folder: &Path, more: &[&str]) -> Result<Mine> {
    let data = format!("data.path={}", folder.join("set").display());
    let overrides: Vec<String> = [&*data]
        .iter()
        .chain(more)
        .map(|text| (*text).to_owned())
        .collect();
    Mine::choose(&overrides, Hardware::Processor, &mut |_| {})
}

fn pool(config: &Config) -> usize {
    match &config.head {
        HeadConfig::Ffc(head) => head.pool,
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_looks_at_the_pictures_and_holds_identities_out() {
    let folder = pictures(40, 5, [60, 90], true);
    let mine = choose(folder.path(), &[]).unwrap();
    let input = mine.config.backbone.input();
    assert_eq!(
        [input.width_px, input.height_px, input.channels],
        [32, 48, 3]
    );
    assert_eq!(pool(&mine.config), 48, "1.5 B");
    assert_says(
        &mine.reasons.join("\n"),
        &[
            "200 of 40 identities",
            "60 x 90 pixels, with colour",
            "8 of the 40 identities",
            "160 pairs",
            "for a processor",
        ],
    );
    let data = TrainingData::open(&mine.config, &mut |_| {}).unwrap();
    assert_eq!(data.notes(), &[] as &[String], "nobody is on both sides");
    let evaluation = &mine.config.evaluations[0];
    let [train, held_out] =
        [&mine.config.data, &evaluation.data].map(|data| data.open(&mut |_| {}).unwrap());
    assert_eq!(
        [train.index().identities(), held_out.index().identities()],
        [32, 8]
    );

    let grey = pictures(4, 30, [20, 20], false);
    let mine = choose(grey.path(), &[]).unwrap();
    let input = mine.config.backbone.input();
    assert_eq!(
        [input.width_px, input.height_px, input.channels],
        [28, 28, 1]
    );
    assert!(!mine.config.loader.augment.flip);
    assert_eq!(mine.config.loader.batch, 2, "two of four are held out");
    let few = pictures(3, 30, [20, 20], false);
    let mine = choose(few.path(), &[]).unwrap();
    assert!(
        mine.config.evaluations.is_empty(),
        "one of three has no other"
    );
}

#[test]
fn what_is_set_stays_set() {
    let folder = pictures(40, 5, [32, 32], true);
    let mine = choose(
        folder.path(),
        &[
            "head.pool=100",
            "training.length=7 steps",
            "gallery.momentum=0.5",
        ],
    )
    .unwrap();
    assert_eq!(pool(&mine.config), 100);
    assert_eq!(mine.config.gallery.momentum, 0.5);
    let wide = choose(folder.path(), &["loader.batch=40", "head.scale=20"]).unwrap();
    assert_eq!(pool(&wide.config), 60, "the pool follows the batch");
    assert_says(
        &wide.reasons.join("\n"),
        &["pool: 60 centres", "120 pictures a step"],
    );
    let given = choose(folder.path(), &["head.pool=100"]).unwrap();
    assert_says(&given.reasons.join("\n"), &["pool: 100 centres"]);
    // Of 40 identities 32 are trained on; a pool holds 24 at least.
    let small = ["head.pool=24", "loader.batch=16"];
    let small = choose(folder.path(), &small).unwrap();
    assert_eq!(small.config.loader.dual, DualRows::Identity);
    assert_says(
        &small.reasons.join("\n"),
        &["loaders: that of identities alone"],
    );
    let both = ["head.pool=24", "loader.batch=16", "loader.dual=both"];
    let both = choose(folder.path(), &both).unwrap();
    assert_eq!(both.config.loader.dual, DualRows::Both);
    let other = choose(folder.path(), &["head={ kind = \"triplet\", images = 4 }"]).unwrap();
    assert_eq!(other.config.loader.dual, DualRows::Both);
    let short = choose(folder.path(), &["training.length=7 steps"]).unwrap();
    assert_eq!(
        short.config.schedule.warm_up,
        Length::Steps(1),
        "what hangs on the length follows it"
    );
    let evaluation = r#"evaluation=[{ name = "own", data = { source = { format = "synthetic", identities = 20 } }, protocol = { kind = "random_pairs", pairs = 40 } }]"#;
    let mine = choose(folder.path(), &[evaluation]).unwrap();
    assert_eq!(mine.config.evaluations.len(), 1);
    assert_eq!(mine.config.evaluations[0].name, "own");
    assert_eq!(mine.config.data.split, None, "all are trained on");
}

#[test]
fn what_cannot_be_chosen_for_is_said() {
    let folder = pictures(40, 1, [32, 32], true);
    let mine = choose(folder.path(), &[]).unwrap();
    assert!(mine.config.evaluations.is_empty());
    assert_says(
        &mine.reasons.join("\n"),
        &["no evaluation", "0 pairs of the same identity"],
    );
    let data = TrainingData::open(&mine.config, &mut |_| {}).unwrap();
    assert_says(&data.notes().join("\n"), &["no identity has two pictures"]);

    let none = Mine::choose(&[], Hardware::Processor, &mut |_| {}).unwrap_err();
    assert_says(&none.to_string(), &["data.path=FOLDER"]);
    let one = pictures(1, 3, [32, 32], true);
    let error = choose(one.path(), &[]).unwrap_err();
    assert_says(&error.to_string(), &["at least 2"]);
    let damaged = pictures(3, 1, [32, 32], true);
    for identity in 0..3 {
        fs::write(
            damaged.path().join(format!("set/a{identity}/0.ppm")),
            "no picture",
        )
        .unwrap();
    }
    assert!(matches!(choose(damaged.path(), &[]), Err(Error::Data(_))));
}

/// A pool beyond the identities, identities on both sides, and pictures that nobody named.
#[test]
fn what_is_seldom_meant_is_said_before_the_first_step() {
    let folder = pictures(30, 3, [16, 16], true);
    let text = format!(
        r#"
        data.path = "{0}"
        loader.batch = 4
        head.pool = 500
        backbone = {{ network = "compact", height_px = 16, width_px = 16 }}
        [[evaluation]]
        name = "again"
        data.path = "{0}"
        protocol = {{ kind = "random_pairs", pairs = 20 }}
        "#,
        folder.path().join("set").display()
    );
    let mut config = Config::parse(&text, "test", &[]).unwrap();
    let mut data = TrainingData::open(&config, &mut |_| {}).unwrap();
    data.fit(&mut config);
    assert_eq!(pool(&config), 30);
    assert_says(
        &data.notes().join("\n"),
        &[
            "evaluation again: 30 of its 30 identities are trained on too (a0, a1, a10, ...)",
            "head.pool = 30 in place of 500",
        ],
    );

    // Another seed, other faces.
    let text = r#"
        data.source = { format = "synthetic", identities = 30, size_px = 16 }
        backbone = { network = "compact", height_px = 16, width_px = 16 }
        [[evaluation]]
        name = "others"
        data = { source = { format = "synthetic", identities = 30, size_px = 16, seed = 7 } }
        protocol = { kind = "random_pairs", pairs = 20 }
        [[evaluation]]
        name = "some"
        data = { source = { format = "synthetic", identities = 30, size_px = 16, first_identity = 20 } }
        protocol = { kind = "random_pairs", pairs = 20 }
        "#;
    let data = TrainingData::open(&Config::parse(text, "test", &[]).unwrap(), &mut |_| {}).unwrap();
    assert_eq!(data.notes().len(), 1);
    assert_says(
        &data.notes()[0],
        &["evaluation some: 10 of its 30 identities"],
    );

    let mut drawn = Config::parse("backbone = { network = \"compact\" }", "test", &[]).unwrap();
    let mut data = TrainingData::open(&drawn, &mut |_| {}).unwrap();
    data.fit(&mut drawn);
    assert_says(&data.notes().join("\n"), &["the identities are drawn ones"]);
    let text = r#"
        data.source = { format = "synthetic", identities = 100 }
        backbone.network = "compact"
        [[evaluation]]
        name = "forgotten"
        protocol = { kind = "random_pairs", pairs = 20 }
        "#;
    let mut forgotten = Config::parse(text, "test", &[]).unwrap();
    let mut data = TrainingData::open(&forgotten, &mut |_| {}).unwrap();
    data.fit(&mut forgotten);
    assert_says(
        &data.notes().join("\n"),
        &["the evaluation `forgotten` names no pictures"],
    );
    assert!(drawn.to_toml().unwrap().contains("format = \"synthetic\""));
}
