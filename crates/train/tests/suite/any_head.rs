//! Every kind of head in the same run.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use ffc_core::{HeadBytes, HeadContext};
use ffc_train::config::HeadConfig;
use ffc_train::{Config, Environment, Interrupt, RunFolder, Timing, TrainingData};
use tempfile::tempdir;

use super::tiny::alone;
use super::training::{config, files, metrics, run};

/// Every kind of head in the same training.
const HEADS: [&str; 14] = [
    r#"kind = "ffc", pool = 12, margin = { kind = "adaface" }"#,
    r#"kind = "full""#,
    r#"kind = "full", margin = { kind = "adaface" }"#,
    r#"kind = "partial", sample_rate = 0.5"#,
    r#"kind = "partial", sample_rate = 0.5, update = "dense""#,
    r#"kind = "partial", storage = "bf16""#,
    r#"kind = "partial", storage = { file = "FOLDER/weights" }"#,
    r#"kind = "queue", queue = 12"#,
    r#"kind = "queue", queue = 12, start = "random""#,
    r#"kind = "virtual", rows = 5, images = 2"#,
    r#"kind = "virtual", rows = 5, images = 2, joint = { identities = 20 }"#,
    r#"kind = "triplet", images = 2"#,
    r#"kind = "pairs""#,
    r#"kind = "pairs", loss = "supcon""#,
];

fn parsed(head: &str, folder: &Path) -> HeadConfig {
    let head = head.replace("FOLDER", folder.to_str().unwrap());
    let text = format!("head = {{ {head} }}");
    Config::parse(&text, "test", &["loader.batch=4".to_owned()])
        .unwrap_or_else(|error| panic!("{head}: {error}"))
        .head
}

/// What settings say of a head is what the head itself says, and the bytes are those of the matrices that it saves.
#[test]
fn settings_tell_needs_and_bytes() {
    let device = Device::flex().autodiff();
    for text in HEADS {
        let folder = tempdir().unwrap();
        let config = parsed(text, folder.path());
        let context = HeadContext {
            identities: 50,
            dim: 8,
            batch: 4,
            seed: 0,
            device: &device,
            ranks: None,
        };
        let head = config.init(&context).unwrap();
        assert_eq!(config.needs(50), head.needs(), "{text}");
        let matrices =
            (head.parts().iter()).filter(|part| part.ends_with(".f32") && **part != "margin.f32");
        let saved: usize = matrices
            .map(|&part| {
                let mut bytes = Vec::new();
                head.write_part(part, &mut bytes).unwrap();
                bytes.len()
            })
            .sum();
        let HeadBytes {
            rows,
            momenta,
            of_step,
            in_file,
        } = config.bytes(50, 8, 4);
        let kept = match text {
            // Saved in 32 bits.
            text if text.contains("bf16") => 2 * (rows + momenta),
            // Two layers of the pool, which is saved as a record.
            text if text.contains("\"ffc\"") => rows - 2 * 12 * 8 * 4,
            _ => rows + momenta + in_file,
        };
        assert_eq!(kept, saved as u64, "{text}");
        // Of Partial FC's sample, at least the batch's classes, rows and momenta; of a file's on the host too.
        let sampled = |rows: u64| 2 * rows * 8 * 4;
        let copies = match text {
            text if text.contains("0.5") => sampled(25),
            text if text.contains("bf16") => sampled(5),
            text if text.contains("file") => 2 * sampled(5),
            _ => 0,
        };
        assert_eq!(of_step, copies, "{text}");
    }
}

/// Steps of any head can be timed, and nothing is left behind.
#[test]
fn steps_of_any_head_are_timed() {
    let _alone = alone();
    for text in HEADS {
        let folder = tempdir().unwrap();
        let mut config = config();
        config.head = parsed(text, folder.path());
        let data = TrainingData::open(&config, &mut |_| {}).unwrap();
        let timing = Timing::measure(&config, data, &Device::flex(), 1, true)
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            (timing.identities, timing.steps_per_epoch),
            (40, 30),
            "{text}"
        );
        assert_eq!(timing.pictures, config.pictures());
        assert!(timing.step_s > 0.0 && timing.head_s > 0.0 && timing.evaluation_s > 0.0);
        // 8 steps; evaluations before them, after 4, after 8 and of the other network, where there is one.
        let evaluations = match timing.pictures.embedded > timing.pictures.trained {
            true => 4.0,
            false => 3.0,
        };
        let expected = 8.0 * timing.step_s + evaluations * timing.evaluation_s;
        assert!((timing.expected_s(&config) - expected).abs() < 1e-9);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{text}");
    }
}

/// A run with any head that is interrupted after every step ends as one that is not.
#[test]
fn any_head_resumes_bit_for_bit() {
    let _alone = alone();
    for head in HEADS {
        let mut config = config();
        let folder = tempdir().unwrap();
        config.head = parsed(head, folder.path());
        config.training.length = "6 steps".parse().unwrap();
        let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
        let run_folder = RunFolder::create(&whole, config.clone(), &Environment::new()).unwrap();
        run(&run_folder, Interrupt::default()).unwrap_or_else(|error| panic!("{head}: {error}"));
        drop(RunFolder::create(&parts, config, &Environment::new()).unwrap());
        for step in 1..=6 {
            let run_folder = RunFolder::resume(&parts, &[]).unwrap();
            let interrupt = Interrupt::default();
            interrupt.request();
            let outcome = run(&run_folder, interrupt).unwrap();
            assert_eq!(outcome.steps, step, "{head}");
        }
        // The head's parts lie in the checkpoint. Records of networks have numbers of their own; their weights are written apart.
        let checkpoint = "checkpoints/step-0000000006/";
        let own = [
            "probe.bpk",
            "gallery.bpk",
            "optimizer.bpk",
            "state.json",
            "manifest.json",
        ];
        let parts_of_head = files(&whole.join(checkpoint)).into_iter();
        let parts_of_head = parts_of_head.filter(|name| !own.contains(&name.as_str()));
        let weights = files(&whole).into_iter();
        let weights = weights.filter(|name| name.ends_with(".safetensors"));
        for name in parts_of_head
            .map(|name| format!("{checkpoint}{name}"))
            .chain(weights)
        {
            let [whole, parts] = [&whole, &parts].map(|run| fs::read(run.join(&name)).unwrap());
            assert!(whole == parts, "{head}: {name}");
        }
        assert_eq!(metrics(&whole), metrics(&parts), "{head}");
    }
}
