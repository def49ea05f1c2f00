//! On another device than the processor: `BURN_DEVICE=wgpu cargo test --workspace --features wgpu devices -- --ignored`.

use burn::tensor::Device;
use ffc_train::{Config, Trainer};

use super::tiny::{alone, batches, ffc, schedule, tiny_with};

const STEPS: usize = 50;

fn config() -> Config {
    // Calm enough for rounding not to grow into other losses.
    let mut config = tiny_with("optimizer.learning_rate=0.005");
    config.loader.batch = 16;
    ffc(&mut config).pool = 30;
    config.training.length = format!("{STEPS} steps").parse().unwrap();
    config
}

fn losses(config: &Config, device: &Device) -> Vec<f32> {
    let mut trainer = Trainer::from_config(config, 40, schedule(config), device).unwrap();
    batches(config, 0, STEPS)
        .iter()
        .map(|batch| trainer.step(batch).unwrap().read().unwrap().loss)
        .collect()
}

/// Seed and data decide the losses, not the device; and they fall.
#[test]
#[ignore = "needs BURN_DEVICE and a build with that backend"]
fn the_same_losses_as_on_the_processor() {
    let _alone = alone();
    assert!(std::env::var_os("BURN_DEVICE").is_some());
    let device = Device::default();
    assert_ne!(device, Device::flex());
    let config = config();
    let expected = losses(&config, &Device::flex());
    let found = losses(&config, &device);
    for (step, (found, expected)) in found.iter().zip(&expected).enumerate() {
        println!("step {step}: {found} {expected}");
    }
    // Rounding grows from step to step.
    for (step, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let tolerance = if step < 5 { 1e-4 } else { 1e-2 };
        assert!(
            (found - expected).abs() <= tolerance * expected,
            "step {step}: {found} {expected}"
        );
    }
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    assert!(mean(&found[STEPS - 10..]) < 0.9 * mean(&found[..10]));
}
