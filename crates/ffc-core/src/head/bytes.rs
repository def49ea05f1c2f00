use std::ops::Add;

/// Bytes that a head keeps, by its settings alone: of a head too large to be made, too.
///
/// No head here holds a gradient of all its rows: they are computed some rows at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeadBytes {
    /// Class weights, class centres, or features of a queue, on the device.
    pub rows: u64,
    /// Momenta of the rows' SGD, on the device.
    pub momenta: u64,
    /// Copies of rows and momenta that a step makes: those that take part, where others do not.
    pub of_step: u64,
    /// Rows and momenta that lie in a file instead.
    pub in_file: u64,
}

impl HeadBytes {
    /// Rows with a momentum of the same size.
    pub(crate) fn trained(rows: u64) -> Self {
        Self {
            rows,
            momenta: rows,
            ..Self::default()
        }
    }

    /// All that lies on the device.
    pub fn on_device(&self) -> u64 {
        self.rows
            .saturating_add(self.momenta)
            .saturating_add(self.of_step)
    }
}

impl Add for HeadBytes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            rows: self.rows.saturating_add(other.rows),
            momenta: self.momenta.saturating_add(other.momenta),
            of_step: self.of_step.saturating_add(other.of_step),
            in_file: self.in_file.saturating_add(other.in_file),
        }
    }
}
