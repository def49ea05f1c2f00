//! Each margin against its formula in f64, and its slope against central differences.

use std::f32::consts::PI;

use ffc_core::Error;
use ffc_core::margin::{ArcFace, ArcFaceForm, CosFace, Margin, NoMargin, SvMargin};

use crate::support::{device, host, matrix, matrix_on};

fn cosines() -> Vec<f32> {
    (-99..=99).map(|at| at as f32 / 100.0).collect()
}

fn check(margin: &dyn Margin, formula: impl Fn(f64) -> f64) {
    let cosines = cosines();
    let reshaped = margin.target(matrix(&cosines, cosines.len()));
    let (value, slope) = (host(reshaped.value), host(reshaped.slope));
    for (at, &t) in cosines.iter().enumerate() {
        let t = f64::from(t);
        assert!(
            (f64::from(value[at]) - formula(t)).abs() < 1e-6,
            "{margin:?} at {t}"
        );
        let difference = (formula(t + 1e-6) - formula(t - 1e-6)) / 2e-6;
        // A jump has no slope to compare with.
        if difference.abs() < 100.0 {
            let error = (f64::from(slope[at]) - difference).abs() / difference.abs().max(1.0);
            assert!(
                error < 1e-4,
                "{margin:?}: slope {} at {t}, not {difference}",
                slope[at]
            );
        }
    }
}

#[test]
fn targets_follow_their_formulas() {
    check(&NoMargin, |t| t);
    check(&CosFace::new(0.35).unwrap(), |t| t - f64::from(0.35f32));
    check(&ArcFace::new(0.5).unwrap(), |t| (t.acos() + 0.5).cos());
    let arc = |form| ArcFace::new(0.5).unwrap().with_form(form);
    check(&arc(ArcFaceForm::Fallback), |t| {
        if t > (std::f64::consts::PI - 0.5).cos() {
            (t.acos() + 0.5).cos()
        } else {
            t - 0.5 * 0.5f64.sin()
        }
    });
    check(&SvMargin::new(0.305).unwrap(), |t| {
        if t > 0.305 {
            t - f64::from(0.305f32)
        } else {
            t
        }
    });
}

#[test]
fn straight_through_has_the_value_but_not_the_slope() {
    let exact = ArcFace::new(0.5).unwrap();
    let [a, b] = [ArcFaceForm::Exact, ArcFaceForm::StraightThrough].map(|form| {
        let cosines = cosines();
        exact
            .with_form(form)
            .target(matrix(&cosines, cosines.len()))
    });
    assert_eq!(host(a.value), host(b.value));
    assert!(host(b.slope).iter().all(|&slope| slope == 1.0));
}

#[test]
fn sv_stretches_hard_negatives() {
    let sv = SvMargin::new(0.3).unwrap();
    let cosines = cosines();
    for target in [-0.905f32, -0.005, 0.415, 0.995] {
        let reshaped = sv
            .negatives()
            .unwrap()
            .reshape(matrix(&cosines, 1), matrix(&[target], 1));
        let (value, slope) = (host(reshaped.value), host(reshaped.slope));
        for (at, &c) in cosines.iter().enumerate() {
            let hard = c > target - 0.3;
            let expected = if hard { (1.2 * c + 0.2, 1.2) } else { (c, 1.0) };
            assert!(
                (value[at] - expected.0).abs() < 1e-6,
                "target {target}, cosine {c}"
            );
            assert!(
                (slope[at] - expected.1).abs() < 1e-6,
                "target {target}, cosine {c}"
            );
        }
    }
}

#[test]
fn arcface_is_finite_at_the_ends() {
    let arc = ArcFace::new(0.5).unwrap();
    // Rounding can carry a cosine past 1.
    let ends = [1.0, -1.0, 1.000_000_1, -1.000_000_1, 0.999_999_9];
    let reshaped = arc.target(matrix_on(&ends, ends.len(), &device()));
    for (value, end) in host(reshaped.value).iter().zip(ends) {
        let expected = (f64::from(end).clamp(-1.0, 1.0).acos() + 0.5).cos();
        assert!(
            (f64::from(*value) - expected).abs() < 1e-3,
            "{value} at {end}"
        );
    }
    assert!(host(reshaped.slope).iter().all(|slope| slope.is_finite()));
}

#[test]
fn impossible_margins_are_refused() {
    type New = fn(f32) -> ffc_core::Result<Box<dyn Margin>>;
    let cosface: New = |margin| Ok(Box::new(CosFace::new(margin)?));
    let arcface: New = |margin| Ok(Box::new(ArcFace::new(margin)?));
    let sv: New = |margin| Ok(Box::new(SvMargin::new(margin)?));
    for (new, most, beyond, says) in [
        (cosface, 2.0, 2.0f32.next_up(), "at most 2"),
        (arcface, PI.next_down(), PI, "below pi"),
        (sv, 1.0f32.next_down(), 1.0, "below 1"),
    ] {
        assert!(new(0.0).is_ok() && new(most).is_ok());
        for margin in [-0.1, beyond, 99.0, f32::NAN, f32::INFINITY] {
            let error = new(margin).unwrap_err();
            assert!(
                matches!(&error, Error::Setting { setting: "margin", value, expected }
                    if *value == margin.to_string() && expected.contains(says)),
                "{error}"
            );
        }
    }
}
