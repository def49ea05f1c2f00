use std::collections::BTreeMap;

use crate::embeddings::Embeddings;
use crate::{Error, Result};

/// One embedding for each template, a set of pictures of one person (IJB): the mean of each medium's embeddings, so that the many
/// frames of a video count once, summed and normalised.
///
/// `templates` and `media` say for each embedding to what it belongs. Gives the templates in ascending order and their embeddings.
///
/// # Errors
/// If the numbers differ.
pub fn pool_templates(
    embeddings: &Embeddings,
    templates: &[u64],
    media: &[u64],
) -> Result<(Vec<u64>, Embeddings)> {
    for (what, found) in [("templates", templates.len()), ("media", media.len())] {
        if found != embeddings.len() {
            return Err(Error::Count {
                what,
                expected: embeddings.len(),
                found,
            });
        }
    }
    pool(
        embeddings.dim(),
        |row| embeddings.row(row),
        templates,
        media,
    )
}

/// [`pool_templates`] of rows that lie anywhere.
pub(crate) fn pool<'a>(
    dim: usize,
    row: impl Fn(usize) -> &'a [f32],
    templates: &[u64],
    media: &[u64],
) -> Result<(Vec<u64>, Embeddings)> {
    let mut rows: BTreeMap<u64, BTreeMap<u64, Vec<usize>>> = BTreeMap::new();
    for (row, (&template, &medium)) in templates.iter().zip(media).enumerate() {
        let media = rows.entry(template).or_default();
        media.entry(medium).or_default().push(row);
    }
    let mut values = Vec::with_capacity(rows.len() * dim);
    for media in rows.values() {
        let mut sum = vec![0.0; dim];
        for rows in media.values() {
            for &number in rows {
                let values = row(number).iter();
                let share = rows.len() as f32;
                sum.iter_mut()
                    .zip(values)
                    .for_each(|(sum, value)| *sum += value / share);
            }
        }
        values.append(&mut sum);
    }
    let pooled = Embeddings::new(dim, values)?;
    Ok((rows.into_keys().collect(), pooled))
}
