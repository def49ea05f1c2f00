use std::collections::BTreeSet;

use ffc_train::Config;
use ffc_train::config::{Decay, Length, OptimizerConfig, Preset};

use super::support::assert_says;

/// The reference states every key that a resolved configuration has, with its default.
#[test]
fn the_reference_is_the_default() {
    let reference = Preset::REFERENCE.config(&[]).unwrap();
    assert_eq!(reference, Config::parse("", "empty", &[]).unwrap());
    assert_eq!(reference, Config::default());

    let keys = |text: &str| {
        let table: toml::Table = toml::from_str(text).unwrap();
        let mut keys = BTreeSet::new();
        collect("", &toml::Value::Table(table), &mut keys);
        keys
    };
    let mut resolved = keys(&reference.to_toml().unwrap());
    // The network's own settings are documented with the networks.
    resolved.retain(|key| !key.starts_with("backbone.") && key != "evaluation");
    let stated = keys(Preset::REFERENCE.text);
    let missing: Vec<_> = resolved.difference(&stated).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn collect(prefix: &str, value: &toml::Value, keys: &mut BTreeSet<String>) {
    match value.as_table() {
        Some(table) => {
            for (key, value) in table {
                let key = match prefix {
                    "" => key.clone(),
                    prefix => format!("{prefix}.{key}"),
                };
                collect(&key, value, keys);
            }
        }
        None => {
            keys.insert(prefix.to_owned());
        }
    }
}

/// Loaders of a dual batch are for the head that takes one.
#[test]
fn loaders_of_a_dual_batch_are_for_ffc() {
    let parse = |text: &str| Config::parse(text, "my.toml", &[]);
    let config = parse("loader.dual = \"identity\"").unwrap();
    assert_eq!(config.pictures().instances, 0);
    let error = parse("loader.dual = \"instance\"\nhead.kind = \"full\"").unwrap_err();
    let parts = [
        "loader.dual",
        "instance",
        "head.kind = full",
        "must be both",
    ];
    assert_says(&error.to_string(), &parts);
}

/// Presets are right, and what is written is read back as it was.
#[test]
fn presets_are_read_and_written() {
    for preset in Preset::ALL {
        let (name, config) = (preset.name, preset.config(&[]).unwrap());
        let text = config.to_toml().unwrap();
        assert_eq!(Config::parse(&text, name, &[]).unwrap(), config, "{name}");
    }
}

#[test]
fn a_wrong_key_gets_the_nearest_valid_one() {
    let error = |text: &str| Config::parse(text, "my.toml", &[]).unwrap_err().to_string();
    let message = error("[training]\nlenght = \"3 steps\"");
    assert_says(
        &message,
        &["my.toml", "line 2", "lenght", "did you mean `length`?"],
    );
    assert_says(
        &error("[haed]\npool = 9"),
        &["line 1", "did you mean `head`?"],
    );
    assert_says(
        &error("optimizer = { kind = \"sdg\" }"),
        &["did you mean `sgd`?"],
    );
    assert_says(
        &error("optimizer = { kind = \"sgd\", beta_1 = 0.9 }"),
        &["beta_1"],
    );
    assert!(!error("[training]\nxyzzy = 1").contains("did you mean"));
    assert_says(
        &error("[training]\nlength = \"3 days\""),
        &["3 days", "500 steps"],
    );
    assert_says(&error("training = 3 4"), &["my.toml", "line 1"]);
}

#[test]
fn overrides() {
    let parse = |overrides: &[&str]| {
        let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
        let text = "[[evaluation]]\nname = \"a\"\ndata = {}\nprotocol = { kind = \"random_pairs\", pairs = 10 }";
        Config::parse(text, "my.toml", &overrides)
    };
    let mut config = parse(&[
        "training.length=7 steps",
        "head.pool = 500",
        "data.path=some folder/pictures",
        "evaluation.0.data.path=\"others\"",
        "optimizer={ kind = \"adamw\", learning_rate = 0.5 }",
    ])
    .unwrap();
    assert_eq!(config.training.length, Length::Steps(7));
    assert_eq!(super::tiny::ffc(&mut config).pool, 500);
    assert_eq!(config.data.path, Some("some folder/pictures".into()));
    assert_eq!(config.evaluations[0].data.path, Some("others".into()));
    assert!(matches!(
        config.optimizer,
        OptimizerConfig::Adamw {
            learning_rate: 0.5,
            ..
        }
    ));

    // Another kind drops the old one's keys; a key of a table that the file leaves out meets its default.
    let config = parse(&[
        "optimizer.kind=adamw",
        "schedule.decay.kind=cosine",
        "schedule.decay.floor=0.5",
    ])
    .unwrap();
    assert!(matches!(config.optimizer, OptimizerConfig::Adamw { .. }));
    assert_eq!(config.schedule.decay, Decay::Cosine { floor: 0.5 });
    let config = parse(&["optimizer.learning_rate=0.05"]).unwrap();
    assert_eq!(config.optimizer.learning_rate(), 0.05);

    let error = |text: &str| parse(&[text]).unwrap_err().to_string();
    assert_says(
        &error("head.pol=500"),
        &["--set head.pol=500", "did you mean `pool`?"],
    );
    assert_says(&error("head.pool"), &["--set head.pool", "key=value"]);
    assert_says(
        &error("head.pool.size=3"),
        &["head.pool is of type integer", "no keys"],
    );
    assert_says(
        &error("evaluation.0.name.size=3"),
        &["--set evaluation.0.name.size=3", "expected a string"],
    );
    assert_says(
        &error("evaluation.1.name=b"),
        &["evaluation is a list of 1", "has no 1", "evaluation.0"],
    );
    assert_says(
        &error("evaluation.name=b"),
        &["evaluation is a list of 1", "has no name", "evaluation.0"],
    );
    // A folder may have a number for its name.
    assert_says(
        &error("data.path=2024"),
        &["--set data.path=2024", "quotes"],
    );
    let config = parse(&[r#"data.path="2024""#]).unwrap();
    assert_eq!(config.data.path, Some("2024".into()));
}

const FILE: &str = r#"
    [data]
    path = "faces"

    [backbone]
    network = "iresnet"
    depth = 18

    [head]
    pool = 400

    [optimizer]
    kind = "adamw"
    learning_rate = 0.004

    [schedule]
    warm_up = "3 steps"

    [[evaluation]]
    name = "a"
    protocol = { kind = "random_pairs", pairs = 10 }
"#;

fn set(text: &str, overrides: &[&str]) -> Result<Config, String> {
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    Config::parse(text, "my.toml", &overrides).map_err(|error| error.to_string())
}

/// The configuration as it is written, with the keys at some places only.
fn written(config: &Config, places: &[&str]) -> String {
    let root: toml::Value = toml::from_str(&config.to_toml().unwrap()).unwrap();
    let value = |place: &&str| {
        let value = place
            .split('.')
            .try_fold(&root, |value, key| match key.parse() {
                Ok(at) => value.get::<usize>(at),
                Err(_) => value.get(key),
            });
        value.map_or("none".into(), |value| format!("{place} = {value}"))
    };
    places.iter().map(value).collect::<Vec<_>>().join("\n")
}

/// A key that the file leaves out, in a table that it leaves out or not, has the default around it.
#[test]
fn a_key_of_a_table_that_the_file_leaves_out() {
    let optimizer = "optimizer = { decay_norms_and_biases = true, kind = \"sgd\", learning_rate = 0.1, momentum = 0.5, \
                     nesterov = true, weight_decay = 0.0001 }";
    let decay = "schedule.decay = { factor = 0.5, kind = \"multi_step\", milestones = [\"8 epochs\", \"14 epochs\", \"17 epochs\"] }";
    for (text, given, place, expected) in [
        ("", "optimizer.momentum=0.5", "optimizer", optimizer),
        ("", "schedule.decay.factor=0.5", "schedule.decay", decay),
        (FILE, "schedule.decay.factor=0.5", "schedule.decay", decay),
        (
            FILE,
            "head.margin.margin=0.25",
            "head.margin.kind",
            "head.margin.kind = \"cosface\"",
        ),
        (
            FILE,
            "head.margin.margin=0.25",
            "head.margin.margin",
            "head.margin.margin = 0.25",
        ),
        (
            FILE,
            "head.update.weighted.alpha=0.5",
            "head.update",
            "head.update = { weighted = { alpha = 0.5 } }",
        ),
        (
            FILE,
            "loader.augment.grey=0.5",
            "loader.augment.flip",
            "loader.augment.flip = true",
        ),
        (
            FILE,
            "loader.augment.cutout.max_side=0.5",
            "loader.augment.cutout",
            "loader.augment.cutout = { max_side = 0.5, probability = 0.5 }",
        ),
        (
            FILE,
            "backbone.embedding=64",
            "backbone.depth",
            "backbone.depth = 18",
        ),
        (
            FILE,
            "evaluation.0.data.build.close_gaps=true",
            "evaluation.0.data.build.close_gaps",
            "evaluation.0.data.build.close_gaps = true",
        ),
        (
            FILE,
            "evaluation.0.protocol.seed=3",
            "evaluation.0.protocol",
            "evaluation.0.protocol = { kind = \"random_pairs\", pairs = 10, seed = 3 }",
        ),
    ] {
        let config = set(text, &[given]).unwrap();
        assert_eq!(written(&config, &[place]), expected, "{given}");
    }
}

/// Each set of overrides in every order, with what it shall give.
#[test]
fn the_order_of_overrides_does_not_matter() {
    let cases: [(&[&str], &[&str]); 10] = [
        (
            &[
                "optimizer.learning_rate=0.0123",
                "optimizer.kind=sgd",
                "optimizer.momentum=0.5",
            ],
            &[
                "optimizer.kind = \"sgd\"",
                "optimizer.learning_rate = 0.0123",
                "optimizer.momentum = 0.5",
                "optimizer.weight_decay = 0.0001",
            ],
        ),
        // The same kind: what the file gives stays.
        (
            &["optimizer.beta_1=0.5", "optimizer.kind=adamw"],
            &["optimizer.learning_rate = 0.004", "optimizer.beta_1 = 0.5"],
        ),
        (
            &[
                "schedule.decay.floor=0.25",
                "schedule.decay.kind=cosine",
                "schedule.warm_up=2 steps",
                "training.length=9 steps",
            ],
            &[
                "schedule.decay = { floor = 0.25, kind = \"cosine\" }",
                "schedule.warm_up = \"2 steps\"",
            ],
        ),
        // A table, and keys of it that win over what it says.
        (
            &[
                "optimizer.learning_rate=0.5",
                "optimizer={ kind = \"sgd\", nesterov = false }",
                "optimizer.momentum=0.25",
            ],
            &[
                "optimizer.learning_rate = 0.5",
                "optimizer.momentum = 0.25",
                "optimizer.nesterov = false",
            ],
        ),
        (
            &[
                "optimizer={ kind = \"adamw\", learning_rate = 0.5 }",
                "optimizer.kind=sgd",
            ],
            &[
                "optimizer.kind = \"sgd\"",
                "optimizer.learning_rate = 0.5",
                "optimizer.momentum = 0.9",
            ],
        ),
        (
            &["schedule={}", "schedule.decay.factor=0.5"],
            &[
                "schedule.warm_up = \"0 steps\"",
                "schedule.decay.factor = 0.5",
            ],
        ),
        (
            &[
                "backbone.patch_px=8",
                "backbone.network=vit",
                "backbone.depth=2",
                "loader.batch=32",
            ],
            &[
                "backbone.network = \"vit\"",
                "backbone.patch_px = 8",
                "backbone.depth = 2",
                "backbone.width = 256",
            ],
        ),
        (
            &[
                "data.source.format=synthetic",
                "data.source.identities=50",
                "data.source.images.max=9",
                "data.rotations=true",
            ],
            &[
                "data.path = none",
                "data.source.identities = 50",
                "data.source.images = { exponent = 0.5, law = \"zipf\", max = 9, min = 2 }",
            ],
        ),
        (
            &[
                "evaluation.0.protocol.ways=5",
                "evaluation.0.protocol.kind=episodes",
                "evaluation.0.protocol.shots=1",
                "evaluation.0.data.path=others",
                "evaluation.0.name=b",
            ],
            &[
                "evaluation.0.protocol.kind = \"episodes\"",
                "evaluation.0.protocol.ways = 5",
                "evaluation.0.name = \"b\"",
                "evaluation.0.data.path = \"others\"",
            ],
        ),
        (
            &[
                "evaluation=[{ name = \"b\", protocol = { kind = \"bin\", path = \"lfw.bin\" } }]",
                "evaluation.0.flip=true",
                "evaluation.0.protocol.path=agedb.bin",
            ],
            &[
                "evaluation.0.name = \"b\"",
                "evaluation.0.flip = true",
                "evaluation.0.protocol = { kind = \"bin\", path = \"agedb.bin\" }",
            ],
        ),
    ];
    for (overrides, expected) in cases {
        let first = set(FILE, overrides).unwrap_or_else(|error| panic!("{overrides:?}: {error}"));
        for expected in expected {
            let place = expected.split(" = ").next().unwrap();
            let found = written(&first, &[place]);
            let found = if found == "none" {
                format!("{place} = none")
            } else {
                found
            };
            assert_eq!(&found, expected, "{overrides:?}");
        }
        for overrides in permutations(overrides) {
            assert_eq!(set(FILE, &overrides).unwrap(), first, "{overrides:?}");
        }
    }
}

fn permutations<'a>(of: &[&'a str]) -> Vec<Vec<&'a str>> {
    let Some((first, rest)) = of.split_first() else {
        return vec![Vec::new()];
    };
    let with_first = |rest: Vec<&'a str>| {
        (0..=rest.len()).map(move |at| {
            let mut all = rest.clone();
            all.insert(at, first);
            all
        })
    };
    permutations(rest)
        .into_iter()
        .flat_map(with_first)
        .collect()
}

