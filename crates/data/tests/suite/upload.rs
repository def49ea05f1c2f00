//! Upload and normalisation against a naive loop.

use burn::tensor::Device;
use ffc_data::{Channels, InstanceLoader, LoaderConfig, Normalisation};

use super::support::{small, synthetic};

#[test]
fn uploads_equal_a_naive_loop() {
    let presets = [
        (Normalisation::FFC, [2, 1, 0], 127.5, 128.0),
        (Normalisation::ARCFACE, [0, 1, 2], 127.5, 127.5),
    ];
    for channels in [Channels::Rgb, Channels::Grey] {
        let config = LoaderConfig {
            channels,
            width_px: 20,
            ..small(5)
        };
        let batch = InstanceLoader::new(synthetic(20), config, 0)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .images;
        let [rows, height, width, count] = batch.shape();
        assert_eq!([rows, height, width], [5, 16, 20]);
        for (preset, order, mean, scale) in presets {
            let tensor = batch.to_device(&Device::flex(), &preset);
            assert_eq!(tensor.dims(), [rows, count, height, width]);
            let values = tensor.try_into_vec_as::<f32>().unwrap();
            for (at, value) in values.into_iter().enumerate() {
                let (picture, place) = (at / (count * height * width), at % (height * width));
                let channel = at / (height * width) % count;
                let channel = if count == 3 { order[channel] } else { channel };
                let byte = batch.pixels()[(picture * height * width + place) * count + channel];
                assert!((value - (f32::from(byte) - mean) / scale).abs() < 1e-6);
            }
        }
    }
}
