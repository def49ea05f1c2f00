use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Over which rows the means of FFC's loss are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// All rows of a kind, those with a centre and the fresh ones: however these are spread over processes, each row counts alike.
    All,
    /// Those of each [group](crate::Head::group_rows), and then the mean of the groups': what the published code's processes do, each of which takes
    /// the means of its own rows. A group without rows of a kind counts as 0.
    Groups,
}

/// In which group each row of a side is.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    of_row: Vec<u32>,
    count: usize,
}

impl Groups {
    pub(super) fn new(of_row: Vec<u32>) -> Self {
        let count = of_row.iter().max().map_or(0, |&last| last as usize + 1);
        Self { of_row, count }
    }

    /// Refuses sides of which the rows' groups are not known.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`].
    pub(super) fn check(&self, rows: usize) -> Result<()> {
        if self.of_row.is_empty() || self.of_row.len() == rows {
            return Ok(());
        }
        Err(Error::Setting {
            setting: "means",
            value: format!("groups, of {} rows", self.of_row.len()),
            expected: "all, or groups of as many rows as a side has",
        })
    }

    /// By what each of a side's rows of a kind is divided in the mean.
    pub(super) fn divisors(&self, rows: impl Iterator<Item = u32> + Clone) -> Vec<f32> {
        if self.of_row.is_empty() {
            let count = rows.clone().count();
            return vec![count as f32; count];
        }
        let group = |row: u32| self.of_row[row as usize] as usize;
        let mut counts = vec![0_usize; self.count];
        rows.clone().for_each(|row| counts[group(row)] += 1);
        rows.map(|row| (counts[group(row)] * self.count) as f32)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_count_alike_and_so_do_the_rows_of_each() {
        let groups = Groups::new(vec![0, 0, 1, 1, 0, 1]);
        // Three rows of the first group, one of the second.
        assert_eq!(
            groups.divisors([0, 1, 3, 4].into_iter()),
            [6.0, 6.0, 2.0, 6.0]
        );
        assert_eq!(groups.divisors([2].into_iter()), [2.0]);
        assert_eq!(Groups::default().divisors([7, 9].into_iter()), [2.0, 2.0]);
        assert!(groups.check(6).is_ok() && groups.check(5).is_err());
        assert!(Groups::default().check(5).is_ok());
    }
}
