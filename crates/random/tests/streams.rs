//! The streams against numbers that were recorded before they had a crate of their own: results that were published hang on them.
#![allow(missing_docs)]

use ffc_random::{CounterRng, Key};

fn first(mut rng: CounterRng) -> [u64; 4] {
    std::array::from_fn(|_| rng.next_u64())
}

/// Keys of (seed, purpose, epoch), as the loaders have them.
#[test]
fn under_an_epoch() {
    let streams = [
        (
            (0, 1, 0, 0),
            [
                0xed57_1656_7c72_3af4,
                0x24b4_38f3_cf8d_bca6,
                0xfbb7_7d4d_083f_45d2,
                0xeca3_fa47_198d_ac12,
            ],
        ),
        (
            (7, 5, 3, 1_000_000),
            [
                0x5df8_1661_eee8_3c08,
                0x708f_e005_8140_5047,
                0x7f03_cc8d_0d52_f7fe,
                0xf7fc_5fe3_2b91_1a80,
            ],
        ),
        (
            (u64::MAX, 7, u64::MAX, u64::MAX),
            [
                0xd5f8_e401_58b0_f7bf,
                0x5c5f_ccf2_7fb1_598f,
                0xdac2_d529_3169_14bc,
                0x308f_bfd4_bdd2_ddf6,
            ],
        ),
    ];
    for ((seed, purpose, epoch, position), expected) in streams {
        let key = Key::new(seed, purpose).at(epoch);
        assert_eq!(first(key.rng(position)), expected, "{seed} {purpose}");
    }
    assert_eq!(Key::new(0, 1).at(0).bits(), 0x1cd3_6414_3cce_4aae);
    let key = Key::new(0x0123_4567_89ab_cdef, 7).at(u64::MAX);
    assert_eq!(key.bits(), 0xffe0_eac5_932b_ae81);
}

/// Keys of (seed, purpose), as the protocols have them.
#[test]
fn without_an_epoch() {
    let streams = [
        (
            (0, 1, 0),
            [
                0xfb36_7c99_c39f_3814,
                0x4b6c_48b9_3874_fd35,
                0x0b8b_10fc_08bb_8ad6,
                0x9783_7021_6038_2da9,
            ],
        ),
        (
            (7, 3, 1_000_000),
            [
                0x1a04_16d3_9cab_6936,
                0x2102_95be_ae59_5dd6,
                0x4886_02d4_a946_9ab5,
                0x077c_e20d_fa86_4194,
            ],
        ),
        (
            (u64::MAX, 6, u64::MAX),
            [
                0xcfff_52b1_035e_5574,
                0x2d22_2c8e_464e_e175,
                0x69ac_7007_0094_7e77,
                0x9bb1_d979_fb0b_e694,
            ],
        ),
    ];
    for ((seed, purpose, position), expected) in streams {
        let rng = Key::new(seed, purpose).rng(position);
        assert_eq!(first(rng), expected, "{seed} {purpose}");
    }
}

#[test]
fn what_is_drawn() {
    let rng = || Key::new(5, 2).at(2).rng(9);
    let mut draw = rng();
    let bounds = [1, 2, 10, 1_000, 1 << 40, u64::MAX];
    assert_eq!(
        bounds.map(|bound| draw.below(bound)),
        [0, 1, 1, 402, 726_054_500_222, 6_184_952_591_369_608_944]
    );
    let mut draw = rng();
    assert_eq!(
        [(); 4].map(|()| draw.unit().to_bits()),
        [0x3eba_fe8a, 0x3f47_3ab8, 0x3e2b_3b34, 0x3ece_3aca]
    );
    let mut draw = rng();
    assert_eq!(
        [(); 4].map(|()| draw.unit_f64()),
        [
            0.365_223_275_145_349_36,
            0.778_239_783_707_742_6,
            0.167_218_075_428_597_35,
            0.402_792_301_171_153_4
        ]
    );
    let mut draw = rng();
    assert_eq!(
        [(); 4].map(|()| draw.between(-2.5, 0.75)),
        [-1.313_024_5, 0.029_279_232, -1.956_541_4, -1.190_925_1]
    );
    let mut draw = Key::new(5, 4).rng(9);
    assert_eq!(draw.distinct(6, 10), [6, 5, 8, 1, 4, 0]);
    assert_eq!(
        draw.distinct(4, 1 << 40),
        [
            211_966_763_314,
            953_137_082_427,
            164_357_109_754,
            775_266_110_115
        ]
    );
}

#[test]
fn distinct_numbers_are_distinct_and_spread_evenly() {
    let mut seen = [[0u32; 5]; 5];
    for position in 0..20_000 {
        let drawn = Key::new(3, 3).rng(position).distinct(5, 5);
        let mut sorted = drawn.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4]);
        for (place, number) in drawn.into_iter().enumerate() {
            seen[place][number as usize] += 1;
        }
    }
    // Each cell: 4,000 expected, standard deviation 57.
    for count in seen.iter().flatten() {
        assert!(count.abs_diff(4_000) < 5 * 57, "{seen:?}");
    }
    let mut few = Key::new(3, 3).rng(0).distinct(9, 3);
    few.sort_unstable();
    assert_eq!(few, [0, 1, 2]);
}
