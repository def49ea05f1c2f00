use std::collections::HashMap;
use std::process::ExitCode;

use ffc_align::{FoundFace, Missing};
use ffc_data::Dataset;
use ffc_eval::Embeddings;
use ffc_search::EmbeddingFile;
use safetensors::tensor::{Dtype, TensorView};

use crate::alignment::tell;
use crate::arguments::Embed;
use crate::destination;
use crate::error::{Error, Result};
use crate::network::Network;
use crate::output::say;
use crate::quality::Measured;

/// Writes embeddings of pictures.
pub fn run(arguments: Embed) -> Result<ExitCode> {
    let write = match arguments.out.extension().and_then(|ending| ending.to_str()) {
        Some("safetensors") => safetensors_file,
        Some("csv") => csv_file,
        _ => {
            return Err(Error::Usage(format!(
                "{} has an unknown ending; expected .safetensors or .csv",
                arguments.out.display()
            )));
        }
    };
    let inputs = std::iter::once(&arguments.network.weights).chain(&arguments.data);
    destination::check(&arguments.out, inputs, |out| {
        out.extension().is_some_and(|ending| ending == "csv") || EmbeddingFile::open(out).is_ok()
    })?;
    let network = Network::read(&arguments.network)?;
    let mut embedder = network.embedder()?;
    let dataset = (arguments.set).open_any(&arguments.data, network.as_stored, &mut |_| {})?;
    let alignment = &arguments.network.alignment;
    let (dataset, faces) = alignment.apply(dataset, &network.preprocessing, Missing::Crop)?;
    let images: Vec<u64> = (0..dataset.index().images()).collect();
    let mut measured = Measured::new(&mut embedder);
    let embeddings = Embeddings::of_images(&dataset, &images, &mut measured)?;
    let mut qualities = measured.into_columns();
    if alignment.align {
        tell(&faces, &dataset)?;
        let faces: Vec<_> = images.iter().map(|&image| faces.of(image)).collect();
        let column =
            |of: fn(FoundFace) -> f32| faces.iter().map(|face| face.map_or(0.0, of)).collect();
        qualities.push(("score", column(|face| face.score)));
        qualities.push(("size", column(|face| face.size_px)));
    }
    let bytes = write(&dataset, &embeddings, &qualities, &network, alignment.align)?;
    ffc_files::write(&arguments.out, &bytes).map_err(Error::io("write", &arguments.out))?;
    say!(
        "{}: {} embeddings of {} dimensions",
        arguments.out.display(),
        embeddings.len(),
        embeddings.dim()
    );
    Ok(ExitCode::SUCCESS)
}

/// Columns that tell of each picture how good it is.
type Qualities = [(&'static str, Vec<f32>)];

fn safetensors_file(
    dataset: &Dataset,
    embeddings: &Embeddings,
    qualities: &Qualities,
    network: &Network,
    aligned: bool,
) -> Result<Vec<u8>> {
    let (index, rows) = (dataset.index(), embeddings.len());
    let images = 0..rows as u64;
    let values: Vec<u8> = (0..rows)
        .flat_map(|row| embeddings.row(row))
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let identities: Vec<u8> = images
        .clone()
        .flat_map(|image| (index.identity_of(image) as i64).to_le_bytes())
        .collect();
    let failed = |error: &dyn std::fmt::Display| {
        Error::Failed(format!("cannot make a SafeTensors file: {error}"))
    };
    let view = |kind, shape: Vec<usize>, bytes| {
        TensorView::new(kind, shape, bytes).map_err(|error| failed(&error))
    };
    let columns: Vec<(&str, Vec<u8>)> = (qualities.iter())
        .map(|(name, values)| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes());
            (*name, bytes.collect())
        })
        .collect();
    let mut tensors = vec![
        (
            "embeddings",
            view(Dtype::F32, vec![rows, embeddings.dim()], &values)?,
        ),
        ("identities", view(Dtype::I64, vec![rows], &identities)?),
    ];
    for (name, bytes) in &columns {
        tensors.push((name, view(Dtype::F32, vec![rows], bytes)?));
    }
    let names: std::result::Result<Vec<String>, _> =
        images.map(|image| dataset.display_name(image)).collect();
    let people: std::result::Result<Vec<String>, _> = (0..index.identities())
        .map(|identity| dataset.identity_name(identity))
        .collect();
    let json = |names: &[String]| serde_json::to_string(names).map_err(|error| failed(&error));
    let reference = serde_json::to_string(&network.reference()?);
    let metadata = HashMap::from([
        ("images".to_owned(), json(&names?)?),
        ("identities".to_owned(), json(&people?)?),
        ("as_stored".to_owned(), network.as_stored.to_string()),
        ("aligned".to_owned(), aligned.to_string()),
        (
            "reference".to_owned(),
            reference.map_err(|error| failed(&error))?,
        ),
    ]);
    safetensors::serialize(tensors, Some(metadata)).map_err(|error| failed(&error))
}

fn csv_file(
    dataset: &Dataset,
    embeddings: &Embeddings,
    qualities: &Qualities,
    _: &Network,
    _: bool,
) -> Result<Vec<u8>> {
    let failed =
        |error: &dyn std::fmt::Display| Error::Failed(format!("cannot make a CSV file: {error}"));
    let mut table = csv::Writer::from_writer(Vec::new());
    let names = ["image", "identity"].into_iter();
    let names = names.chain(qualities.iter().map(|(name, _)| *name));
    let names = names.map(str::to_owned);
    let dimensions = (0..embeddings.dim()).map(|dimension| dimension.to_string());
    table
        .write_record(names.chain(dimensions))
        .map_err(|error| failed(&error))?;
    for row in 0..embeddings.len() {
        let image = row as u64;
        let identity = dataset.index().identity_of(image);
        let names = [
            dataset.display_name(image)?,
            dataset.identity_name(identity)?,
        ];
        let qualities = qualities.iter().map(|(_, values)| &values[row]);
        let values = qualities.chain(embeddings.row(row)).map(f32::to_string);
        table
            .write_record(names.into_iter().chain(values))
            .map_err(|error| failed(&error))?;
    }
    table.into_inner().map_err(|error| failed(&error))
}
