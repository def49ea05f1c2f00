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
    let config = parse(&["data.source={ format = \"synthetic\" }", "data.path=faces"]).unwrap();
    assert_eq!(
        (config.data.source, config.data.path),
        (None, Some("faces".into()))
    );

    let error = |text: &str| parse(&[text]).unwrap_err().to_string();
    assert_says(
        &error("head.pol=500"),
        &["--set head.pol=500", "did you mean `pool`?"],
    );
    assert_says(&error("head.pool"), &["--set head.pool", "key=value"]);
    assert_says(
        &error("evaluation.0.name.size=3"),
        &["name is of type string", "no keys"],
    );
    assert_says(
        &error("evaluation.1.name=b"),
        &["no element of a list of 1"],
    );
}

#[test]
fn settings_that_do_not_fit() {
    for (text, key) in [
        ("loader.batch = 5", "loader.batch"),
        ("head.pool = 95", "head.pool"),
        ("head.prefill = 1.5", "head.prefill"),
        ("gallery.momentum = 1.5", "gallery.momentum"),
        ("training.clip_norm = 0.0", "training.clip_norm"),
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
    ] {
        let error = Config::parse(text, "my.toml", &[]).unwrap_err().to_string();
        assert_says(&error, &[key, "must be"]);
    }
}
