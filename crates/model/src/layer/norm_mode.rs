/// How batch normalisation gets its statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormMode {
    /// Those of the batch; the running ones follow them. For the network that is trained.
    Train,
    /// Those of the batch; the running ones stay as they are. For the gallery network.
    Batch,
    /// The running ones. For a finished network.
    Evaluate,
}
