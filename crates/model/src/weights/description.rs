use std::collections::HashMap;
use std::path::Path;

use super::foreign::what_it_is;
use super::read::{NETWORK, PREPROCESSING, is_onnx};
use super::{Preprocessing, safetensors_header};
use crate::backbone::BackboneConfig;
use crate::{Error, Result, onnx};

/// What a weight file tells of itself. Only SafeTensors and ONNX files that this crate wrote tell anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Description {
    /// The network that the weights are of.
    pub network: Option<BackboneConfig>,
    /// What was done to its pictures.
    pub preprocessing: Option<Preprocessing>,
}

impl Description {
    /// Reads a file's metadata, not its weights.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::WeightFile`] where the file or its metadata cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let metadata = match safetensors_header::metadata(path)? {
            Some(metadata) => metadata,
            None if is_onnx(path)? => {
                let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
                let metadata = onnx::metadata(&bytes);
                metadata.map_err(|problem| Error::OnnxGraph {
                    path: path.to_owned(),
                    problem,
                })?
            }
            None => match what_it_is(path) {
                Some(problem) => return Err(Error::weight_file(path, problem)),
                None => HashMap::new(),
            },
        };
        let problem = |what: &str, error: serde_json::Error| {
            Error::weight_file(path, format!("its {what}: {error}"))
        };
        let network = metadata.get(NETWORK).map(|text| serde_json::from_str(text));
        let preprocessing = metadata
            .get(PREPROCESSING)
            .map(|text| serde_json::from_str(text));
        Ok(Self {
            network: network
                .transpose()
                .map_err(|error| problem(NETWORK, error))?,
            preprocessing: preprocessing
                .transpose()
                .map_err(|error| problem(PREPROCESSING, error))?,
        })
    }
}
