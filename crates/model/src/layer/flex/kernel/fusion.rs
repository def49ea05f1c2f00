use super::gemm::Finish;

/// What stands around a convolution in evaluation and goes along with it, number by number.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// For each channel of the input; the padding stays zero.
    pub before: Option<Affine>,
    /// For each channel of the output.
    pub after: Affine,
    /// Slope of each channel of the output where it is not positive; after the shortcut. 1 changes nothing.
    pub slope: Vec<f32>,
}

impl Surroundings {
    /// What becomes of sums whose weights were scaled.
    pub(crate) fn finish(&self) -> Finish<'_> {
        Finish {
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
