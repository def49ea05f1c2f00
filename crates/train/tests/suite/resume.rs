use std::fs;

use burn::tensor::Device;
use ffc_core::FfcHead;
use ffc_train::{Checkpoint, Checkpoints, Config, State, Trainer};
use tempfile::tempdir;

use super::support::assert_says;
use super::tiny::{alone, batches, schedule, tiny, trainer};

/// Everything that a training holds, as the bytes of its networks and pool, and the losses of further steps, which the
/// optimizer's state decides.
fn fingerprint(trainer: &Trainer) -> Vec<Vec<u8>> {
    let folder = tempdir().unwrap();
    let mut parts = Vec::new();
    for network in [Some(trainer.probe()), trainer.gallery()]
        .into_iter()
        .flatten()
    {
        let file = folder.path().join("network.safetensors");
        network
            .write_weights(&file, &tiny().preprocessing())
            .unwrap();
        parts.push(fs::read(&file).unwrap());
    }
    parts.push(
        trainer
            .head_as::<FfcHead>()
            .unwrap()
            .pool()
            .to_bytes()
            .unwrap()
            .to_vec(),
    );
    parts
}

fn run(trainer: &mut Trainer, config: &Config, steps: usize) -> Vec<f32> {
    batches(config, trainer.finished_steps(), steps)
        .iter()
        .map(|batch| trainer.step(batch).unwrap().read().unwrap().loss)
        .collect()
}

/// N + M steps equal N steps, a checkpoint, a new process and M steps, bit for bit, for every N and both optimizers.
#[test]
fn resume_at_every_step() {
    let _alone = alone();
    let device = Device::flex();
    for (optimizer, momentum) in [
        (
            r#"optimizer = { kind = "sgd", learning_rate = 0.05, decay_norms_and_biases = false }"#,
            0.99,
        ),
        (r#"optimizer = { kind = "adamw" }"#, 0.99),
        // Without a gallery network.
        (r#"optimizer = { kind = "adamw" }"#, 0.0),
    ] {
        let mut config = tiny();
        config.gallery.momentum = momentum;
        config.optimizer = Config::parse(optimizer, "test", &[]).unwrap().optimizer;
        config.training.clip_norm = Some(1.0);

        let mut whole = trainer(&config);
        let losses = run(&mut whole, &config, 6);
        assert!(losses.windows(2).all(|pair| pair[0] != pair[1]));

        for first in [0, 1, 3, 5] {
            let folder = tempdir().unwrap();
            let checkpoints = Checkpoints::new(folder.path(), 2);
            let mut trainer = trainer(&config);
            run(&mut trainer, &config, first);
            let state = State {
                step: first as u64,
                ..State::default()
            };
            let path = checkpoints.save(&trainer, &state).unwrap();
            drop(trainer);

            let checkpoint = Checkpoint::open(&path).unwrap();
            assert_eq!(checkpoint.state(), &state);
            let mut resumed = checkpoint
                .restore(&config, schedule(&config), &device)
                .unwrap();
            assert_eq!(resumed.finished_steps(), first as u64);
            assert_eq!(run(&mut resumed, &config, 6 - first), losses[first..]);
            assert!(
                fingerprint(&resumed) == fingerprint(&whole),
                "after {first} steps"
            );
        }
    }
}

/// What a network draws while it trains depends on seed and step alone.
#[test]
fn a_network_with_stochastic_depth_resumes() {
    let _alone = alone();
    let device = Device::flex();
    let mut config = tiny();
    config.backbone = serde_json::from_str(
        r#"{ "network": "vit", "embedding": 16, "height_px": 32, "width_px": 32, "patch_px": 8, "width": 32, "depth": 3, "heads": 2,
            "stochastic_depth": 0.5, "mask_ratio": 0.3 }"#,
    )
    .unwrap();
    let mut whole = trainer(&config);
    let losses = run(&mut whole, &config, 5);
    let folder = tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path(), 1);
    let mut trainer = trainer(&config);
    assert_eq!(run(&mut trainer, &config, 2), losses[..2]);
    let state = State {
        step: 2,
        ..State::default()
    };
    let path = checkpoints.save(&trainer, &state).unwrap();
    // Something else draws in between.
    device.seed(99);
    let checkpoint = Checkpoint::open(&path).unwrap();
    let mut resumed = checkpoint
        .restore(&config, schedule(&config), &device)
        .unwrap();
    assert_eq!(run(&mut resumed, &config, 3), losses[2..]);
}

