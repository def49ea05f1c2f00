use super::Config;
use crate::Result;
use crate::mine::Mine;

/// A configuration that comes with the crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// The name it goes by.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// The configuration with its comments, in TOML.
    pub text: &'static str,
}

impl Preset {
    /// The built-in job.
    pub const SYNTHETIC: Self = Self {
        name: "synthetic",
        purpose: "drawn identities; needs no data, minutes on a processor",
        text: include_str!("../../presets/synthetic.toml"),
    };
    /// Characters.
    pub const OMNIGLOT: Self = Self {
        name: "omniglot",
        purpose: "characters of Omniglot, evaluated on unseen alphabets",
        text: include_str!("../../presets/omniglot.toml"),
    };
    /// Few faces.
    pub const LFW: Self = Self {
        name: "lfw",
        purpose: "Labeled Faces in the Wild, View 1",
        text: include_str!("../../presets/lfw.toml"),
    };
    /// The published training.
    pub const FACE_112: Self = Self {
        name: "face-112",
        purpose: "faces of 112 pixels as FFC was published",
        text: include_str!("../../presets/face-112.toml"),
    };
    /// Very many faces.
    pub const FACE_10M: Self = Self {
        name: "face-10m",
        purpose: "faces of ten million identities",
        text: include_str!("../../presets/face-10m.toml"),
    };
    /// The full layer.
    pub const FULL: Self = Self {
        name: "heads/full",
        purpose: "the full layer: a trained row for every identity",
        text: include_str!("../../presets/heads/full.toml"),
    };
    /// Partial FC.
    pub const PARTIAL: Self = Self {
        name: "heads/partial",
        purpose: "Partial FC: a tenth of the rows in a step",
        text: include_str!("../../presets/heads/partial.toml"),
    };
    /// Virtual FC.
    pub const VIRTUAL: Self = Self {
        name: "heads/virtual",
        purpose: "Virtual FC: rows that all identities share",
        text: include_str!("../../presets/heads/virtual.toml"),
    };
    /// Dynamic Class Queue.
    pub const QUEUE: Self = Self {
        name: "heads/queue",
        purpose: "Dynamic Class Queue",
        text: include_str!("../../presets/heads/queue.toml"),
    };
    /// Batch-hard triplets.
    pub const TRIPLET: Self = Self {
        name: "heads/triplet",
        purpose: "batch-hard triplets",
        text: include_str!("../../presets/heads/triplet.toml"),
    };
    /// Pairs against the batch.
    pub const PAIRS: Self = Self {
        name: "heads/pairs",
        purpose: "pairs against the batch's others: InfoNCE and its relatives",
        text: include_str!("../../presets/heads/pairs.toml"),
    };
    /// What a configuration can say.
    pub const REFERENCE: Self = Self {
        name: "reference",
        purpose: "every key with its default",
        text: include_str!("../../presets/reference.toml"),
    };
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::SYNTHETIC,
        Self::OMNIGLOT,
        Self::LFW,
        Self::FACE_112,
        Self::FACE_10M,
        Self::FULL,
        Self::PARTIAL,
        Self::VIRTUAL,
        Self::QUEUE,
        Self::TRIPLET,
        Self::PAIRS,
        Self::REFERENCE,
    ];

    /// The preset of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name == name)
    }

    /// What to say of a name that is no preset's, with those that are, [`Mine`]'s among them, and the nearest.
    pub fn unknown(name: &str) -> String {
        let presets = Self::ALL.map(|preset| preset.name);
        let names = || std::iter::once(Mine::NAME).chain(presets);
        let all: Vec<&str> = names().collect();
        let near = names().filter(|preset| strsim::damerau_levenshtein(preset, name) <= 2);
        let nearest = near.min_by_key(|preset| strsim::damerau_levenshtein(preset, name));
        let meant = nearest.map_or_else(String::new, |nearest| {
            format!("; did you mean `{nearest}`?")
        });
        format!(
            "is neither a file nor a preset; presets are {}{meant}",
            all.join(", ")
        )
    }

    /// The configuration, changed by `overrides` (`key=value`).
    ///
    /// # Errors
    ///
    /// As [`Config::parse`]: an override is wrong.
    pub fn config(&self, overrides: &[String]) -> Result<Config> {
        Config::parse(self.text, &format!("preset {}", self.name), overrides)
    }
}
