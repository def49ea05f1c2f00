/// How batch normalisation gets its statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormMode {
    /// From the batch; the running ones follow. For the network that is trained.
    Train,
    /// From the batch; the running ones stay as they are. For the gallery network.
    Batch,
    /// The running ones. For finished networks.
    Evaluate,
}
