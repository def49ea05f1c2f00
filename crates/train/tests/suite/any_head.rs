//! Every kind of head in the same run.

use std::fs;

use ffc_train::{Config, Environment, Interrupt, RunFolder};
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

/// A run with any head that is interrupted after every step ends as one that is not.
#[test]
fn any_head_resumes_bit_for_bit() {
    let _alone = alone();
    for head in HEADS {
        let mut config = config();
        let folder = tempdir().unwrap();
        let head = head.replace("FOLDER", folder.path().to_str().unwrap());
        let text = format!("head = {{ {head} }}");
        config.head = Config::parse(&text, "test", &["loader.batch=4".to_owned()])
            .unwrap_or_else(|error| panic!("{head}: {error}"))
            .head;
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