/// So are refusals the same in every order.
#[test]
fn overrides_that_do_not_fit() {
    let file = format!("{FILE}\n[data.build]\nclose_gaps = true");
    for (overrides, parts) in [
        // Of another kind than the file's or the default's.
        (
            &["optimizer.momentum=0.5", "head.pool=500"][..],
            &[
                "--set optimizer.momentum=0.5: ",
                "unknown field `momentum`",
                "`beta_1`",
                "optimizer.kind is \"adamw\"",
            ][..],
        ),
        (
            &["schedule.decay.floor=0.5"],
            &[
                "--set schedule.decay.floor=0.5: ",
                "`milestones`",
                "schedule.decay.kind is \"multi_step\"",
            ],
        ),
        (
            &["backbone.patch_px=8"],
            &[
                "--set backbone.patch_px=8: ",
                "`stem_channels`",
                "backbone.network is \"iresnet\"",
            ],
        ),
        (
            &["loader.damaged.limit=3"],
            &[
                "--set loader.damaged.limit=3: ",
                "loader.damaged.policy is \"fail\"",
            ],
        ),
        // Kinds without keys.
        (
            &["head.margin.kind=none", "head.margin.margin=0.5"],
            &[
                "--set head.margin.margin=0.5: ",
                "head.margin.kind is \"none\"",
            ],
        ),
        (
            &["schedule.decay.kind=constant", "schedule.decay.factor=0.5"],
            &[
                "--set schedule.decay.factor=0.5: ",
                "schedule.decay.kind is \"constant\"",
            ],
        ),
        // What a kind needs.
        (
            &["schedule.decay.kind=cosine", "head.pool=500"],
            &["missing field `floor`", "schedule.decay"],
        ),
        (
            &["optimizer.kind=sdg", "head.pool=500"],
            &["--set optimizer.kind=sdg: ", "did you mean `sgd`?"],
        ),
        (&["loader.augment.gray=0.5"], &["did you mean `grey`?"]),
        // Two names of one set.
        (
            &["data.path=others", "data.source={ format = \"synthetic\" }"],
            &["data: ", "path (others) and source"],
        ),
        (
            &[
                "evaluation.0.data.path=others",
                "evaluation.0.data.source.format=synthetic",
            ],
            &["evaluation.0.data: ", "path (others) and source"],
        ),
    ] {
        for overrides in permutations(overrides) {
            let message = set(&file, &overrides).unwrap_err();
            assert_says(&message, parts);
        }
    }
}

