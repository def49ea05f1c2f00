use std::collections::HashMap;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use safetensors::tensor::{Dtype, TensorView};

use super::names::Place;
use super::read::{NETWORK, PREPROCESSING};
use super::{Preprocessing, TensorInfo, safetensors_header};
use crate::backbone::Backbone;
use crate::{Error, Result};

impl Backbone {
    /// Writes a SafeTensors file with PyTorch's names and layout in 32-bit floats, which the reference's `load_state_dict` takes.
    /// `preprocessing` and the network's settings travel in its metadata.
    ///
    /// The file appears under its name when it is complete and on disk; until then an older one stays.
    ///
    /// # Errors
    ///
    /// [`Error::PreprocessingShape`] where `preprocessing` gives other pictures than the network takes; [`Error::Tensor`] where a tensor
    /// cannot be read from its device; [`Error::Io`].
    pub fn write_weights(
        &self,
        path: impl AsRef<Path>,
        preprocessing: &Preprocessing,
    ) -> Result<()> {
        let path = path.as_ref();
        self.check_pictures(preprocessing)?;
        let tensors = contents(self).into_iter().map(|(tensor, bytes)| {
            let bytes = bytes.map_err(|problem| Error::tensor(path, &tensor.name, problem))?;
            Ok((tensor, bytes))
        });
        let tensors = tensors.collect::<Result<Vec<_>>>()?;

        let views = tensors.iter().map(|(tensor, bytes)| {
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)
                .map_err(|problem| Error::tensor(path, &tensor.name, problem))?;
            Ok((tensor.name.as_str(), view))
        });
        let views = views.collect::<Result<Vec<_>>>()?;
        let json = |value: serde_json::Result<String>| {
            value.map_err(|error| Error::io("write", path)(error.into()))
        };
        let metadata = HashMap::from([
            // Readers of the PyTorch world look for this one.
            ("format".to_owned(), "pt".to_owned()),
            (
                NETWORK.to_owned(),
                json(serde_json::to_string(self.config()))?,
            ),
            (
                PREPROCESSING.to_owned(),
                json(serde_json::to_string(preprocessing))?,
            ),
        ]);
        let mut bytes = safetensors::serialize(views, Some(metadata))
            .map_err(|problem| Error::weight_file(path, problem))?;
        safetensors_header::put_in_order(path, &mut bytes)?;
        ffc_files::write(path, &bytes).map_err(Error::io("write", path))
    }
}

impl Backbone {
    /// Whether a preprocessing gives the pictures that the network takes.
    pub(crate) fn check_pictures(&self, preprocessing: &Preprocessing) -> Result<()> {
        let input = self.config().input();
        let network = [input.channels, input.height_px, input.width_px];
        if preprocessing.shape() == network {
            return Ok(());
        }
        Err(Error::PreprocessingShape {
            preprocessing: preprocessing.shape(),
            network,
        })
    }
}

/// A tensor with its bytes, or why there are none.
type Content = (TensorInfo, std::result::Result<Vec<u8>, String>);

/// A network's tensors in 32-bit floats.
pub(super) fn contents(network: &Backbone) -> Vec<Content> {
    let mut collect = Collect {
        place: Place::new(network.names()),
        tensors: Vec::new(),
    };
    // A validation copy has its running statistics up to date.
    network.valid().visit(&mut collect);
    collect.tensors
}

struct Collect {
    place: Place,
    tensors: Vec<Content>,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.place.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.place.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let tensor = self.place.tensor(&value.dims());
        let value = if self.place.is_transposed() {
            value.swap_dims(0, 1)
        } else {
            value
        };
        self.tensors.push((tensor, little_endian(value)));
    }
}

/// A tensor's numbers in 32-bit floats as files have them, or why its device does not give them.
pub(crate) fn little_endian<const D: usize>(
    tensor: Tensor<D>,
) -> std::result::Result<Vec<u8>, String> {
    let data = tensor.try_into_data().map_err(|error| error.to_string())?;
    let data = data.convert::<f32>();
    let values = data
        .as_slice::<f32>()
        .map_err(|error| format!("{error:?}"))?;
    Ok(values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect())
}
