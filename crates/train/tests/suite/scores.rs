use std::collections::BTreeMap;

use ffc_eval::RocPoint;
use ffc_train::Error;
use ffc_train::run::{BaselineMeasure, EvaluationScores, Mistake, Picture, Scores};

use super::support::assert_says;

fn scores() -> Scores {
    let picture = |name: &str| Picture {
        name: name.to_owned(),
        png: [b"\x89PNG\r\n\x1a\n", name.as_bytes()].concat(),
    };
    let mistake = |score, same| Mistake {
        score,
        same,
        left: picture("ann/0.png"),
        right: picture("bob/1.png"),
    };
    let evaluation = EvaluationScores {
        network: "gallery".to_owned(),
        same: vec![0.5, -0.25, 1.0],
        different: vec![0.0, 0.75],
        roc: vec![RocPoint {
            threshold: 0.75,
            far: 0.5,
            tar: 0.25,
        }],
        threshold: Some(0.25),
        mistakes: vec![mistake(-0.25, true), mistake(0.75, false)],
        baselines: vec![BaselineMeasure {
            name: "cosine of raw pixels".to_owned(),
            measure: "accuracy".to_owned(),
            value: 0.5,
            low: 0.375,
            high: 0.625,
        }],
    };
    Scores(BTreeMap::from([("faces".to_owned(), evaluation)]))
}

#[test]
fn scores_come_back_and_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scores.json");
    let scores = scores();
    scores.write(&path).unwrap();
    assert_eq!(Scores::read(&path).unwrap(), scores);

    type Damage = fn(&mut EvaluationScores);
    let damages: [(&str, Damage); 5] = [
        ("NaN", |scores| scores.same[1] = f32::NAN),
        ("inf", |scores| scores.threshold = Some(f32::INFINITY)),
        ("NaN", |scores| scores.baselines[0].high = f64::NAN),
        ("inf", |scores| scores.roc[0].threshold = f32::INFINITY),
        ("no PNG file", |scores| {
            scores.mistakes[1].right.png = b"GIF".to_vec()
        }),
    ];
    for (problem, damage) in damages {
        let mut damaged = scores.clone();
        damage(damaged.0.get_mut("faces").unwrap());
        let error = damaged.write(&path).unwrap_err();
        assert!(matches!(error, Error::Format { .. }));
        assert_says(&error.to_string(), &["scores.json", "`faces`", problem]);
        // The older file stays.
        assert_eq!(Scores::read(&path).unwrap(), scores);
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let png = "\"png_base64\":\"iVBOR";
    assert!(text.contains(png));
    std::fs::write(&path, text.replacen(png, "\"png_base64\":\"????", 1)).unwrap();
    assert_says(
        &Scores::read(&path).unwrap_err().to_string(),
        &["scores.json"],
    );
}
