use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use hashbrown::HashMap;

/// The identities of a batch, numbered in the order in which they appear, so that a device, whose integers can be shorter than an
/// identity's, can compare them.
#[derive(Debug)]
pub(crate) struct Labels {
    numbers: HashMap<u64, i32>,
    rows: Vec<i32>,
}

impl Labels {
    pub(crate) fn new(identities: &[u64]) -> Self {
        let mut numbers = HashMap::new();
        let rows = identities.iter().map(|&identity| {
            let next = numbers.len() as i32;
            *numbers.entry(identity).or_insert(next)
        });
        let rows = rows.collect();
        Self { numbers, rows }
    }

    /// Number of different identities.
    pub(crate) fn distinct(&self) -> usize {
        self.numbers.len()
    }

    /// The number of each row's identity.
    pub(crate) fn rows(&self) -> &[i32] {
        &self.rows
    }

    /// How many rows each identity has, by its number.
    pub(crate) fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.distinct()];
        for &number in &self.rows {
            counts[number as usize] += 1;
        }
        counts
    }

    /// The number of an identity that need not be in the batch: then -1, which equals no row's.
    pub(crate) fn number(&self, identity: u64) -> i32 {
        self.numbers.get(&identity).copied().unwrap_or(-1)
    }
}

/// Where the numbers of rows and columns are equal, `[rows.len(), columns.len()]`, compared on the device.
pub(crate) fn equal(rows: &[i32], columns: &[i32], device: &Device) -> Tensor<2, Bool> {
    let shape = [rows.len(), columns.len()];
    let numbers = |numbers: &[i32], shape| {
        Tensor::<2, Int>::from_data(TensorData::new(numbers.to_vec(), shape), device)
    };
    let rows = numbers(rows, [rows.len(), 1]).expand(shape);
    let columns = numbers(columns, [1, columns.len()]).expand(shape);
    rows.equal(columns)
}
