//! Embeddings of a network and of the baseline.

use burn::tensor::Device;
use ffc_data::{Channels, Damaged, Dataset, ListLoader, LoaderConfig, Normalisation, SourceConfig};
use ffc_eval::{Embed, Embedder, EmbedderConfig, Embeddings, Error, RawPixels};
use ffc_model::{Backbone, BackboneConfig, NormMode};

use super::support::{Table, synthetic};

fn backbone(channels: usize, device: &Device) -> Backbone {
    let config: BackboneConfig = serde_json::from_str(&format!(
        r#"{{ "network": "compact", "embedding": 16, "channels": {channels}, "height_px": 28, "width_px": 28 }}"#
    ))
    .unwrap();
    config.init(device).unwrap()
}

/// The pictures of one image as a tensor, pixel by pixel.
fn rows(
    dataset: &std::sync::Arc<Dataset>,
    images: &[u64],
    channels: Channels,
    size: usize,
) -> Vec<Vec<u8>> {
    let config = LoaderConfig {
        batch: 1,
        height_px: size,
        width_px: size,
        channels,
        ..Default::default()
    };
    let loader = ListLoader::new(dataset.clone(), images.to_vec(), &config).unwrap();
    loader
        .map(|batch| batch.unwrap().pixels().to_vec())
        .collect()
}

/// As everywhere else: the key `flip` of a configuration and the command's `--flip`.
#[test]
fn mirrored_pictures_are_asked_for() {
    assert!(!EmbedderConfig::default().flip);
}

