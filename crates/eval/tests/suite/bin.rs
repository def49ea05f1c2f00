//! Verification of insightface's pair files.

use std::path::{Path, PathBuf};

use ffc_data::{Dataset, PairBin};
use ffc_eval::{Embeddings, Protocol, RawPixels};

use super::support::synthetic;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../data/tests/fixtures/golden")
        .join(name)
}

/// The files hold the same images; flags of both kinds are put where the fixture has ten times false.
#[test]
fn the_three_codings_give_one_result() {
    let folder = tempfile::tempdir().unwrap();
    let flags = [
        true, false, false, true, true, false, true, false, false, true,
    ];
    let mut evaluations = Vec::new();
    for name in ["pairs_p2.bin", "pairs_p4.bin", "pairs_numpy.bin"] {
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        let at = bytes
            .windows(11)
            .rposition(|window| window == b"\x89\x89\x89\x89\x89\x89\x89\x89\x89\x89e")
            .unwrap();
        for (byte, same) in bytes[at..].iter_mut().zip(flags) {
            *byte = if same { 0x88 } else { 0x89 };
        }
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let protocol = Protocol::Bin { path };
        evaluations.push(protocol.run(&synthetic(2), &mut RawPixels).unwrap());
    }
    assert!(
        evaluations
            .iter()
            .all(|evaluation| *evaluation == evaluations[0])
    );

    let bin = PairBin::open(&fixture("pairs_p4.bin")).unwrap();
    let dataset = std::sync::Arc::new(Dataset::pairs(bin).unwrap());
    let images: Vec<u64> = (0..20).collect();
    let embeddings = Embeddings::of_images(&dataset, &images, &mut RawPixels).unwrap();
    let scores = evaluations[0].scores.as_ref().unwrap();
    let (mut same, mut different) = (scores.same.iter(), scores.different.iter());
    for (pair, flag) in flags.into_iter().enumerate() {
        let found = if flag { same.next() } else { different.next() };
        let expected = embeddings.cosine(2 * pair, 2 * pair + 1);
        assert!((found.unwrap() - expected).abs() < 1e-5);
    }
    assert_eq!((same.next(), different.next()), (None, None));
}
