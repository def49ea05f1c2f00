/// What a convolution does apart from its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConvGeometry {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    /// Each channel by itself; otherwise all channels together.
    pub depthwise: bool,
}
