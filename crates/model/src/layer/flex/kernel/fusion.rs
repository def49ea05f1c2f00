use super::epilogue::Epilogue;

/// What is fused with a convolution in evaluation, number by number.
#[derive(Debug, Clone)]
pub(crate) struct Fusion {
    /// For each channel of the input; the padding stays zero.
    pub before: Option<Affine>,
    /// For each channel of the output.
    pub after: Affine,
    /// Slope of each channel of the output where it is not positive; after the shortcut. 1 changes nothing.
    pub slope: Vec<f32>,
}

impl Fusion {
    /// What becomes of sums whose weights were scaled.
    pub(super) fn epilogue(&self) -> Epilogue<'_> {
        Epilogue {
            shift: &self.after.shift,
            slope: &self.slope,
        }
    }
}

/// `scale x + shift` for each channel.
#[derive(Debug, Clone)]
pub(crate) struct Affine {
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}