#[test]
fn the_last_of_two_values_for_a_key_counts() {
    for (overrides, rate) in [
        (
            &[
                "optimizer.learning_rate=0.5",
                "optimizer.learning_rate=0.25",
            ][..],
            0.25,
        ),
        // Never was it another kind.
        (&["optimizer.kind=sgd", "optimizer.kind=adamw"], 0.004),
        (&["optimizer.kind=adamw", "optimizer.kind=sgd"], 0.1),
        (
            &[
                "optimizer={ kind = \"adamw\", learning_rate = 0.5 }",
                "optimizer={ kind = \"sgd\" }",
            ],
            0.1,
        ),
    ] {
        let config = set(FILE, overrides).unwrap();
        assert_eq!(config.optimizer.learning_rate(), rate, "{overrides:?}");
    }
}

/// Serde passes over keys beside the tag of a kind that has none.
#[test]
fn keys_of_a_kind_without_keys() {
    for (text, [key, kind]) in [
        (
            "schedule.decay = { kind = \"constant\", factor = 0.5 }",
            [
                "`schedule.decay.factor`",
                "schedule.decay.kind is \"constant\"",
            ],
        ),
        (
            "head.margin = { kind = \"none\", margin = 0.5 }",
            ["`head.margin.margin`", "head.margin.kind is \"none\""],
        ),
        (
            "loader.damaged = { policy = \"fail\", limit = 3 }",
            [
                "`loader.damaged.limit`",
                "loader.damaged.policy is \"fail\"",
            ],
        ),
    ] {
        assert_says(&set(text, &[]).unwrap_err(), &["my.toml: ", key, kind]);
    }
}

