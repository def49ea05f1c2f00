use pulp::{Arch, Simd, WithSimd};

/// Runs loops compiled for several instruction sets, in the version for the best that the processor has.
///
/// The closure must be marked `#[inline(always)]`: only what is inlined is compiled so. `FnMut` and not `FnOnce`,
/// whose calls go through a shim that does not carry the mark.
pub fn multiversion<R>(work: impl FnMut() -> R) -> R {
    struct Work<F>(F);

    impl<R, F: FnMut() -> R> WithSimd for Work<F> {
        type Output = R;

        #[inline(always)]
        fn with_simd<S: Simd>(mut self, _simd: S) -> R {
            (self.0)()
        }
    }

    Arch::new().dispatch(Work(work))
}
