use std::sync::Arc;

use ffc_data::{Dataset, Split};
use ffc_eval::{PairsFile, Protocol, Protocols, Templates, ThresholdsFile, VideoPairs};

use crate::scratch;

thread_local! {
    /// A set to find the names of a list in: identities `A` and `B` with pictures `A_0001.jpg` and so on, whose contents nobody reads.
    static DATASET: Arc<Dataset> = {
        let root = scratch::path("names");
        for identity in ["A", "B"] {
            let folder = root.join(identity);
            std::fs::create_dir_all(&folder).expect("a folder among the temporary files");
            for number in 1..=3 {
                let picture = folder.join(format!("{identity}_{number:04}.jpg"));
                std::fs::write(picture, b"").expect("a file among the temporary files");
            }
        }
        Arc::new(Dataset::from_path(&root).expect("a small set"))
    };
}

/// A list of pairs, of pairs of videos, of templates' media, of pairs of templates or of a gallery, or a file of thresholds: each parser sees
/// the same bytes.
pub fn list(bytes: &[u8]) -> bool {
    let path = scratch::file("list.txt", bytes);
    let dataset = DATASET.with(Arc::clone);
    let mut taken = VideoPairs::read(&path).is_ok();
    if let Ok(pairs) = PairsFile::read(&path) {
        taken |= pairs.resolve(&dataset).is_ok();
    }
    if let Ok(thresholds) = ThresholdsFile::read(&path) {
        let again = scratch::path("thresholds.json");
        thresholds.write(&again).expect("thresholds that were read");
        let again = ThresholdsFile::read(&again).expect("what was written");
        assert_eq!(again, thresholds);
        taken = true;
    }
    let media = scratch::file("media.txt", b"A/A_0001.jpg 1 1\nB/B_0001.jpg 2 2\n");
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
        let protocol = Protocols::from(Protocol::Templates(templates));
        taken |= protocol.prepare(&dataset).is_ok();
    }
    taken |= serde_json::from_slice::<Protocols>(bytes).is_ok();
    taken | serde_json::from_slice::<Split>(bytes).is_ok()
}
