use crate::picture::Picture;
use crate::similarity::Similarity;

/// Pixels of the picture that a pixel of the face may stand for in each direction before they are averaged.
const MOST_SHRINKING: f64 = 2.0;
/// Samples of a pixel in each direction: enough for a face as large as the largest picture that is read, 16,384 pixels.
const MOST_SAMPLES: f64 = 150.0;

/// Cuts a face out of a picture: RGB of `size_px` x `size_px`, row by row, where `to_face` brings places of the picture.
///
/// Between pixels their bilinear mean is taken, and black outside. Where a pixel of the face stands for more than two of the picture in each
/// direction, samples of its area that are a pixel apart are averaged.
pub fn warp(picture: Picture<'_>, to_face: &Similarity, size_px: usize) -> Vec<u8> {
    let to_picture = to_face.inverse();
    let stands_for = to_picture.scale();
    let samples = match stands_for > MOST_SHRINKING {
        true => stands_for.ceil().min(MOST_SAMPLES) as usize,
        false => 1,
    };
    // The middles of equal parts of a pixel, whose own middle is 0.
    let place = |number: usize| (number as f64 + 0.5) / samples as f64 - 0.5;
    let mut face = Vec::with_capacity(3 * size_px * size_px);
    for row in 0..size_px {
        for column in 0..size_px {
            let mut sum = [0.0; 3];
            for down in 0..samples {
                for across in 0..samples {
                    let at = [column as f64 + place(across), row as f64 + place(down)];
                    let found = bilinear(picture, to_picture.apply(at));
                    (0..3).for_each(|channel| sum[channel] += found[channel]);
                }
            }
            let count = (samples * samples) as f64;
            face.extend(sum.map(|value| (value / count).round() as u8));
        }
    }
    face
}

/// The colour at a place between pixels.
fn bilinear(picture: Picture<'_>, [x, y]: [f64; 2]) -> [f64; 3] {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, lower_share) = (x - left, y - top);
    let mut sum = [0.0; 3];
    for (down, of_row) in [(0.0, 1.0 - lower_share), (1.0, lower_share)] {
        for (across, of_column) in [(0.0, 1.0 - right_share), (1.0, right_share)] {
            let (column, row) = (left + across, top + down);
            let is_inside = column >= 0.0
                && row >= 0.0
                && column < picture.width() as f64
                && row < picture.height() as f64;
            if is_inside {
                let pixel = &picture.row(row as usize)[3 * column as usize..][..3];
                let share = of_row * of_column;
                (0..3).for_each(|channel| sum[channel] += share * f64::from(pixel[channel]));
            }
        }
    }
    sum
}
