use std::sync::{Arc, LazyLock};

use ffc_data::{Dataset, Split, SyntheticConfig};
use ffc_eval::{PairsFile, Protocol, Protocols, Templates, ThresholdsFile, VideoPairs};

use crate::scratch;

/// A set to find the names of a list in.
static DATASET: LazyLock<Arc<Dataset>> = LazyLock::new(|| {
    let config = SyntheticConfig {
        identities: 8,
        ..SyntheticConfig::default()
    };
    Arc::new(Dataset::synthetic(config).expect("a small set"))
});

/// A list of pairs, of pairs of videos, of templates' media, of pairs of templates or of a gallery, or a file of thresholds: each parser sees
/// the same bytes.
pub fn list(bytes: &[u8]) -> bool {
    let path = scratch::file("list.txt", bytes);
    let mut taken = VideoPairs::read(&path).is_ok();
    if let Ok(pairs) = PairsFile::read(&path) {
        let _ = pairs.resolve(&DATASET);
        taken = true;
    }
    if let Ok(thresholds) = ThresholdsFile::read(&path) {
        let again = scratch::path("thresholds.json");
        thresholds.write(&again).expect("thresholds that were read");
        let again = ThresholdsFile::read(&again).expect("what was written");
        assert_eq!(again, thresholds);
        taken = true;
    }
    let media = scratch::file("media.txt", b"1.jpg 1 1\n2.jpg 2 2\n");
    for templates in [
        Templates {
            media: path.clone(),
            pairs: Some(scratch::file("template-pairs.txt", b"1 2 0\n")),
            galleries: Vec::new(),
            probes: None,
            targets: vec![0.1],
        },
        Templates {
            media: media.clone(),
            pairs: Some(path.clone()),
            galleries: Vec::new(),
            probes: None,
            targets: vec![0.1],
        },
        Templates {
            media,
            pairs: None,
            galleries: vec![path.clone()],
            probes: Some(path),
            targets: vec![0.1],
        },
    ] {
        let _ = Protocols::from(Protocol::Templates(templates)).prepare(&DATASET);
    }
    taken |= serde_json::from_slice::<Protocols>(bytes).is_ok();
    taken | serde_json::from_slice::<Split>(bytes).is_ok()
}
