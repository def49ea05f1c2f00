//! Faces, landmarks, matrices and crops as facenet-pytorch and Umeyama's formula gave them for free pictures.

use burn::tensor::Device;
use ffc_align::{Mtcnn, MtcnnConfig, Similarity, template, warp};
use serde_json::Value;

use crate::support::{Decoded, shared};

const BOX_PX: f64 = 0.05;
const SCORE: f64 = 0.0005;

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().unwrap().iter();
    numbers.map(|number| number.as_f64().unwrap()).collect()
}

fn points(value: &Value) -> [[f64; 2]; 5] {
    let points: Vec<[f64; 2]> = (value.as_array().unwrap().iter())
        .map(|point| numbers(point).try_into().unwrap())
        .collect();
    points.try_into().unwrap()
}

fn golden() -> Option<(Value, std::path::PathBuf)> {
    let path = shared("golden/align/mtcnn.json")?;
    let text = std::fs::read_to_string(path).unwrap();
    let pictures = shared("golden/align/pictures")?;
    Some((serde_json::from_str(&text).unwrap(), pictures))
}

/// Every face and no other, in every picture.
#[test]
fn faces() {
    let (Some((golden, pictures)), Some(weights)) = (golden(), shared("data/mtcnn")) else {
        return;
    };
    let detector = Mtcnn::read(weights, MtcnnConfig::default(), &Device::flex()).unwrap();
    let mut all = 0;
    for of_picture in golden["pictures"].as_array().unwrap() {
        let file = of_picture["file"].as_str().unwrap();
        let decoded = Decoded::read(&pictures.join(file));
        let found = detector.detect(decoded.picture()).unwrap();
        let expected = of_picture["faces"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{file}: {found:?}");
        // A coordinate on a whole number may be truncated to either side.
        let tolerance = match golden["tolerance"]["exceptions"].get(file) {
            Some(_) => 1.5,
            None => BOX_PX,
        };
        for (found, expected) in found.iter().zip(expected) {
            let difference = (f64::from(found.score) - expected["score"].as_f64().unwrap()).abs();
            assert!(difference < SCORE, "{file}: score {difference}");
            let sides = found.bounds.iter().zip(numbers(&expected["box"]));
            let points = found.landmarks.iter().flatten();
            let points = points.zip(points_of(&expected["landmarks"]));
            for (&found, expected) in sides.chain(points) {
                let difference = (f64::from(found) - expected).abs();
                assert!(difference < tolerance, "{file}: {found} and {expected}");
            }
            all += 1;
        }
    }
    assert!(all > 15, "{all} faces");
}

fn points_of(value: &Value) -> Vec<f64> {
    points(value).into_iter().flatten().collect()
}

/// Of the recorded landmarks, which are rounded: matrices within the 1e-4 that follow from it, crops of the same mean colour.
#[test]
fn matrices_and_crops() {
    let Some((golden, pictures)) = golden() else {
        return;
    };
    for of_picture in golden["pictures"].as_array().unwrap() {
        let file = of_picture["file"].as_str().unwrap();
        let decoded = Decoded::read(&pictures.join(file));
        for face in of_picture["faces"].as_array().unwrap() {
            let similarity = Similarity::fit(&points(&face["landmarks"]), &template(112)).unwrap();
            for (found, expected) in similarity
                .matrix()
                .iter()
                .zip(face["matrix"].as_array().unwrap())
            {
                for (at, (found, expected)) in found.iter().zip(numbers(expected)).enumerate() {
                    let tolerance = if at == 2 { 0.05 } else { 1e-4 };
                    assert!(
                        (found - expected).abs() < tolerance,
                        "{file}: {found} {expected}"
                    );
                }
            }
            let crop = warp(decoded.picture(), &similarity, 112);
            for (channel, expected) in numbers(&face["aligned_mean_rgb"]).iter().enumerate() {
                let values = crop.iter().skip(channel).step_by(3);
                let mean = values.map(|&value| f64::from(value)).sum::<f64>() / (112.0 * 112.0);
                assert!((mean - expected).abs() < 0.5, "{file}: {mean} {expected}");
            }
        }
    }
}
