use pulp::{Arch, Simd, WithSimd};

/// Runs loops compiled for the best instruction set of the processor.
///
/// The closure must be marked `#[inline(always)]`: only what is inlined is compiled so. `FnMut` and not `FnOnce`,
/// whose calls go through a shim that does not carry the mark.
pub(crate) fn vectorised<R>(work: impl FnMut() -> R) -> R {
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