/// After a damaged checkpoint was passed over, what is saved next stays and the damaged one goes.
#[test]
fn a_checkpoint_before_a_damaged_one_is_kept() {
    let _alone = alone();
    let config = tiny();
    let folder = tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path(), 1);
    let trainer = trainer(&config);
    let save = |step| {
        let state = State {
            step,
            ..State::default()
        };
        checkpoints.save(&trainer, &state).unwrap()
    };
    let damaged = save(9);
    fs::remove_file(damaged.join("pool.bpk")).unwrap();
    let kept = save(7);
    assert!(!damaged.exists());
    let (newest, passed_over) = checkpoints.newest().unwrap().unwrap();
    assert_eq!((newest.path(), passed_over.len()), (&*kept, 0));

    // What an interrupted save left.
    let rest = folder.path().join(".step-0000000008.partial");
    fs::create_dir(&rest).unwrap();
    checkpoints.clean().unwrap();
    assert!(!rest.exists() && kept.exists());
}

/// Each file of a checkpoint is needed whole; the newest whole one is taken.
#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let _alone = alone();
    let config = tiny();
    for name in [
        "probe.bpk",
        "gallery.bpk",
        "optimizer.bpk",
        "pool.bpk",
        "state.json",
        "manifest.json",
    ] {
        for damage in ["flip", "cut", "remove"] {
            let folder = tempdir().unwrap();
            let checkpoints = Checkpoints::new(folder.path(), 3);
            let mut trainer = trainer(&config);
            let mut paths = Vec::new();
            for step in 0..2 {
                if step > 0 {
                    run(&mut trainer, &config, 1);
                }
                let state = State {
                    step,
                    ..State::default()
                };
                paths.push(checkpoints.save(&trainer, &state).unwrap());
            }
            let file = paths[1].join(name);
            let mut bytes = fs::read(&file).unwrap();
            match damage {
                "flip" => {
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 1;
                    fs::write(&file, bytes).unwrap();
                }
                "cut" => fs::write(&file, &bytes[..bytes.len() / 2]).unwrap(),
                _ => fs::remove_file(&file).unwrap(),
            }
            let (checkpoint, passed_over) = checkpoints.newest().unwrap().unwrap();
            assert_eq!(checkpoint.path(), paths[0], "{name} {damage}");
            assert_eq!(passed_over.len(), 1);
            assert_eq!(passed_over[0].path, paths[1]);
            let message = passed_over[0].error.to_string();
            assert!(message.contains(name) || name == "state.json", "{message}");

            fs::remove_file(paths[0].join("manifest.json")).unwrap();
            assert!(checkpoints.newest().is_err(), "all are damaged");
        }
    }
}

/// The last ones are kept and the best.
#[test]
fn old_checkpoints_are_removed_but_for_the_best() {
    let _alone = alone();
    let config = tiny();
    let folder = tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path(), 2);
    let trainer = trainer(&config);
    for step in 1..=5 {
        let best = Some(ffc_train::Best {
            step: 2,
            value: 0.5,
            evaluation: "lfw".into(),
        });
        let state = State {
            step,
            elapsed_s: 1.0,
            best,
            ..State::default()
        };
        checkpoints.save(&trainer, &state).unwrap();
    }
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["step-0000000002", "step-0000000004", "step-0000000005"]
    );
}

/// A checkpoint that was to take the place of an older one of its step, which was removed already when the process was killed.
#[test]
fn a_whole_checkpoint_without_its_name_gets_it() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path(), 2);
    let state = State {
        step: 7,
        ..State::default()
    };
    let path = checkpoints.save(&trainer(&tiny()), &state).unwrap();
    let aside = folder.path().join(".step-0000000007.partial");
    fs::rename(&path, &aside).unwrap();
    // What is left of the older one.
    fs::create_dir(&path).unwrap();
    fs::write(path.join("pool.bpk"), "").unwrap();
    checkpoints.clean().unwrap();
    assert!(!aside.exists());
    let (newest, passed_over) = checkpoints.newest().unwrap().unwrap();
    assert_eq!((newest.path(), passed_over.len()), (&*path, 0));

    // With a file less it is no checkpoint.
    fs::rename(&path, &aside).unwrap();
    fs::remove_file(aside.join("pool.bpk")).unwrap();
    checkpoints.clean().unwrap();
    assert!(!aside.exists() && checkpoints.newest().unwrap().is_none());
}

/// A checkpoint of another head lacks what this one needs, and says so.
#[test]
fn a_manifest_names_what_the_head_needs() {
    let _alone = alone();
    for name in ["gallery.bpk", "pool.bpk"] {
        let folder = tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path(), 1);
        let path = checkpoints.save(&trainer(&tiny()), &State::default());
        let manifest = path.unwrap().join("manifest.json");
        let mut json: serde_json::Value =
            serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
        json["files"].as_object_mut().unwrap().remove(name).unwrap();
        fs::write(&manifest, serde_json::to_vec(&json).unwrap()).unwrap();
        let (checkpoint, _) = checkpoints.newest().unwrap().unwrap();
        let error = checkpoint
            .restore(&tiny(), schedule(&tiny()), &Device::flex())
            .unwrap_err();
        assert_says(&error.to_string(), &["manifest.json", name, "head needs"]);
    }
}
