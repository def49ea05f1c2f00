use std::path::Path;

use burn::module::Module;
use burn::tensor::Tensor;
use burn_onnx::export::{AxisSpec, InputSpec, OnnxExporter};

use crate::backbone::Backbone;
use crate::layer::NormMode;
use crate::{Error, Result};

impl Backbone {
    /// Writes the network in evaluation mode as ONNX: pictures `[batch, channels, height, width]` in, raw embeddings out, the number of
    /// pictures free.
    ///
    /// # Errors
    ///
    /// [`Error::Onnx`] where burn's exporter lacks an operation, as it does for the vision transformer; [`Error::Io`].
    pub fn write_onnx(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        // The exporter moves running statistics to a device of its own: a validation copy has none that others use.
        let network = self.valid();
        let input = self.config().input();
        // Two batches of different size show it which dimension is free.
        let [sample, other] = [2, 3].map(|rows| {
            let shape = [rows, input.channels, input.height_px, input.width_px];
            Tensor::<4>::zeros(shape, &network.devices()[0])
        });
        let axes = [
            AxisSpec::dynamic("batch"),
            AxisSpec::Static,
            AxisSpec::Static,
            AxisSpec::Static,
        ];
        let model = OnnxExporter::new().export_dynamic(
            &network,
            sample,
            other,
            &[InputSpec::new(axes)],
            |network: &Backbone, images| network.embed(images, NormMode::Evaluate),
        );
        let model = model.map_err(|error| Error::Onnx {
            path: path.to_owned(),
            problem: error.to_string(),
        })?;
        ffc_files::write(path, model.as_bytes()).map_err(Error::io("write", path))
    }
}
