use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use ffc_align::Missing;
use ffc_data::{Dataset, Files};
use ffc_eval::Embeddings;
use ffc_search::{EmbeddingFile, Gallery, Neighbour};
use serde_json::json;

use crate::alignment::tell;
use crate::arguments::Search;
use crate::error::{Error, Result};
use crate::network::Network;
use crate::output::say;

/// The cosine of what one network makes of the same picture twice, on other machines too.
const SAME_NETWORK: f32 = 0.999;

/// Where the pictures are searched.
enum Place {
    File(EmbeddingFile),
    Pictures(Arc<Dataset>, Embeddings),
}

/// Finds the pictures of a gallery that are nearest to others.
pub fn run(arguments: Search) -> Result<ExitCode> {
    let network = Network::read(&arguments.network)?;
    // Before a gallery is embedded for nothing.
    let files = Dataset::files(Files::new(arguments.queries.clone())?)?;
    let files = Arc::new(files.as_stored(network.as_stored));
    let alignment = &arguments.network.alignment;
    let (files, _) = alignment.apply(files, &network.preprocessing, Missing::Fail)?;
    let place = Place::open(&arguments, &network)?;
    let queries = embeddings(&files, &network)?;
    let gallery = place.gallery()?;
    if gallery.dim() != queries.dim() {
        return Err(Error::Usage(format!(
            "{} has embeddings of {} dimensions, the network makes {}: they are not of this network",
            arguments.gallery.display(),
            gallery.dim(),
            queries.dim()
        )));
    }
    if let Place::File(file) = &place {
        check_network(file, &network, &arguments)?;
    }
    let path = arguments.gallery.display();
    if gallery.is_empty() {
        return Err(Error::Usage(format!(
            "{path} holds no embedding to search in"
        )));
    }
    let found = gallery.nearest(queries.values(), arguments.top);
    let found = found.map_err(|error| match error {
        ffc_search::Error::NotFinite { .. } => {
            Error::Failed(format!("{path}: {error}; make it anew with ffc embed"))
        }
        error => error.into(),
    })?;
    for (query, found) in arguments.queries.iter().zip(found) {
        if arguments.json {
            say!("{}", place.json(query, &found)?);
        } else {
            if arguments.queries.len() > 1 {
                say!("{}", query.display());
            }
            for (rank, neighbour) in found.iter().enumerate() {
                let name = place.name(neighbour.row)?;
                say!("{:>4}  {:7.4}  {name}", rank + 1, neighbour.cosine);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses embeddings of another network, or of pictures that were prepared in another way, as far as the file tells.
fn check_network(file: &EmbeddingFile, network: &Network, arguments: &Search) -> Result<()> {
    let path = arguments.gallery.display();
    if let Some(theirs) = file.reference() {
        let ours = network.reference()?;
        let cosine: f32 = ours.iter().zip(theirs).map(|(a, b)| a * b).sum();
        // A NaN is none either.
        let is_same = ours.len() == theirs.len() && cosine >= SAME_NETWORK;
        if !is_same {
            return Err(Error::Usage(format!(
                "{path} was made by another network, or with other settings (--flip, --config): of the same picture both make embeddings of the cosine {cosine:.3}; make it anew with ffc embed"
            )));
        }
    }
    if file
        .as_stored()
        .is_some_and(|theirs| theirs != network.as_stored)
    {
        return Err(Error::Usage(format!(
            "{path} was made with another --as-stored; make it anew with ffc embed, or search with the same"
        )));
    }
    let align = arguments.network.alignment.align;
    if file.aligned().is_some_and(|theirs| theirs != align) {
        let theirs = if align { "without" } else { "with" };
        return Err(Error::Usage(format!(
            "{path} was made {theirs} --align; make it anew with ffc embed, or search with the same"
        )));
    }
    Ok(())
}

impl Place {
    fn open(arguments: &Search, network: &Network) -> Result<Self> {
        let gallery = &arguments.gallery;
        if gallery
            .extension()
            .is_some_and(|ending| ending == "safetensors")
        {
            arguments.set.refuse(gallery)?;
            return Ok(Self::File(EmbeddingFile::open(gallery)?));
        }
        if gallery.extension().is_some_and(|ending| ending == "csv") {
            return Err(Error::Usage(format!(
                "{} is a table for other programs; ffc search takes embeddings of ffc embed --out NAME.safetensors, or pictures",
                gallery.display()
            )));
        }
        let dataset = arguments.set.open_any(
            std::slice::from_ref(gallery),
            network.as_stored,
            &mut |_| {},
        )?;
        let alignment = &arguments.network.alignment;
        let (dataset, faces) = alignment.apply(dataset, &network.preprocessing, Missing::Crop)?;
        let embeddings = embeddings(&dataset, network)?;
        tell(&faces, &dataset)?;
        Ok(Self::Pictures(dataset, embeddings))
    }

    fn gallery(&self) -> Result<Gallery<'_>> {
        Ok(match self {
            Self::File(file) => file.gallery()?,
            Self::Pictures(_, embeddings) => Gallery::new(embeddings.dim(), embeddings.values())?,
        })
    }

    /// The name of a row's picture, or its number where the file has no names.
    fn name(&self, row: usize) -> Result<String> {
        Ok(match self {
            Self::File(file) => file
                .name(row)
                .map_or_else(|| row.to_string(), str::to_owned),
            Self::Pictures(dataset, _) => dataset.display_name(row as u64)?,
        })
    }

    fn json(&self, query: &Path, found: &[Neighbour]) -> Result<serde_json::Value> {
        let found: Result<Vec<_>> = (found.iter().enumerate())
            .map(|(rank, &Neighbour { row, cosine })| {
                let name = self.name(row)?;
                Ok(json!({ "rank": rank + 1, "row": row, "name": name, "cosine": cosine }))
            })
            .collect();
        Ok(json!({ "query": query.display().to_string(), "nearest": found? }))
    }
}

fn embeddings(dataset: &Arc<Dataset>, network: &Network) -> Result<Embeddings> {
    let images: Vec<u64> = (0..dataset.index().images()).collect();
    let mut embedder = network.embedder()?;
    Ok(Embeddings::of_images(dataset, &images, &mut embedder)?)
}
