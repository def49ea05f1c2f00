use std::borrow::Cow;

use rayon::prelude::*;

use super::conv_geometry::ConvGeometry;
use super::fusion::Affine;
use super::gemm::Piece;
use ffc_simd::multiversion;

/// An implicit im2col: a layout of one channel in which each tap of the kernel reads one contiguous run of the input, so that rows of
/// the matrix of unfolded pictures need not be made; they overlap.
///
/// The channel is padded with zeros and split into phases: phase (a, b) has the rows a, a + stride, .. and the columns
/// b, b + stride, .. of the padded picture. Rows of the input's phases and of the output have the same pitch, so an
/// output pixel at `j` needs, for the tap (dy, dx), the input at `j + offset`, where the offset depends on the tap
/// alone. The zeros right of a row are those left of the next. Columns of the output beyond its width are junk: never
/// read, and zero in gradients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Im2col {
    height: usize,
    width: usize,
    out_height: usize,
    out_width: usize,
    geometry: ConvGeometry,
    /// Phases in each direction that taps read.
    phases: usize,
    rows: usize,
    pitch: usize,
}

impl Im2col {
    pub fn new(geometry: ConvGeometry, height: usize, width: usize) -> Self {
        let ConvGeometry {
            kernel,
            stride,
            padding,
            ..
        } = geometry;
        let out = |size: usize| (size + 2 * padding - kernel) / stride + 1;
        Self {
            height,
            width,
            out_height: out(height),
            out_width: out(width),
            geometry,
            phases: stride.min(kernel),
            // With padding, one row more: the zeros right of the last row.
            rows: (height + 2 * padding).div_ceil(stride) + usize::from(padding > 0),
            pitch: (width + padding).div_ceil(stride),
        }
    }

    /// The same input under another geometry.
    pub fn with_geometry(&self, geometry: ConvGeometry) -> Self {
        Self::new(geometry, self.height, self.width)
    }

    pub fn geometry(&self) -> ConvGeometry {
        self.geometry
    }

    /// Numbers from a row of the output to the next.
    pub fn pitch(&self) -> usize {
        self.pitch
    }

    /// Pixels of an input channel.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Height and width of the output.
    pub fn out(&self) -> [usize; 2] {
        [self.out_height, self.out_width]
    }

    /// Pixels of an output channel.
    pub fn out_pixels(&self) -> usize {
        self.out_height * self.out_width
    }

    /// Numbers of an input channel that is laid out.
    pub fn plane(&self) -> usize {
        self.phases * self.phases * self.rows * self.pitch
    }

    /// Numbers of an output channel that is laid out: the length of the runs.
    pub fn columns(&self) -> usize {
        self.out_height * self.pitch
    }

    /// Numbers that the last runs read beyond the last plane. Only junk comes of them.
    pub fn slack(&self) -> usize {
        let last = self.taps().max().unwrap_or(0);
        (last + self.columns()).saturating_sub(self.plane())
    }

    /// The offset of each tap, row by row.
    pub fn taps(&self) -> impl Iterator<Item = usize> + use<> {
        let Self {
            geometry,
            phases,
            rows,
            pitch,
            ..
        } = *self;
        let ConvGeometry { kernel, stride, .. } = geometry;
        (0..kernel).flat_map(move |dy| {
            (0..kernel).map(move |dx| {
                let phase = dy % stride * phases + dx % stride;
                phase * rows * pitch + dy / stride * pitch + dx / stride
            })
        })
    }

    /// Where the run of each (channel, tap) starts.
    pub fn runs(&self, channels: usize) -> Vec<usize> {
        (0..channels)
            .flat_map(|channel| self.taps().map(move |tap| channel * self.plane() + tap))
            .collect()
    }

    /// What each row of the output reads of a run, without the junk, in a buffer where the run's image starts at `image`.
    pub(super) fn pieces(&self, image: usize) -> impl Iterator<Item = Piece> + use<> {
        let (pitch, width) = (self.pitch, self.out_width);
        // Rows without junk between them are one.
        let (rows, width) = if pitch == width {
            (1, width * self.out_height)
        } else {
            (self.out_height, width)
        };
        (0..rows).map(move |row| Piece {
            start: image + row * pitch,
            length: width,
        })
    }

    /// The layout of the convolution that takes gradients of the output to those of the input; none for strides.
    pub fn transposed(&self) -> Option<Self> {
        let ConvGeometry {
            kernel, padding, ..
        } = self.geometry;
        let geometry = ConvGeometry {
            padding: kernel - 1 - padding,
            ..self.geometry
        };
        (self.geometry.stride == 1).then(|| Self::new(geometry, self.out_height, self.out_width))
    }

    /// Whether channels lie as they should already.
    pub fn is_plain(&self) -> bool {
        self.geometry.kernel == 1 && self.geometry.stride == 1 && self.geometry.padding == 0
    }

