use ffc_core::HeadBytes;
use ffc_train::{Config, StepPictures, Timing};

/// A head at a number of identities.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// The head.
    pub head: String,
    /// The number of identities.
    pub identities: u64,
    /// Whether it was measured; else time and peak are what follows from smaller numbers and the head's bytes.
    pub is_measured: bool,
    /// Why it could not be measured, where it was tried.
    pub problem: Option<String>,
    /// Pictures of a step.
    pub pictures: StepPictures,
    /// What the head keeps, by its settings.
    pub bytes: HeadBytes,
    /// The most memory of the whole process.
    pub peak_memory_bytes: Option<u64>,
    /// Seconds of the head alone.
    pub head_s: Option<f64>,
    /// Seconds of a step.
    pub step_s: Option<f64>,
}

/// What follows for a number of identities: bytes from the settings; the peak from the last one measured and the bytes that are added; time
/// along the line through the last two.
pub(super) fn expected(
    head: &str,
    identities: u64,
    config: &Config,
    smaller: &[Measurement],
) -> Measurement {
    let (dim, batch) = (config.backbone.embedding(), config.loader.batch);
    let bytes = config.head.bytes(identities, dim, batch);
    let mut measured = smaller.iter().rev().filter(|smaller| smaller.is_measured);
    let (last, before) = (measured.next(), measured.next());
    let beyond = |last: f64, before: f64, [from, to]: [u64; 2]| {
        let slope = (last - before) / (to - from).max(1) as f64;
        last + slope.max(0.0) * (identities - to) as f64
    };
    let head_s = match (last, before) {
        (Some(last), Some(before)) => last
            .head_s
            .zip(before.head_s)
            .map(|(to_s, from_s)| beyond(to_s, from_s, [before.identities, last.identities])),
        _ => None,
    };
    let step_s = last.and_then(|last| Some(last.step_s? - last.head_s? + head_s?));
    let added = |last: &Measurement| bytes.on_device().saturating_sub(last.bytes.on_device());
    Measurement {
        head: head.to_owned(),
        identities,
        is_measured: false,
        problem: None,
        pictures: config.pictures(),
        bytes,
        peak_memory_bytes: last.and_then(|last| Some(last.peak_memory_bytes? + added(last))),
        head_s,
        step_s,
    }
}

impl Measurement {
    pub(super) fn measured(self, timing: &Timing) -> Self {
        Self {
            is_measured: true,
            peak_memory_bytes: timing.peak_memory_bytes,
            head_s: Some(timing.head_s),
            step_s: Some(timing.step_s),
            ..self
        }
    }

    /// Where its numbers come from, in words.
    pub fn how(&self) -> &'static str {
        match (self.is_measured, &self.problem) {
            (true, _) => "measured",
            (false, None) => "computed",
            (false, Some(_)) => "failed, computed",
        }
    }

    /// Images a second: through the trained network, through both, of the instance loader.
    pub fn images_per_s(&self) -> Option<[f64; 3]> {
        let StepPictures {
            trained,
            embedded,
            instances,
        } = self.pictures;
        let step_s = self.step_s?;
        Some([trained, embedded, instances].map(|images| images as f64 / step_s))
    }
}
