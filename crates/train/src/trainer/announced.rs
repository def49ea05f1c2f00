use std::collections::HashSet;

use ffc_core::{BatchForm, Head};

use crate::run::StepMetrics;
use crate::{Error, Result, checkpoint};

/// Checks what a head announces. Its quantities become keys of metrics, its parts files of a checkpoint.
///
/// # Errors
///
/// [`Error::Head`] where a name is taken, given twice, or cannot be one, or where it needs pairs and no network for the second pictures.
pub(super) fn check(head: &dyn Head) -> Result<()> {
    let needs = head.needs();
    if needs.batch == BatchForm::Pairs && !needs.gallery {
        return Err(Error::Head {
            problem: "needs pairs, but no gallery network for the second pictures".into(),
        });
    }
    check_names("quantity", head.quantities(), &StepMetrics::KEYS, "_")?;
    check_names("part", head.parts(), &checkpoint::RESERVED, "_-.")
}

fn check_names(what: &str, names: &[&str], taken: &[&str], others: &str) -> Result<()> {
    let plain = |letter: char| letter.is_ascii_alphanumeric();
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
            format!("no name of letters, digits and {others}, with a letter or digit first")
        } else {
            continue;
        };
        return Err(Error::Head {
            problem: format!("announces the {what} {name:?}, which is {why}"),
        });
    }
    Ok(())
}