    /// Lays out a channel in `plane`, whose padding must be zero already.
    #[inline(always)]
    pub fn lay_out(&self, picture: &[f32], plane: &mut [f32]) {
        self.lay_out_with(picture, plane, |x| x);
    }

    /// The same of what `change` makes of each pixel.
    #[inline(always)]
    pub fn lay_out_with(&self, picture: &[f32], plane: &mut [f32], change: impl Fn(f32) -> f32) {
        let stride = self.geometry.stride;
        self.for_each_row(
            #[inline(always)]
            |row| {
                let to = &mut plane[row.start..][..row.length];
                let from = &picture[row.pixel..];
                if stride == 1 {
                    for (to, from) in to.iter_mut().zip(&from[..row.length]) {
                        *to = change(*from);
                    }
                } else {
                    for (to, from) in to.iter_mut().zip(from.iter().step_by(stride)) {
                        *to = change(*from);
                    }
                }
            },
        );
    }

    /// Lays out all channels of some pictures, changed by `before`.
    pub fn lay_out_all(
        &self,
        pictures: &[f32],
        channels: usize,
        before: Option<&Affine>,
        planes: &mut [f32],
    ) {
        let pictures = pictures.chunks_exact(self.pixels());
        let mut pairs = pictures
            .zip(planes.chunks_exact_mut(self.plane()))
            .enumerate();
        multiversion(
            #[inline(always)]
            || {
                for (i, (from, to)) in pairs.by_ref() {
                    match before {
                        Some(Affine { scale, shift }) => {
                            let (scale, shift) = (scale[i % channels], shift[i % channels]);
                            self.lay_out_with(from, to, |x| scale * x + shift);
                        }
                        None => self.lay_out(from, to),
                    }
                }
            },
        );
    }

    /// Lays out all channels of a batch on all threads, if they do not lie so, with room for `beyond` numbers after the last run.
    pub fn lay_out_batch<'a>(&self, channels: &'a [f32], beyond: usize) -> Cow<'a, [f32]> {
        if self.is_plain() && beyond == 0 {
            return Cow::Borrowed(channels);
        }
        let length = channels.len() / self.pixels() * self.plane();
        let mut planes = vec![0.0; length + self.slack() + beyond];
        planes[..length]
            .par_chunks_exact_mut(self.plane())
            .zip(channels.par_chunks_exact(self.pixels()))
            .for_each(|(to, from)| self.lay_out_all(from, 1, None, to));
        Cow::Owned(planes)
    }

    /// The inverse of [`lay_out`](Self::lay_out).
    #[inline(always)]
    pub fn take_back(&self, plane: &[f32], picture: &mut [f32]) {
        let stride = self.geometry.stride;
        self.for_each_row(
            #[inline(always)]
            |row| {
                let from = &plane[row.start..][..row.length];
                let to = &mut picture[row.pixel..];
                if stride == 1 {
                    to[..row.length].copy_from_slice(from);
                } else {
                    for (to, from) in to.iter_mut().step_by(stride).zip(from) {
                        *to = *from;
                    }
                }
            },
        );
    }

    /// Lays out an output channel, junk untouched.
    pub fn lay_out_output(&self, picture: &[f32], run: &mut [f32]) {
        let rows = picture.chunks_exact(self.out_width);
        for (to, from) in run.chunks_exact_mut(self.pitch).zip(rows) {
            to[..self.out_width].copy_from_slice(from);
        }
    }

    /// The inverse of [`lay_out_output`](Self::lay_out_output).
    pub fn take_back_output(&self, run: &[f32], picture: &mut [f32]) {
        let rows = picture.chunks_exact_mut(self.out_width);
        for (from, to) in run.chunks_exact(self.pitch).zip(rows) {
            to.copy_from_slice(&from[..self.out_width]);
        }
    }

    /// Plain loops: chains of iterators end in calls that are compiled without wide vectors.
    #[inline(always)]
    fn for_each_row(&self, mut work: impl FnMut(PhaseRow)) {
        let ConvGeometry {
            stride, padding, ..
        } = self.geometry;
        for a in 0..self.phases {
            for b in 0..self.phases {
                let first = padding.saturating_sub(b).div_ceil(stride);
                let x = first * stride + b - padding;
                let length = self.width.saturating_sub(x).div_ceil(stride);
                for row in 0..self.rows {
                    let y = (row * stride + a).wrapping_sub(padding);
                    if y < self.height && length > 0 {
                        work(PhaseRow {
                            start: ((a * self.phases + b) * self.rows + row) * self.pitch + first,
                            pixel: y * self.width + x,
                            length,
                        });
                    }
                }
            }
        }
    }
}

/// A row of a phase without its padding.
struct PhaseRow {
    /// Where it starts in the plane.
    start: usize,
    /// Where it starts in the picture.
    pixel: usize,
    length: usize,
}