/// Though the head's table is read in a second step.
#[test]
fn a_wrong_value_in_the_head_is_told_with_its_key() {
    for (text, parts) in [
        (
            "head.margin = { kind = \"cosfac\", margin = 0.4 }",
            &["line 1", "margin.kind: ", "did you mean `cosface`?"][..],
        ),
        ("head.pool = \"many\"", &["line 1", "pool: ", "many"]),
        (
            "head.update = { weighted = { alpha = \"a\" } }",
            &["line 1", "update.alpha: "],
        ),
    ] {
        assert_says(&set(text, &[]).unwrap_err(), parts);
    }
}

#[test]
fn settings_that_do_not_fit() {
    for (text, key) in [
        ("loader.batch = 5", "loader.batch"),
        ("head.pool = 95", "head.pool"),
        ("head.prefill = 1.5", "head.prefill"),
        ("gallery.momentum = 1.5", "gallery.momentum"),
        ("gallery.momentum = 1.0", "gallery.momentum"),
        ("training.length = \"0 steps\"", "training.length"),
        ("training.log = \"0 steps\"", "training.log"),
        ("training.evaluate = \"0 epochs\"", "training.evaluate"),
        ("checkpoint.every = \"0 steps\"", "checkpoint.every"),
        (
            "data.split = { held_out = 1.5, take = \"train\" }",
            "data.split.held_out",
        ),
        (
            "data.images = { law = \"equal\", images = 0 }",
            "data.images.images",
        ),
        (
            "schedule.decay = { kind = \"multi_step\", factor = 0.1, milestones = [\"9 epochs\", \"8 epochs\"] }",
            "schedule.decay.milestones",
        ),
        (
            "head.pool = 300\nhead.hard_negatives = 301",
            "head.hard_negatives",
        ),
        (
            "[[evaluation]]\nname = \" \"\nprotocol = { kind = \"random_pairs\", pairs = 10 }",
            "evaluation.name",
        ),
        ("gallery.reuse_up_to = 1.5", "gallery.reuse_up_to"),
        (
            "head.kind = \"queue\"\ngallery.reuse_up_to = 0.5",
            "gallery.reuse_up_to",
        ),
        ("training.clip_norm = 0.0", "training.clip_norm"),
        ("loader.queue = 65", "loader.queue"),
        ("loader.order = { power = 2.0 }", "loader.order.power"),
        ("loader.augment.grey = 2.0", "loader.augment.grey"),
        ("head.scale = 0.0", "head.scale"),
        (
            "head.margin = { kind = \"cosface\", margin = -1.0 }",
            "head.margin",
        ),
        (
            "head.update = { weighted = { alpha = 2.0 } }",
            "head.update.alpha",
        ),
        (
            "schedule.decay = { kind = \"cosine\", floor = 2.0 }",
            "schedule.decay.floor",
        ),
        ("checkpoint.keep = 0", "checkpoint.keep"),
        (
            "optimizer = { kind = \"sgd\", momentum = 1.0 }",
            "optimizer.momentum",
        ),
        (
            "optimizer = { kind = \"sgd\", momentum = 0.0 }",
            "optimizer.nesterov",
        ),
        (
            "optimizer = { kind = \"adamw\", learning_rate = -1.0 }",
            "optimizer.learning_rate",
        ),
        (
            "optimizer = { kind = \"adamw\", learning_rate = 0.0 }",
            "optimizer.learning_rate",
        ),
        // 1 in f32.
        (
            "optimizer = { kind = \"adamw\", beta_2 = 0.9999999999 }",
            "optimizer.beta_2",
        ),
        (
            "training.length = \"2 epochs\"\nschedule.warm_up = \"3 epochs\"",
            "schedule.warm_up",
        ),
        (
            "data.source = { format = \"synthetic\", identities = 0 }",
            "data: source: identities",
        ),
    ] {
        let error = Config::parse(text, "my.toml", &[]).unwrap_err().to_string();
        assert_says(&error, &[key, "must be"]);
    }
}

