/// How sharp an RGB picture of `width_px` is: the variance of its brightness' Laplacian (Pech-Pacheco and others, 2000), in squares of a byte's
/// steps. Pictures of one size compare: a blurred one has less.
pub fn sharpness(rgb: &[u8], width_px: usize) -> f64 {
    let luma: Vec<f64> = (rgb.as_chunks::<3>().0.iter())
        .map(|&[red, green, blue]| {
            0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue)
        })
        .collect();
    let height_px = luma.len() / width_px.max(1);
    if width_px < 3 || height_px < 3 {
        return 0.0;
    }
    let (mut sum, mut squares) = (0.0, 0.0);
    for row in 1..height_px - 1 {
        for column in 1..width_px - 1 {
            let at = row * width_px + column;
            let around = luma[at - 1] + luma[at + 1] + luma[at - width_px] + luma[at + width_px];
            let value = around - 4.0 * luma[at];
            sum += value;
            squares += value * value;
        }
    }
    let count = ((height_px - 2) * (width_px - 2)) as f64;
    (squares / count - (sum / count).powi(2)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_even_is_not_sharp() {
        assert_eq!(sharpness(&[9; 5 * 4 * 3], 5), 0.0);
        // A slope has no second derivative.
        let slope: Vec<u8> = (0..25).flat_map(|at| [10 * (at % 5); 3]).collect();
        assert!(sharpness(&slope, 5) < 1e-9);
        assert_eq!(sharpness(&[1; 6], 2), 0.0);
    }

    /// A single white pixel in 5 x 5: -1020 once, 255 four times, 0 four times.
    #[test]
    fn a_point() {
        let mut rgb = [0; 75];
        rgb[36..39].fill(255);
        let mean = 0.0;
        let expected = (1020.0f64.powi(2) + 4.0 * 255.0f64.powi(2)) / 9.0 - mean;
        assert!((sharpness(&rgb, 5) - expected).abs() < 1e-6);
    }
}
