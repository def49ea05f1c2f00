use std::collections::HashMap;
use std::process::ExitCode;

use ffc_align::Missing;
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
    let dataset = arguments.set.open_any(&arguments.data, network.as_stored)?;
    let alignment = &arguments.network.alignment;
    let (dataset, without_face) =
        alignment.apply(dataset, &network.preprocessing, Missing::Crop)?;
    let images: Vec<u64> = (0..dataset.index().images()).collect();
    let embeddings = Embeddings::of_images(&dataset, &images, &mut embedder)?;
    tell(&without_face);
    let bytes = write(&dataset, &embeddings, &network, alignment.align)?;
    ffc_files::write(&arguments.out, &bytes).map_err(Error::io("write", &arguments.out))?;
    say!(
        "{}: {} embeddings of {} dimensions",
        arguments.out.display(),
        embeddings.len(),
        embeddings.dim()
    );
    Ok(ExitCode::SUCCESS)
}

fn safetensors_file(
    dataset: &Dataset,
    embeddings: &Embeddings,
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
    let tensors = [
        (
            "embeddings",
            view(Dtype::F32, vec![rows, embeddings.dim()], &values)?,
        ),
        ("identities", view(Dtype::I64, vec![rows], &identities)?),
    ];
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

fn csv_file(dataset: &Dataset, embeddings: &Embeddings, _: &Network, _: bool) -> Result<Vec<u8>> {
    let failed =
        |error: &dyn std::fmt::Display| Error::Failed(format!("cannot make a CSV file: {error}"));
    let mut table = csv::Writer::from_writer(Vec::new());
    let names = ["image".to_owned(), "identity".to_owned()];
    let dimensions = (0..embeddings.dim()).map(|dimension| dimension.to_string());
    table
        .write_record(names.into_iter().chain(dimensions))
        .map_err(|error| failed(&error))?;
    for row in 0..embeddings.len() {
        let image = row as u64;
        let identity = dataset.index().identity_of(image);
        let names = [
            dataset.display_name(image)?,
            dataset.identity_name(identity)?,
        ];
        let values = embeddings.row(row).iter().map(f32::to_string);
        table
            .write_record(names.into_iter().chain(values))
            .map_err(|error| failed(&error))?;
    }
    table.into_inner().map_err(|error| failed(&error))
}