#[test]
fn a_length_without_a_unit_is_told_what_it_lacks() {
    let error = Config::parse("training.length = 10", "my.toml", &[]).unwrap_err();
    assert_says(&error.to_string(), &["500 steps", "1.5 epochs"]);
    let error = set("", &["training.length=10"]).unwrap_err();
    assert_says(&error, &["--set training.length=10", "500 steps"]);
    assert!(!error.contains("quotes"), "{error}");
}

/// Not the program's words for what a value may be; and what a shell makes of a table.
#[test]
fn wrong_values_are_told_in_words() {
    for (text, words) in [
        ("head.pool = \"many\"", "expected a whole number from 0"),
        ("head.scale = true", "expected a number"),
        ("data.rotations = 3", "expected true or false"),
        ("data.path = 3", "expected text"),
        ("gallery = 3", "expected a table"),
    ] {
        let error = Config::parse(text, "my.toml", &[]).unwrap_err().to_string();
        assert_says(&error, &[words]);
    }
    let error = set("", &["head={ kind = full }"]).unwrap_err();
    assert_says(&error, &["--set head={ kind = full }", "shell", "quotes"]);
}

/// The reference shows the keys of the other heads behind #, with their defaults.
#[test]
fn the_reference_shows_every_head() {
    let mut kinds = Vec::new();
    for table in Preset::REFERENCE.text.split("\n# [head]\n").skip(1) {
        let lines = table.lines().map_while(|line| line.strip_prefix("# "));
        let keys: Vec<&str> = lines.collect();
        let kind = keys[0].split('"').nth(1).unwrap();
        let head = |keys: &str| {
            // Groups of 10 must divide the batch, which must divide the queue.
            let batch = if kind == "virtual" { 640 } else { 64 };
            let text = format!("loader.batch = {batch}\n[head]\n{keys}");
            Config::parse(&text, "reference", &[]).unwrap().head
        };
        let keys = keys.join("\n");
        // It has no default of its own: the loss decides.
        head(&keys);
        let keys = keys.replace("temperature = 0.07", "");
        assert_eq!(head(&keys), head(&format!("kind = {kind:?}")));
        kinds.push(kind);
    }
    assert_eq!(
        kinds,
        ["full", "partial", "virtual", "queue", "triplet", "pairs"]
    );
}

