use pulp::Simd;

/// What becomes of the finished sums of a matrix product, row by row: `x = sums + shift`, then `slope x` where that is not positive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Epilogue<'a> {
    /// For each row of the left factor.
    pub shift: &'a [f32],
    /// The same; 1 changes nothing.
    pub slope: &'a [f32],
}

/// [`Epilogue`] of one row, in all lanes.
#[derive(Clone, Copy)]
pub(super) struct RowEpilogue<V> {
    pub shift: V,
    pub slope: V,
}

impl RowEpilogue<f32> {
    /// The finished number.
    #[inline(always)]
    pub fn apply_to_one(self, sum: f32) -> f32 {
        let x = sum + self.shift;
        if x > 0.0 { x } else { self.slope * x }
    }
}

impl<V: Copy> RowEpilogue<V> {
    /// The finished numbers.
    #[inline(always)]
    pub fn apply<S: Simd<f32s = V>>(self, simd: S, sums: V) -> V {
        let x = simd.add_f32s(sums, self.shift);
        let positive = simd.greater_than_f32s(x, simd.splat_f32s(0.0));
        simd.select_f32s(positive, x, simd.mul_f32s(self.slope, x))
    }
}
