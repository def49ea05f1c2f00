use std::collections::HashSet;

use ffc_core::Head;

use crate::run::StepMetrics;
use crate::{Error, Result, checkpoint};

/// Checks the names that a head announces: its quantities become keys of metrics, its parts files of a checkpoint.
///
/// # Errors
///
/// [`Error::Head`] where a name is taken, given twice, or cannot be one.
pub(super) fn check(head: &dyn Head) -> Result<()> {
    check_names("quantity", head.quantities(), &StepMetrics::KEYS, "_")?;
    check_names("part", head.parts(), &checkpoint::RESERVED, "_-.")
}

/// Names begin with a letter or digit; after it come these and `others`.
fn check_names(what: &str, names: &[&str], taken: &[&str], others: &str) -> Result<()> {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let mut seen = HashSet::new();
    for &name in names {
        let why = if taken.contains(&name) {
            "a name that the trainer itself uses".to_owned()
        } else if !seen.insert(name) {
            "announced twice".to_owned()
        } else if !name.starts_with(plain)
            || !name
                .chars()
                .all(|letter| plain(letter) || others.contains(letter))
        {
            format!("no name of lower-case letters, digits and {others}")
        } else {
            continue;
        };
        return Err(Error::Head {
            problem: format!("announces the {what} {name:?}, which is {why}"),
        });
    }
    Ok(())
}
