//! Checks of settings that several heads have.

use crate::{Error, Result};

/// Finite and above 0.
pub(crate) fn positive(setting: &'static str, value: f32) -> Result<()> {
    check(
        value.is_finite() && value > 0.0,
        setting,
        value,
        "finite and above 0",
    )
}

/// Finite and at least 0.
pub(crate) fn not_negative(setting: &'static str, value: f32) -> Result<()> {
    check(
        value.is_finite() && value >= 0.0,
        setting,
        value,
        "finite and at least 0",
    )
}

/// At least 1.
pub(crate) fn at_least_one(setting: &'static str, value: usize) -> Result<()> {
    check(value > 0, setting, value, "at least 1")
}

/// Groups of K images to compare with each other: at least 2 of them, at least 2 of K, in a batch of B rows.
pub(crate) fn groups_to_compare(images: usize, batch: usize) -> Result<()> {
    check(
        images >= 2,
        "images",
        images,
        "at least 2, to compare images of one identity",
    )?;
    divides(images, batch)?;
    check(
        batch / images >= 2,
        "images",
        images,
        "at most half the batch, to compare two identities",
    )
}

/// Groups of K images fill a batch of B rows.
pub(crate) fn divides(images: usize, batch: usize) -> Result<()> {
    let fits = images > 0 && batch.is_multiple_of(images);
    check(fits, "images", images, "a divisor of the batch")
}

/// What does not hold is refused.
pub(crate) fn check(
    holds: bool,
    setting: &'static str,
    value: impl ToString,
    expected: &'static str,
) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(Error::Setting {
        setting,
        value: value.to_string(),
        expected,
    })
}
