//! Batches of a caller's own pixels.

use burn::tensor::Device;
use ffc_data::{Channels, Error, ImageBatch, InstanceLoader, LoaderConfig, Normalisation};

use super::support::{small, synthetic};

/// The same to all who take it as a loader's batch with these pixels.
#[test]
fn equal_to_a_loaders_batch() {
    for channels in [Channels::Rgb, Channels::Grey] {
        let config = LoaderConfig {
            channels,
            width_px: 20,
            ..small(5)
        };
        let mut loader = InstanceLoader::new(synthetic(9), config, 0).unwrap();
        let theirs = loader.next().unwrap().unwrap().images;
        let (pixels, identities) = (theirs.pixels().to_vec(), theirs.identities().to_vec());
        let own = ImageBatch::new(pixels, [5, 16, 20], channels, identities).unwrap();
        assert_eq!(own.shape(), theirs.shape());
        assert_eq!(own.pixels(), theirs.pixels());
        assert_eq!(own.identities(), theirs.identities());
        assert_eq!(own.images(), [0, 1, 2, 3, 4]);
        let [a, b] = [own, theirs].map(|batch| {
            let tensor = batch.to_device(&Device::flex(), &Normalisation::FFC);
            tensor.try_into_vec_as::<f32>().unwrap()
        });
        assert_eq!(a, b);
    }
}

#[test]
fn lengths_must_fit() {
    let new = |bytes, shape, identities| {
        ImageBatch::new(vec![0; bytes], shape, Channels::Rgb, vec![0; identities])
    };
    assert!(new(24, [2, 2, 2], 2).is_ok());
    for (bytes, shape, identities, named) in [
        (23, [2, 2, 2], 2, "pixels"),
        (8, [2, 2, 2], 2, "pixels"),
        (0, [usize::MAX, 2, 2], 2, "pixels"),
        (24, [2, 2, 2], 3, "identities"),
        (0, [0, 2, 2], 0, "shape"),
        (0, [2, 0, 2], 2, "shape"),
    ] {
        let error = new(bytes, shape, identities).unwrap_err();
        assert!(
            matches!(error, Error::Setting { setting, .. } if setting == named),
            "{error}"
        );
    }
}
