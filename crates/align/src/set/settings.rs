use std::path::Path;

use ffc_data::Dataset;
use serde::{Deserialize, Serialize};

use super::config::AlignConfig;
use crate::landmarks::Landmarks;
use crate::{Error, Result};

/// The settings that the faces of a folder were made with.
pub(super) const SETTINGS: &str = "align.json";

/// What the files of a folder were made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(flatten)]
    config: AlignConfig,
    landmarks: String,
    min_face_px: Option<usize>,
    as_stored: bool,
    pictures: String,
}

/// Checks that a folder is of these settings, or notes them where it is new.
pub(super) fn check_settings(
    dataset: &Dataset,
    landmarks: &Landmarks,
    out: &Path,
    config: &AlignConfig,
) -> Result<()> {
    let path = out.join(SETTINGS);
    let settings = Settings {
        config: config.clone(),
        landmarks: landmarks.fingerprint(),
        min_face_px: match landmarks {
            Landmarks::Detector(detector) => Some(detector.config().min_face_px),
            Landmarks::Table { .. } => None,
        },
        as_stored: dataset.is_as_stored(),
        pictures: dataset.fingerprint()?.to_string(),
    };
    let json = serde_json::to_string_pretty(&settings);
    let json = json.map_err(|error| Error::Failed(format!("cannot write settings: {error}")))?;
    let other = |problem: String| Error::OtherSettings {
        path: out.to_owned(),
        problem,
    };
    match std::fs::read_to_string(&path) {
        Ok(text) if text == json => Ok(()),
        Ok(text) => Err(other(difference(&json, &text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let has_other = std::fs::read_dir(out)
                .map_err(Error::io("read folder", out))?
                .flatten()
                .any(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
            if has_other {
                return Err(other("it has files, but no align.json".into()));
            }
            ffc_files::write(&path, json).map_err(Error::io("write", &path))
        }
        Err(error) => Err(Error::io("read", &path)(error)),
    }
}

/// The first setting in which a folder differs from what is asked for.
fn difference(asked: &str, found: &str) -> String {
    let [asked, found] = [asked, found].map(serde_json::from_str::<serde_json::Value>);
    let (Ok(asked), Ok(found)) = (asked, found) else {
        return format!("its {SETTINGS} cannot be read");
    };
    let keys = asked.as_object().into_iter().flatten().map(|(key, _)| key);
    let differing = keys.map(|key| (key, &found[key], &asked[key]));
    match { differing }.find(|(_, found, asked)| found != asked) {
        Some((key, found, asked)) => format!("its {key} is {found}, asked for is {asked}"),
        None => "it has other settings".into(),
    }
}
