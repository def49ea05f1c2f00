use burn::module::Module;
use burn::tensor::Tensor;
use ffc_model::{Error, NormMode};

use crate::support::{device, every_kind, pictures, values};

#[test]
fn every_network_embeds_pictures_of_its_size_and_trains() {
    let device = device().autodiff();
    for config in every_kind() {
        let backbone = config.init(&device).unwrap();
        let images = pictures(3, config.input(), 0.2, &device);
        let embeddings = backbone.forward(images.clone(), NormMode::Train).unwrap();
        assert_eq!(embeddings.dims(), [3, 12]);
        let gradients = embeddings.powi_scalar(2).sum().backward();
        let gradients = burn::optim::GradientsParams::from_grads(gradients, &backbone);
        assert!(!gradients.is_empty(), "{config:?}");

        let embeddings = backbone
            .valid()
            .forward(images.inner(), NormMode::Evaluate)
            .unwrap();
        assert!(values(embeddings).iter().all(|value| value.is_finite()));
    }
}

#[test]
fn pictures_of_another_shape_are_errors() {
    let device = device();
    for config in every_kind() {
        let backbone = config.init(&device).unwrap();
        let input = config.input();
        let right = [2, input.channels, input.height_px, input.width_px];
        for axis in 0..4 {
            let mut wrong = right;
            wrong[axis] = if axis == 0 { 0 } else { right[axis] + 16 };
            let images = Tensor::zeros(wrong, &device);
            match backbone.forward(images, NormMode::Evaluate) {
                Err(Error::InputShape { expected, found }) => {
                    assert_eq!(expected, right[1..]);
                    assert_eq!(found, wrong);
                }
                other => panic!("{:?}", other.map(|embeddings| embeddings.dims())),
            }
        }
    }
}

#[test]
fn one_picture_has_no_statistics() {
    let device = device();
    for config in every_kind() {
        let backbone = config.init(&device).unwrap();
        let image = || pictures(1, config.input(), 0.0, &device);
        for mode in [NormMode::Train, NormMode::Batch] {
            let error = backbone.forward(image(), mode).unwrap_err();
            assert!(matches!(error, Error::BatchTooSmall { rows: 1 }), "{error}");
        }
        let embedding = backbone.forward(image(), NormMode::Evaluate).unwrap();
        assert_eq!(embedding.dims(), [1, 12]);
    }
}
