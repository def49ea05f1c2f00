//! Protocols over templates, sets of pictures of one person: IJB-B and IJB-C.

mod media;
mod pairs;
mod pool;
mod search;

use std::path::{Path, PathBuf};

use ffc_data::Dataset;
use serde::{Deserialize, Serialize};

use self::media::Media;
use self::pairs::TemplatePairs;
pub(crate) use self::pool::pool;
pub use self::pool::pool_templates;
use self::search::TemplateSearch;
use crate::embeddings::ImageEmbeddings;
use crate::evaluation::Evaluation;
use crate::prepared::Task;
use crate::protocol::default_targets;
use crate::{Error, Result};

/// IJB's protocols from the lists that insightface distributes: verification of listed pairs of templates (1:1) and search in galleries of
/// templates (1:N).
///
/// The embedding of a template is the [pooled](pool_templates) one of its pictures, all of which weigh alike: neither the norm of
/// an embedding nor a detector's score counts. Pictures are found by the names of the list `media`: `1.jpg` in a set
/// `crops/loose_crop/1.jpg`, or with the identity before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Templates {
    /// `ijbc_face_tid_mid.txt`: `picture template medium` in each line.
    pub media: PathBuf,
    /// `ijbc_template_pair_label.txt`: `template template 1` or `0` in each line, for TAR@FAR over these pairs.
    #[serde(default)]
    pub pairs: Option<PathBuf>,
    /// `ijbc_1N_gallery_G1.csv` and `ijbc_1N_gallery_G2.csv`: a line of names, then `template,subject` and whatever follows. Together they
    /// are one gallery, as insightface searches.
    #[serde(default)]
    pub galleries: Vec<PathBuf>,
    /// `ijbc_1N_probe_mixed.csv`, of the same form: the templates that are looked for in the gallery. Each subject is there once.
    #[serde(default)]
    pub probes: Option<PathBuf>,
    /// False accept rates of the pairs. Default: 1e-6 to 1e-1. Those that the pairs cannot show are left out.
    #[serde(default = "default_targets")]
    pub targets: Vec<f64>,
}

impl Templates {
    pub(crate) fn lists(&self) -> Vec<&Path> {
        let lists = [&self.media].into_iter().chain(&self.pairs);
        let lists = lists.chain(&self.galleries).chain(&self.probes);
        lists.map(PathBuf::as_path).collect()
    }
}

/// The lists of [`Templates`], with their pictures found.
pub(crate) struct TemplateTask {
    media: Media,
    pairs: Option<TemplatePairs>,
    search: Option<TemplateSearch>,
}

impl TemplateTask {
    pub(crate) fn new(templates: &Templates, dataset: &Dataset) -> Result<Self> {
        if templates.lists().len() == 1 {
            let expected = "given, or galleries and probes";
            return Err(Error::setting("pairs", "missing", expected));
        }
        let mut media = Media::read(&templates.media)?;
        let pairs = match &templates.pairs {
            Some(path) => Some(TemplatePairs::read(path, &mut media, &templates.targets)?),
            None => None,
        };
        let search = match (&templates.galleries[..], &templates.probes) {
            ([], None) => None,
            ([], Some(_)) => {
                return Err(Error::setting("galleries", "missing", "given with probes"));
            }
            (_, None) => return Err(Error::setting("probes", "missing", "given with galleries")),
            (galleries, Some(probes)) => Some(TemplateSearch::read(galleries, probes, &mut media)?),
        };
        media.find(dataset)?;
        Ok(Self {
            media,
            pairs,
            search,
        })
    }
}

impl Task for TemplateTask {
    fn images(&self) -> Vec<u64> {
        self.media.images()
    }

    fn measure(&self, embeddings: &ImageEmbeddings) -> Result<Evaluation> {
        let templates = self.media.pool(embeddings)?;
        let mut evaluation = match &self.pairs {
            Some(pairs) => pairs.measure(&templates)?,
            None => Evaluation::of_measures(Vec::new()),
        };
        if let Some(search) = &self.search {
            let found = search.measure(&templates);
            evaluation.measures.extend(found.measures);
            evaluation.left_out.extend(found.left_out);
        }
        Ok(evaluation)
    }
}
