use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;
use ffc_core::FfcHeadConfig;
use ffc_data::{Dataset, DualBatch, DualLoader, ImageCounts, SourceConfig, SyntheticConfig};
use ffc_train::config::{HeadConfig, Schedule};
use ffc_train::{Config, Result, Trainer};

/// Held by tests that train: a device has one generator of random numbers for the whole process.
pub fn alone() -> MutexGuard<'static, ()> {
    static TRAINING: Mutex<()> = Mutex::new(());
    TRAINING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A training of a minute network on 40 synthetic identities.
pub fn tiny() -> Config {
    tiny_with("training.seed=0")
}

/// The same with another setting.
pub fn tiny_with(setting: &str) -> Config {
    let mut config = Config::parse(
        r#"
        training.length = "8 steps"
        loader.batch = 4
        loader.workers = 1
        head.pool = 12
        backbone = { network = "compact", width = 0.25, embedding = 16, height_px = 16, width_px = 16 }
        optimizer = { kind = "sgd", learning_rate = 0.05 }
        schedule = { warm_up = "2 steps", decay = { kind = "cosine", floor = 0.1 } }
        "#,
        "test",
        &[setting.to_owned()],
    )
    .unwrap();
    config.data.source = Some(SourceConfig::Synthetic(SyntheticConfig {
        identities: 40,
        images: ImageCounts::Equal { images: 3 },
        size_px: 16,
        ..Default::default()
    }));
    config
}

pub fn dataset(config: &Config) -> Arc<Dataset> {
    config.data.open(&mut |_| {}).unwrap()
}

pub fn loader(config: &Config, first_step: u64) -> DualLoader {
    DualLoader::new(dataset(config), config.loader(), first_step).unwrap()
}

pub fn batches(config: &Config, first_step: u64, count: usize) -> Vec<DualBatch> {
    loader(config, first_step)
        .take(count)
        .map(|batch| batch.unwrap())
        .collect()
}

pub fn schedule(config: &Config) -> Schedule {
    config.schedule.init(8, 30).unwrap()
}

pub fn try_trainer(config: &Config) -> Result<Trainer> {
    Trainer::from_config(config, 40, schedule(config), &Device::flex())
}

pub fn trainer(config: &Config) -> Trainer {
    try_trainer(config).unwrap()
}

/// The settings of a configuration's FFC head.
pub fn ffc(config: &mut Config) -> &mut FfcHeadConfig {
    match &mut config.head {
        HeadConfig::Ffc(head) => head,
        head => panic!("{head:?} is no FFC head"),
    }
}
