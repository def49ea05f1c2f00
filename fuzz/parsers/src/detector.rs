use burn::tensor::Device;
use ffc_align::{Mtcnn, MtcnnConfig};

use crate::scratch;

/// The wheel of a detector's weights.
pub fn detector(bytes: &[u8]) -> bool {
    let path = scratch::file("detector.whl", bytes);
    Mtcnn::read(path, MtcnnConfig::default(), &Device::flex()).is_ok()
}