/// What a training would refuse from the file alone is refused by the check, with the whole key.
#[test]
fn a_check_finds_what_a_training_would() {
    let evaluation = |protocol: &str| {
        format!("evaluation=[{{name=\"a\", data={{path=\"faces\"}}, protocol={protocol}}}]")
    };
    let cases = [
        (
            "backbone={network=\"compact\", height_px=33}".to_owned(),
            "backbone.height_px is 33",
        ),
        (
            "backbone={network=\"iresnet\", depth=101}".to_owned(),
            "backbone.depth is 101",
        ),
        (
            "backbone={network=\"compact\", channels=4}".to_owned(),
            "backbone.channels is 4",
        ),
        ("loader.workers=0".to_owned(), "loader.workers is 0"),
        (
            "loader.augment.grey=3".to_owned(),
            "loader.augment.grey is 3",
        ),
        (
            "head.margin={kind=\"arcface\", margin=28.6}".to_owned(),
            "head.margin",
        ),
        (
            evaluation("{kind=\"tar_at_far\", targets=[5.0]}"),
            "evaluation.0.protocol.target is 5",
        ),
        (
            evaluation("{kind=\"random_pairs\", pairs=7}"),
            "evaluation.0.protocol.pairs is 7",
        ),
        (
            evaluation("{kind=\"episodes\", ways=1, shots=1, episodes=9}"),
            "evaluation.0.protocol.ways is 1",
        ),
    ];
    for (setting, expected) in cases {
        let error = Config::parse("data.path = \"faces\"", "test", &[setting]).unwrap_err();
        assert_says(&error.to_string(), &[expected]);
    }
}

/// The name of a kind alone is told how its table is written.
#[test]
fn kinds_are_tables() {
    for (setting, table) in [
        (
            "head.margin=arcface",
            r#"{ kind = "arcface", margin = 0.5 }"#,
        ),
        ("schedule.decay=constant", r#"{ kind = "constant" }"#),
        ("optimizer=sgd", r#"{ kind = "sgd", learning_rate = 0.1 }"#),
        ("loader.damaged=skip", r#"{ policy = "skip", limit = 100 }"#),
        ("head.update=weighted", "{ weighted = { alpha = 0.5 } }"),
        ("backbone=iresnet", r#"{ network = "iresnet", depth = 50 }"#),
        ("head=full", r#"{ kind = "full" }"#),
    ] {
        let error = Config::parse("", "test", &[setting.to_owned()]).unwrap_err();
        assert_says(&error.to_string(), &["table, such as", table]);
    }
}
