//! Draws face-like pictures by formula: test data with as many identities as one likes.
//!
//! An identity is a set of shapes, proportions, colours and marks. Its pictures differ in pose, light, expression, occlusion,
//! background and noise so much that pixels alone do not tell who it is.

mod canvas;
mod colour;
mod features;
mod identity;
mod painter;
mod scene;
mod view;

#[cfg(test)]
mod tests;

use ffc_random::CounterRng;

use canvas::Canvas;
use identity::Identity;
use painter::Painter;
use view::{Light, View};

/// Draws image `image` of identity `identity` as RGB, row by row.  `pixels.len() == size * size * 3`.
///
/// The picture depends on the arguments and nothing else. `size` is at least 16.
pub(crate) fn draw(seed: u64, identity: u64, image: u64, size: usize, pixels: &mut [u8]) {
    debug_assert!(size >= 16, "the face has no room in {size} pixels");
    debug_assert_eq!(
        pixels.len(),
        size * size * 3,
        "bytes of {size} x {size} pixels"
    );
    let Some(pixels) = pixels.get_mut(..size * size * 3) else {
        return;
    };
    if size == 0 {
        return;
    }
    let person = Identity::new(seed, identity);
    let (view, mut rng) = View::new(seed, identity, image, size);
    let mut painter = Painter::new(Canvas::new(size, pixels), &person, &view);
    painter.background(&mut rng, size as f32);
    painter.face();
    painter.occlusion();
    expose(&view.light, pixels, size, &mut rng);
}

/// Lights the picture and adds noise.
///
/// In integers and without branches, so that the compiler can handle several bytes at once.
fn expose(light: &Light, pixels: &mut [u8], size: usize, rng: &mut CounterRng) {
    let columns: Vec<i32> = (0..size * 3)
        .map(|i| {
            let x = (i / 3) as f32 / size as f32 - 0.5;
            (light.gain[i % 3] * (1.0 + light.across * x) * 256.0) as i32
        })
        .collect();
    let amplitude = (light.noise * 2.0) as i32;
    let haze = (light.haze * 256.0) as i32;
    let mut noise = vec![0u8; (size * 3).next_multiple_of(8)];
    for (row, line) in pixels.chunks_exact_mut(size * 3).enumerate() {
        let y = row as f32 / size as f32 - 0.5;
        let gain = ((1.0 + light.down * y) * 256.0) as i32;
        for chunk in noise.as_chunks_mut::<8>().0 {
            *chunk = rng.next_u64().to_le_bytes();
        }
        for ((pixel, column), random) in line.iter_mut().zip(&columns).zip(&noise) {
            let lit = i32::from(*pixel) * ((column * gain) >> 8);
            let grain = (i32::from(*random) - 128) * amplitude;
            *pixel = ((lit + grain + haze) >> 8).clamp(0, 255) as u8;
        }
    }
}
