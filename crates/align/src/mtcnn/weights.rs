//! Where the networks' weights lie, and their tensors.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use ffc_data::FingerprintWriter;
use ffc_model::weights::read_tensors;
use zip::ZipArchive;

use crate::{Error, Result};

/// The files, as facenet-pytorch names them.
const FILES: [&str; 3] = ["pnet.pt", "rnet.pt", "onet.pt"];

/// Bytes that one of them may have: the largest has 1.6 million.
const MOST_BYTES: u64 = 64 << 20;

/// The tensors of P, R and O: of a folder with their three files, of one of these files with the others beside it, or of the wheel of
/// facenet-pytorch as a registry serves it.
pub(super) fn read(path: &Path) -> Result<[Tensors; 3]> {
    if path.is_dir() {
        return read_files(FILES.map(|name| path.join(name)));
    }
    let is_one = path
        .file_name()
        .is_some_and(|name| FILES.iter().any(|file| name == *file));
    match is_one {
        true => read_files(FILES.map(|name| path.with_file_name(name))),
        false => read_wheel(path),
    }
}

fn read_files(paths: [PathBuf; 3]) -> Result<[Tensors; 3]> {
    if let Some(missing) = paths.iter().find(|path| !path.exists()) {
        let problem = format!("there is no such file; a detector has {}", FILES.join(", "));
        return Err(Error::detector(missing, problem));
    }
    let [p, r, o] = paths;
    Ok([Tensors::read(p)?, Tensors::read(r)?, Tensors::read(o)?])
}

/// A wheel is a zip archive.
fn read_wheel(path: &Path) -> Result<[Tensors; 3]> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let mut wheel = ZipArchive::new(file).map_err(|error| {
        let problem = format!(
            "it is neither a folder with {} nor the whole wheel of facenet-pytorch ({error})",
            FILES.join(", ")
        );
        Error::detector(path, problem)
    })?;
    let folder =
        tempfile::tempdir().map_err(Error::io("make a folder in", std::env::temp_dir()))?;
    for name in FILES {
        let found = (0..wheel.len()).find(|&number| {
            let member = wheel.name_for_index(number);
            matches!(member, Some(Ok(member)) if member.rsplit('/').next() == Some(name))
        });
        let number = found.ok_or_else(|| {
            Error::detector(
                path,
                format!("it holds no {name}; expected the wheel of facenet-pytorch"),
            )
        })?;
        let wrong = |problem: &dyn std::fmt::Display| {
            Error::detector(path, format!("member {name}: {problem}"))
        };
        let member = wheel.by_index(number).map_err(|error| wrong(&error))?;
        if member.size() > MOST_BYTES {
            return Err(wrong(&format!(
                "it unpacks to {} bytes, at most {MOST_BYTES} are read",
                member.size()
            )));
        }
        let place = folder.path().join(name);
        let mut unpacked = File::create(&place).map_err(Error::io("write", &place))?;
        // What a member says of its length need not be true.
        std::io::copy(&mut std::io::Read::take(member, MOST_BYTES), &mut unpacked)
            .map_err(|error| wrong(&error))?;
    }
    let unpacked = format!("{}{}", folder.path().display(), std::path::MAIN_SEPARATOR);
    let of_wheel = |name: &str| -> Result<Tensors> {
        let tensors = Tensors::read(folder.path().join(name)).map_err(|error| {
            let problem = error.to_string().replace(&unpacked, "member ");
            Error::detector(path, problem)
        })?;
        Ok(Tensors {
            path: path.join(name),
            ..tensors
        })
    };
    Ok([
        of_wheel(FILES[0])?,
        of_wheel(FILES[1])?,
        of_wheel(FILES[2])?,
    ])
}

/// The tensors of a network that are not yet in its layers.
pub(super) struct Tensors {
    path: PathBuf,
    tensors: BTreeMap<String, TensorData>,
}

impl Tensors {
    fn read(path: PathBuf) -> Result<Self> {
        let tensors = read_tensors(&path)?;
        Ok(Self { path, tensors })
    }

    /// Puts all numbers into a fingerprint.
    pub(super) fn note(&self, writer: &mut FingerprintWriter) {
        for (name, data) in &self.tensors {
            writer.setting(name.as_bytes());
            let bytes: Vec<u8> = data.iter::<f32>().flat_map(f32::to_le_bytes).collect();
            writer.setting(&bytes);
        }
    }

    /// A parameter, by its name in PyTorch.
    pub(super) fn take<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
        device: &Device,
    ) -> Result<Param<Tensor<D>>> {
        let data = self.data(name, &shape)?;
        Ok(parameter(data, device))
    }

    /// The weight of a linear layer, which PyTorch keeps with a row an output: `[inputs, outputs]`.
    pub(super) fn take_transposed(
        &mut self,
        name: &str,
        [inputs, outputs]: [usize; 2],
        device: &Device,
    ) -> Result<Param<Tensor<2>>> {
        let data = self.data(name, &[outputs, inputs])?;
        let values: Vec<f32> = data.iter().collect();
        let by_input =
            (0..inputs).flat_map(|input| (0..outputs).map(move |output| (input, output)));
        let transposed: Vec<f32> = by_input
            .map(|(input, output)| values[output * inputs + input])
            .collect();
        Ok(parameter(
            TensorData::new(transposed, [inputs, outputs]),
            device,
        ))
    }

    fn data(&mut self, name: &str, shape: &[usize]) -> Result<TensorData> {
        let data = self.tensors.remove(name);
        let data = data.ok_or_else(|| self.wrong(format!("there is no tensor {name}")))?;
        if data.shape().as_slice() != shape {
            let problem = format!(
                "{name} has the shape {:?}, expected {shape:?}",
                data.shape().as_slice()
            );
            return Err(self.wrong(problem));
        }
        Ok(data)
    }

    /// Checks that all were taken.
    pub(super) fn finish(self) -> Result<()> {
        match self.tensors.keys().next() {
            None => Ok(()),
            Some(name) => Err(self.wrong(format!("it holds {name}, which the network has not"))),
        }
    }

    fn wrong(&self, problem: String) -> Error {
        let problem =
            format!("{problem}: these are not the weights of MTCNN as facenet-pytorch has them");
        Error::detector(&self.path, problem)
    }
}

fn parameter<const D: usize>(data: TensorData, device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::from_data(data, device))
}
