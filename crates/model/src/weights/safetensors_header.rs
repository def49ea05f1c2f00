use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::{Error, Result};

/// A header is a length in 8 bytes and that much JSON.
const LENGTH_BYTES: u64 = 8;

/// Longer headers are refused before memory is taken for them, as the format demands.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// The metadata of a SafeTensors file; `None` where the file is of another format.
pub(super) fn metadata(path: &Path) -> Result<Option<HashMap<String, String>>> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let file_bytes = file.metadata().map_err(Error::io("read", path))?.len();

    let mut start = [0; LENGTH_BYTES as usize + 1];
    match file.read_exact(&mut start) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Err(Error::weight_file(
                path,
                format!("it has only {file_bytes} bytes"),
            ));
        }
        Err(error) => return Err(Error::io("read", path)(error)),
    }
    let [length @ .., first] = start;
    if first != b'{' {
        return Ok(None);
    }

    let length = u64::from_le_bytes(length);
    if length == 0 || length > MAX_HEADER_BYTES || length > file_bytes - LENGTH_BYTES {
        let problem = format!("its header should have {length} bytes, the file has {file_bytes}");
        return Err(Error::weight_file(path, problem));
    }
    let mut header = vec![first];
    file.take(length - 1)
        .read_to_end(&mut header)
        .map_err(Error::io("read", path))?;
    let header: Header =
        serde_json::from_slice(&header).map_err(|error| Error::weight_file(path, error))?;
    Ok(Some(header.metadata))
}

/// Puts the entries of a file's header into one order: the library's is another each time, and equal networks should give equal files.
pub(super) fn put_in_order(path: &Path, file: &mut [u8]) -> Result<()> {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Ordered {
        #[serde(rename = "__metadata__")]
        metadata: BTreeMap<String, String>,
        #[serde(flatten)]
        tensors: BTreeMap<String, serde_json::Value>,
    }

    let length = file
        .first_chunk()
        .map_or(0, |length| u64::from_le_bytes(*length));
    let header = file.get_mut(LENGTH_BYTES as usize..).unwrap_or_default();
    let header = header.get_mut(..length as usize).unwrap_or_default();
    let ordered: Ordered =
        serde_json::from_slice(header).map_err(|error| Error::weight_file(path, error))?;
    let ordered = serde_json::to_vec(&ordered).map_err(|error| Error::weight_file(path, error))?;
    if ordered.len() > header.len() {
        return Err(Error::weight_file(
            path,
            "its header cannot be put in order",
        ));
    }
    // Spaces fill a header, as the format has it.
    let (start, rest) = header.split_at_mut(ordered.len());
    start.copy_from_slice(&ordered);
    rest.fill(b' ');
    Ok(())
}

#[derive(serde::Deserialize)]
struct Header {
    #[serde(rename = "__metadata__", default)]
    metadata: HashMap<String, String>,
}
