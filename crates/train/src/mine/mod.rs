//! The preset `mine`: settings chosen for somebody's own pictures, by rules that `docs/own-pictures.md` gives.

mod choose;
mod look;

use std::sync::Arc;

use ffc_data::{BuildProgress, Dataset, DualRows, Index, Split, SplitSide};
use ffc_eval::Protocol;

pub use look::Look;

use crate::config::{Config, DataConfig, EvaluationConfig, HeadConfig};
use crate::format::count;
use crate::{Error, Result};
use choose::{Given, choose, dual};

/// Share of the identities that is held out.
const HELD_OUT: f64 = 0.2;
/// Pairs of the evaluation at most.
const MOST_PAIRS: u64 = 6000;
/// Ten folds of a same and a different pair each.
const FEWEST_PAIRS: u64 = 20;

/// What a training computes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hardware {
    /// Processor cores.
    Processor,
    /// A GPU.
    Gpu,
}

/// Settings that were chosen for a set of pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Mine {
    /// The settings, overrides included.
    pub config: Config,
    /// What was found and chosen, a sentence each.
    pub reasons: Vec<String>,
}

impl Mine {
    /// The name that the preset goes by.
    pub const NAME: &'static str = "mine";

    /// The pictures that overrides name.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where they name none or one is wrong.
    pub fn pictures(overrides: &[String]) -> Result<DataConfig> {
        let of_data = overrides.iter().filter(|text| is_of(text, "data"));
        let of_data: Vec<String> = of_data.cloned().collect();
        let data = Config::parse("", "preset mine", &of_data)?.data;
        if data.path.is_none() && data.source.is_none() {
            return Err(Error::Config {
                origin: "preset mine".into(),
                problem: "chooses settings for your own pictures: name them with --set data.path=FOLDER (root/<identity>/<image>)".into(),
            });
        }
        Ok(data)
    }

    /// Looks at the pictures that `overrides` name (`data.path=faces`) and chooses everything that they do not set. A part of the
    /// identities is held out and measured on, unless they give an evaluation.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where no pictures are named or an override is wrong; [`Error::Data`] where they cannot be read or there is one
    /// identity alone; as [`Config::parse`].
    pub fn choose(
        overrides: &[String],
        hardware: Hardware,
        building: &mut dyn FnMut(BuildProgress),
    ) -> Result<Self> {
        let data = Self::pictures(overrides)?;
        let all = data.open(building)?;
        let mut reasons = vec![set(&Look::at(&all)?)];
        let evaluated = overrides.iter().any(|text| key(text) == "evaluation");
        let (data, evaluation) = match evaluated || data.split.is_some() {
            true => (data, None),
            false => hold_out(data, &all, &mut reasons, building)?,
        };
        let trained = data.open(building)?;
        let look = Look::at(&trained)?;
        let config = Config {
            data,
            evaluations: evaluation.into_iter().collect(),
            ..choose(&look, hardware, &given(overrides)?)
        };
        // Those of the data are in it, with what was held out.
        let others = overrides.iter().filter(|text| !is_of(text, "data"));
        let others: Vec<String> = others.cloned().collect();
        let mut config = Config::parse(&config.to_toml()?, "preset mine", &others)?;
        // It hangs on the pool and on the head, which may have been given.
        let given = others.iter().filter(|text| is_of(text, "loader"));
        if !given.into_iter().any(|text| text.contains("dual")) {
            config.loader.dual = dual(&config.head, look.identities);
        }
        reasons.extend(chosen(&config, &look, hardware));
        Ok(Self { config, reasons })
    }
}

/// What overrides give and other settings hang on.
fn given(overrides: &[String]) -> Result<Given> {
    let of = |key: &str| {
        let texts = overrides.iter().filter(|text| is_of(text, key));
        texts.cloned().collect::<Vec<_>>()
    };
    // Alone, or in a table of which the rest is looked at later.
    let value = |table: &str, name: &str| {
        let texts = of(table);
        let is_given = texts.iter().any(|text| text.contains(name));
        let config = Config::parse("", "preset mine", &texts)?;
        Ok::<_, Error>(is_given.then_some(config))
    };
    Ok(Given {
        length: value("training", "length")?.map(|config| config.training.length),
        batch: value("loader", "batch")?.map(|config| config.loader.batch),
    })
}

