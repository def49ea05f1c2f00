use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

use crate::{Error, Gallery, Result};

/// Embeddings as `ffc embed` writes them: a SafeTensors file with `embeddings`, `[rows, dim]` in 32-bit floats, and in its metadata under
/// `images` the rows' names and under `reference` what the network makes of a picture that is always the same, JSON arrays, under `as_stored` whether pictures were not turned, and under `aligned` whether faces were aligned. The file is mapped, not read: a search takes no memory of the process for it.
#[derive(Debug)]
pub struct EmbeddingFile {
    path: PathBuf,
    map: Mmap,
    /// Bytes of the embeddings.
    values: Range<usize>,
    dim: usize,
    names: Option<Vec<String>>,
    reference: Option<Vec<f32>>,
    as_stored: Option<bool>,
    aligned: Option<bool>,
}

impl EmbeddingFile {
    /// Maps a file and reads its header.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] where the file holds something else.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |action| {
            let path = path.to_owned();
            move |source| Error::Io {
                action,
                path,
                source,
            }
        };
        let problem = |problem: String| Error::Format {
            path: path.to_owned(),
            problem,
        };
        let file = File::open(path).map_err(io("open"))?;
        let map = map(&file).map_err(io("map"))?;
        let (header, metadata) = SafeTensors::read_metadata(&map)
            .map_err(|error| problem(format!("not a SafeTensors file: {error}")))?;
        let tensor = metadata.info("embeddings").ok_or_else(|| {
            problem("holds no tensor `embeddings`; `ffc embed` writes one".into())
        })?;
        let &[rows, dim] = &tensor.shape[..] else {
            let found = format!("`embeddings` has the shape {:?}", tensor.shape);
            return Err(problem(format!("{found}, expected [rows, dimensions]")));
        };
        if tensor.dtype != Dtype::F32 || dim == 0 {
            let found = format!("`embeddings` is {:?} of {dim} dimensions", tensor.dtype);
            return Err(problem(format!("{found}, expected F32 of 1 or more")));
        }
        let (start, end) = tensor.data_offsets;
        let begin = size_of::<u64>() + header;
        let told = |key| metadata.metadata().as_ref()?.get(key);
        let names: Option<Vec<String>> = (told("images"))
            .map(|json| serde_json::from_str(json))
            .transpose()
            .map_err(|error| problem(format!("its names of images: {error}")))?;
        let reference: Option<Vec<f32>> = (told("reference"))
            .map(|json| serde_json::from_str(json))
            .transpose()
            .map_err(|error| problem(format!("its reference: {error}")))?;
        let as_stored: Option<bool> = (told("as_stored"))
            .map(|json| serde_json::from_str(json))
            .transpose()
            .map_err(|error| problem(format!("its as_stored: {error}")))?;
        let aligned: Option<bool> = (told("aligned"))
            .map(|json| serde_json::from_str(json))
            .transpose()
            .map_err(|error| problem(format!("its aligned: {error}")))?;
        if let Some(names) = &names
            && names.len() != rows
        {
            return Err(problem(format!(
                "{} names for {rows} embeddings",
                names.len()
            )));
        }
        let file = Self {
            path: path.to_owned(),
            values: begin + start..begin + end,
            map,
            dim,
            names,
            reference,
            as_stored,
            aligned,
        };
        file.values()?;
        Ok(file)
    }

    /// The embeddings.
    ///
    /// # Errors
    /// [`Error::Format`] where they do not lie as this machine's numbers do.
    pub fn gallery(&self) -> Result<Gallery<'_>> {
        Gallery::new(self.dim, self.values()?)
    }

    /// The name of a row, where the file has names.
    pub fn name(&self, row: usize) -> Option<&str> {
        Some(self.names.as_ref()?.get(row)?)
    }

    /// What the network that made the embeddings makes of the reference picture, where the file tells it.
    pub fn reference(&self) -> Option<&[f32]> {
        self.reference.as_deref()
    }

    /// Whether the pictures were left as they are stored, whatever their EXIF data say, where the file tells it.
    pub fn as_stored(&self) -> Option<bool> {
        self.as_stored
    }

    /// Whether faces were aligned; none where the file does not tell.
    pub fn aligned(&self) -> Option<bool> {
        self.aligned
    }

    fn values(&self) -> Result<&[f32]> {
        let misplaced = |_| Error::Format {
            path: self.path.clone(),
            problem: "its embeddings do not begin at a multiple of 4 bytes".into(),
        };
        if cfg!(target_endian = "big") {
            return Err(Error::Format {
                path: self.path.clone(),
                problem: "its numbers are little-endian, this machine's are not".into(),
            });
        }
        pulp::bytemuck::try_cast_slice(&self.map[self.values.clone()]).map_err(misplaced)
    }
}

#[allow(unsafe_code)]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: `ffc embed` writes such files aside and renames them, so that the mapped file keeps its bytes. Bytes that another program
    // changes none the less make other cosines; cutting the file off under the map ends the process.
    unsafe { Mmap::map(file) }
}
