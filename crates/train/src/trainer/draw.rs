#[cfg(feature = "flex")]
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Device;
#[cfg(feature = "flex")]
use burn::tensor::Tensor;
use ffc_model::Backbone;

use crate::Result;
use crate::config::Config;

/// Has every parameter drawn that nobody asked for yet.
#[cfg(feature = "flex")]
struct Ask;

#[cfg(feature = "flex")]
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
        host.seed(config.training.seed);
        let network = config.backbone.init(&host)?;
        // A parameter is drawn when it is first asked for, and then where it lies.
        network.visit(&mut Ask);
        return Ok(network.fork(device));
    }
    device.seed(config.training.seed);
    Ok(config.backbone.init(device)?)
}