/// What is trained, a sentence each.
fn chosen(config: &Config, look: &Look, hardware: Hardware) -> Vec<String> {
    let input = config.backbone.input();
    let network = toml::Table::try_from(&config.backbone).unwrap_or_default();
    let network = network.get("network").and_then(toml::Value::as_str);
    let mut sentences = vec![format!(
        "network: {}, {} x {} pixels{}, for {}",
        network.unwrap_or_default(),
        input.width_px,
        input.height_px,
        if input.channels == 1 { " grey" } else { "" },
        match hardware {
            Hardware::Processor => "a processor",
            Hardware::Gpu => "a GPU",
        }
    )];
    if let HeadConfig::Ffc(head) = &config.head {
        sentences.push(format!(
            "pool: {} centres for {} identities to train on",
            count(head.pool as u64),
            count(look.identities)
        ));
    }
    if config.loader.dual == DualRows::Identity {
        sentences.push("loaders: that of identities alone".into());
    }
    sentences.push(format!(
        "length: {} of {} pictures a step, momentum of the gallery network {}",
        config.training.length,
        config.pictures().trained,
        config.gallery.momentum
    ));
    sentences
}

/// Whether an override sets a table or something in it.
fn is_of(text: &str, table: &str) -> bool {
    key(text)
        .strip_prefix(table)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The key of an override.
fn key(text: &str) -> &str {
    text.split('=').next().unwrap_or_default().trim()
}

fn set(look: &Look) -> String {
    let damaged = match look.damaged {
        0 => String::new(),
        damaged => {
            format!(
                ", of which {damaged} cannot be read (ffc data inspect --decode names them all)"
            )
        }
    };
    format!(
        "pictures: {} of {} identities; {} looked at{damaged}: {} x {} pixels, {}",
        count(look.images),
        count(look.identities),
        look.sampled,
        look.width_px,
        look.height_px,
        if look.colour { "with colour" } else { "grey" }
    )
}

/// Holds a part of the identities out, to measure on.
fn hold_out(
    data: DataConfig,
    all: &Arc<Dataset>,
    reasons: &mut Vec<String>,
    building: &mut dyn FnMut(BuildProgress),
) -> Result<(DataConfig, Option<EvaluationConfig>)> {
    let identities = all.index().identities();
    // Two at least, of which there are different pairs.
    let share = match identities {
        4.. => HELD_OUT.max(2.0 / identities as f64),
        _ => HELD_OUT,
    };
    let side = |take| DataConfig {
        split: Some(Split {
            held_out: share,
            take,
            seed: 0,
        }),
        ..data.clone()
    };
    let (train, held_out) = (side(SplitSide::Train), side(SplitSide::HeldOut));
    let (whole, measured) = (identities, held_out.open(building)?);
    let (same, different) = pairs(measured.index());
    let pairs = (2 * same.min(different)).min(MOST_PAIRS);
    if pairs < FEWEST_PAIRS {
        reasons.push(format!(
            "no evaluation: a part of {} of the {} identities has {same} pairs of the same identity and {different} of different ones, \
             and an evaluation wants {} of each; add identities with several pictures, or name others to measure on (--set evaluation=...)",
            measured.index().identities(),
            count(whole),
            FEWEST_PAIRS / 2
        ));
        return Ok((data, None));
    }
    reasons.push(format!(
        "held out: {} of the {} identities, measured on by {} pairs",
        count(measured.index().identities()),
        count(whole),
        count(pairs)
    ));
    let evaluation = EvaluationConfig {
        name: "held-out identities".into(),
        data: held_out,
        flip: false,
        protocol: Protocol::RandomPairs { pairs, seed: 0 }.into(),
    };
    Ok((train, Some(evaluation)))
}

/// Pairs of pictures of the same identity, and of different ones.
fn pairs(index: &Index) -> (u64, u64) {
    let of = |images: u64| images.saturating_mul(images.saturating_sub(1)) / 2;
    let same = (0..index.identities()).map(|identity| {
        let images = index.images_of(identity);
        of(images.end - images.start)
    });
    let same = same.fold(0, u64::saturating_add);
    (same, of(index.images()) - same)
}
