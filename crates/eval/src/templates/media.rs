use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ffc_data::Dataset;

use super::pool;
use crate::embeddings::{Embeddings, ImageEmbeddings};
use crate::image_paths::ImagePaths;
use crate::list_file::{for_each_line, number};
use crate::{Error, Result};

/// The pictures of templates, with the medium of each: a photograph, or the video that a frame is from.
pub(crate) struct Media {
    path: PathBuf,
    /// By template.
    pictures: BTreeMap<u64, Vec<Picture>>,
    /// Templates that take part, in the order in which they were asked for.
    used: Vec<u64>,
    /// The place of each in `used`.
    places: BTreeMap<u64, usize>,
}

struct Picture {
    name: String,
    medium: u64,
    line: usize,
    /// Its number in the set, once it was found.
    image: u64,
}

impl Media {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let mut pictures: BTreeMap<u64, Vec<Picture>> = BTreeMap::new();
        for_each_line(path, |line, text| {
            let fields: Vec<&str> = text.split_whitespace().collect();
            let [name, template, medium] = fields[..] else {
                return Err(format!(
                    "{} fields, expected 3: picture, template, medium",
                    fields.len()
                ));
            };
            pictures
                .entry(number("template", template)?)
                .or_default()
                .push(Picture {
                    name: name.to_owned(),
                    medium: number("medium", medium)?,
                    line,
                    image: 0,
                });
            Ok(())
        })?;
        Ok(Self {
            path: path.to_owned(),
            pictures,
            used: Vec::new(),
            places: BTreeMap::new(),
        })
    }

    /// The row of a template among the pooled embeddings: it takes part from now on.
    pub(crate) fn row(&mut self, template: u64) -> std::result::Result<usize, String> {
        if let Some(&place) = self.places.get(&template) {
            return Ok(place);
        }
        if !self.pictures.contains_key(&template) {
            let path = self.path.display();
            return Err(format!("template {template} has no picture in {path}"));
        }
        let place = self.used.len();
        self.used.push(template);
        self.places.insert(template, place);
        Ok(place)
    }

    /// Finds the pictures of the templates that take part.
    pub(crate) fn find(&mut self, dataset: &Dataset) -> Result<()> {
        let pictures = self
            .used
            .iter()
            .flat_map(|template| &self.pictures[template]);
        let paths = ImagePaths::find(dataset, pictures.map(|picture| &picture.name[..]))?;
        for (template, pictures) in &mut self.pictures {
            if self.places.contains_key(template) {
                for picture in pictures {
                    let image = paths.image(&picture.name);
                    picture.image =
                        image.map_err(|problem| Error::line(&self.path, picture.line, problem))?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn images(&self) -> Vec<u64> {
        self.rows().map(|(_, picture)| picture.image).collect()
    }

    /// One embedding for each template, in the rows that [`row`](Self::row) gave.
    pub(crate) fn pool(&self, embeddings: &ImageEmbeddings) -> Result<Embeddings> {
        let rows: Vec<(u64, &Picture)> = self.rows().collect();
        let templates: Vec<u64> = rows.iter().map(|(place, _)| *place).collect();
        let media: Vec<u64> = rows.iter().map(|(_, picture)| picture.medium).collect();
        let row = |row: usize| embeddings.of(rows[row].1.image);
        let (_, pooled) = pool(embeddings.rows().dim(), row, &templates, &media)?;
        Ok(pooled)
    }

    fn rows(&self) -> impl Iterator<Item = (u64, &Picture)> {
        (0..).zip(&self.used).flat_map(|(place, template)| {
            let pictures = self.pictures[template].iter();
            pictures.map(move |picture| (place, picture))
        })
    }
}
