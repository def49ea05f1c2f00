//! A training that takes a device, and nothing else that depends on one.

use std::error::Error;
use std::time::Instant;

use burn::tensor::Device;
use ffc_data::DualLoader;
use ffc_train::Trainer;
use ffc_train::config::Preset;

/// Trains the network of the built-in job on drawn identities and shows loss and speed.
///
/// # Errors
///
/// Where a part of the training fails, the device among them.
pub fn train(device: &Device, steps: u64) -> Result<(), Box<dyn Error>> {
    let config = Preset::SYNTHETIC.config(&[])?;
    let dataset = config.data.open(&mut |_| {})?;
    let identities = dataset.index().identities();
    let loader = DualLoader::new(dataset, config.loader(), 0)?;
    let schedule = config.schedule.init(steps, loader.steps_per_epoch())?;
    let mut trainer = Trainer::from_config(&config, identities, schedule, device)?;

    // Reading a number waits for the device: between two lines it runs ahead.
    let (mut since, mut images) = (Instant::now(), 0);
    for batch in loader.take(steps as usize) {
        let batch = batch?;
        let output = trainer.step(&batch)?;
        images += output.images;
        if output.step == 1 || output.step.is_multiple_of(20) {
            let loss = output.read()?.loss;
            let speed = images as f64 / since.elapsed().as_secs_f64();
            println!(
                "step {:4}  loss {loss:6.2}  {speed:6.0} images/s",
                output.step
            );
            (since, images) = (Instant::now(), 0);
        }
    }
    Ok(())
}