/// normalize(f(image) + f(mirrored image)) one image at a time, the mirrored image made pixel by pixel.
#[test]
fn a_network_sees_the_image_and_its_mirror_image() {
    let device = Device::flex();
    let dataset = synthetic(6);
    let images = [3, 0, 7, 7, 5];
    let network = backbone(1, &device);
    let embed = |pixels: &[u8]| -> Vec<f64> {
        let values: Vec<f32> = pixels
            .iter()
            .map(|&value| (f32::from(value) - 127.5) / 128.0)
            .collect();
        let data = burn::tensor::TensorData::new(values, [1, 1, 28, 28]);
        let tensor = burn::tensor::Tensor::from_data(data, &device);
        let embedding = network.forward(tensor, NormMode::Evaluate).unwrap();
        let embedding = embedding.try_into_vec_as::<f32>().unwrap();
        embedding.into_iter().map(f64::from).collect()
    };
    for flip in [true, false] {
        for batch in [1, 3, 64] {
            let config = EmbedderConfig {
                batch,
                flip,
                ..Default::default()
            };
            let mut embedder =
                Embedder::new(&network, &device, Normalisation::FFC, config).unwrap();
            let found = Embeddings::of_images(&dataset, &images, &mut embedder).unwrap();
            assert_eq!((found.len(), found.dim()), (5, 16));
            for (row, pixels) in rows(&dataset, &images, Channels::Grey, 28)
                .iter()
                .enumerate()
            {
                let mirrored: Vec<u8> = pixels
                    .chunks(28)
                    .flat_map(|line| line.iter().rev().copied())
                    .collect();
                let mut expected = embed(pixels);
                if flip {
                    expected
                        .iter_mut()
                        .zip(embed(&mirrored))
                        .for_each(|(sum, value)| *sum += value);
                }
                let expected = super::support::normalised(expected);
                for (found, expected) in found.row(row).iter().zip(expected) {
                    assert!(
                        (f64::from(*found) - expected).abs() < 1e-5,
                        "{found} {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn networks_for_other_channels_are_refused() {
    let device = Device::flex();
    let colour = backbone(3, &device);
    let embedder = Embedder::new(&colour, &device, Normalisation::FFC, Default::default()).unwrap();
    assert_eq!(embedder.pictures().channels, Channels::Rgb);
    let network = backbone(2, &device);
    let error =
        Embedder::new(&network, &device, Normalisation::FFC, Default::default()).unwrap_err();
    assert!(error.to_string().starts_with("channels is 2"), "{error}");
}

/// The cosine of raw pixels is the correlation of the pictures.
#[test]
fn raw_pixels_are_correlated() {
    let dataset = synthetic(6);
    let images = [1, 4, 2];
    let found = Embeddings::of_images(&dataset, &images, &mut RawPixels).unwrap();
    let pictures = rows(&dataset, &images, Channels::Grey, 32);
    let deviation = |number: usize| {
        let values: Vec<f64> = pictures[number]
            .iter()
            .map(|&value| f64::from(value))
            .collect();
        let mean = values.iter().sum::<f64>() / 1024.0;
        values
            .into_iter()
            .map(|value| value - mean)
            .collect::<Vec<_>>()
    };
    let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let (x, y) = (deviation(a), deviation(b));
        let expected = sum(&x, &y) / (sum(&x, &x) * sum(&y, &y)).sqrt();
        assert!((f64::from(found.cosine(a, b)) - expected).abs() < 1e-5);
    }
}

#[test]
fn embeddings_that_are_not_finite_are_told_with_their_image() {
    let dataset = synthetic(6);
    for bad in [f32::NAN, f32::INFINITY] {
        let mut table = Table::random(&dataset, 3, 1.0);
        table.values[3 * 5 + 1] = bad;
        let error = Embeddings::of_images(&dataset, &[1, 5, 2], &mut table).unwrap_err();
        assert!(
            matches!(&error, Error::NotFinite { origin } if *origin == dataset.origin(5)),
            "{error}"
        );
    }
}

/// Also where the loader's settings would put another picture in its place, which would be scored as if it were it.
#[test]
fn a_damaged_picture_is_an_error() {
    struct Skipping(Table);
    impl Embed for Skipping {
        fn pictures(&self) -> LoaderConfig {
            LoaderConfig {
                damaged: Damaged::Skip { limit: 9 },
                ..self.0.pictures()
            }
        }
        fn dim(&self) -> usize {
            self.0.dim
        }
        fn embed(&mut self, images: &ffc_data::ImageBatch) -> ffc_eval::Result<Vec<f32>> {
            self.0.embed(images)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("set");
    std::fs::create_dir_all(root.join("somebody")).unwrap();
    let picture = image::RgbImage::new(16, 16);
    picture.save(root.join("somebody/1.png")).unwrap();
    std::fs::write(root.join("somebody/2.png"), b"no picture").unwrap();
    let source = SourceConfig::detect(&root).unwrap();
    let dataset = Dataset::open_or_build(&source, &Default::default(), &mut |_| {}).unwrap();
    let mut embed = Skipping(Table::new(2, vec![1.0; 4]));
    let error =
        Embeddings::of_images(&std::sync::Arc::new(dataset), &[0, 1], &mut embed).unwrap_err();
    let damaged = ffc_data::ErrorChain(&error).to_string();
    assert!(damaged.contains("2.png"), "{damaged}");
}

#[test]
fn a_wrong_number_of_values_is_refused() {
    struct Short(Table);
    impl Embed for Short {
        fn pictures(&self) -> LoaderConfig {
            self.0.pictures()
        }
        fn dim(&self) -> usize {
            4
        }
        fn embed(&mut self, images: &ffc_data::ImageBatch) -> ffc_eval::Result<Vec<f32>> {
            self.0.embed(images)
        }
    }
    let dataset = synthetic(6);
    let mut short = Short(Table::random(&dataset, 3, 1.0));
    let error = Embeddings::of_images(&dataset, &[1, 2], &mut short).unwrap_err();
    assert_eq!(
        error.to_string(),
        "6 values of embeddings, but 8 were expected"
    );
}

/// Zeros are like nothing: all of them are an error, one among others has a cosine of 0.
#[test]
fn embeddings_of_zeros() {
    let dataset = synthetic(3);
    let images: Vec<u64> = (0..dataset.index().images()).collect();
    let mut zeros = Table::new(2, vec![0.0; 2 * images.len()]);
    let error = Embeddings::of_images(&dataset, &images, &mut zeros).unwrap_err();
    assert!(
        matches!(error, Error::AllZero { count } if count == images.len()),
        "{error}"
    );
    let mut one = zeros;
    one.values[2..].fill(1.0);
    let embeddings = Embeddings::of_images(&dataset, &images, &mut one).unwrap();
    assert_eq!(embeddings.cosine(0, 1), 0.0);
    assert!((embeddings.cosine(1, 2) - 1.0).abs() < 1e-6);
}
