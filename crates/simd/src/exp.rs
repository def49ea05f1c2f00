/// `e^x` for `x <= 0`, with a relative error below two epsilons; zero below -87. A plain sequence of operations, so that
/// loops over it become vectors: the system's is a call for each number.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding and taking away rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts: whole multiples of the first are exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let whole = x.max(-87.5) * std::f32::consts::LOG2_E + ROUND;
    let power = (whole.to_bits() << 23).wrapping_add(1.0_f32.to_bits());
    let whole = whole - ROUND;
    let rest = x - whole * LN_2[0] - whole * LN_2[1];
    // The Taylor series; |rest| <= ln 2 / 2.
    let mut sum = 1.0 / 5040.0;
    for factor in [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        sum = sum * rest + factor;
    }
    if x < -87.0 {
        0.0
    } else {
        sum * f32::from_bits(power)
    }
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn equals_the_systems() {
        for i in 0..870_000 {
            let x = i as f32 * -1e-4;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 2.0 * f64::from(f32::EPSILON), "{x}: {error}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1e30), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }
}
