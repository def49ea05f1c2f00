/// A number that orders as the cosine does. Both zeros are one.
pub(crate) fn key(cosine: f32) -> u32 {
    let bits = (cosine + 0.0).to_bits();
    if bits >> 31 == 1 {
        !bits
    } else {
        bits | 1 << 31
    }
}

/// The cosine of a [`key`].
pub(crate) fn cosine(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 {
        key & !(1 << 31)
    } else {
        !key
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_as_cosines_do() {
        let cosines = [-1.0, -0.5, -1e-30, 0.0, 1e-30, 0.5, 1.0];
        for pair in cosines.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
        assert_eq!(key(-0.0), key(0.0));
        assert_eq!(cosines.map(|value| cosine(key(value))), cosines);
    }
}
