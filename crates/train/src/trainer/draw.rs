use std::sync::{Mutex, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use ffc_model::Backbone;

use crate::Result;
use crate::config::Config;

/// Has every parameter drawn that nobody asked for yet.
struct Ask;

impl ModuleVisitor for Ask {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let _ = param.val();
    }
}

/// A network with random weights. With the feature `flex` they are drawn on the processor, so that a seed gives the same ones on
/// every device.
pub(super) fn network(config: &Config, device: &Device) -> Result<Backbone> {
    #[cfg(feature = "flex")]
    if *device != Device::flex() {
        let host = Device::flex().autodiff();
        return Ok(drawn(config, &host)?.fork(device));
    }
    drawn(config, device)
}

/// A device has one generator: two trainings of a process do not draw at once.
static DRAWING: Mutex<()> = Mutex::new(());

/// A parameter is drawn when it is first asked for, where it lies then and by what was seeded last: so all are asked for at once.
fn drawn(config: &Config, device: &Device) -> Result<Backbone> {
    let _drawing = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(config.training.seed);
    let network = config.backbone.init(device)?;
    network.visit(&mut Ask);
    Ok(network)
}
