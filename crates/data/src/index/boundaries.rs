use std::hint::black_box;
use std::io::{self, Write};

/// Bytes of a block: one cache line.
pub(super) const BLOCK_BYTES: usize = 64;
/// Images whose bits one block holds.
const BLOCK_IMAGES: u64 = 448;
/// Identities between two hints.
const HINT_IDENTITIES: u64 = 64;
/// Bytes of a hint.
const HINT_BYTES: usize = 4;
/// Images that the hints can number.
pub(super) const MAX_IMAGES: u64 = 1 << 40;

/// Which images begin an identity, as bits with ranks: both directions between image and identity in 1.15 bits an
/// image.
///
/// Images of an identity are contiguous, so one bit an image tells it all: set where an identity begins. A block of 64
/// bytes is one cache line: the number of set bits before it, then 448 bits. Counting the bits up to an image gives
/// its identity (rank); finding the n-th set bit gives an identity's first image (select), with the block of every
/// 64th identity noted as a hint. (Jacobson, FOCS 1989; the interleaved layout is Vigna's rank9, WEA 2008.)
#[derive(Debug, Clone, Copy)]
pub(super) struct Boundaries<'a> {
    blocks: &'a [[u8; BLOCK_BYTES]],
    /// Little-endian u32 a hint: number of the block in which the identity begins.
    hints: &'a [[u8; HINT_BYTES]],
    images: u64,
    identities: u64,
}

/// Bytes of the blocks of so many images. One bit more than images, so that the end is found like a beginning.
pub(super) fn block_bytes(images: u64) -> u64 {
    (images / BLOCK_IMAGES + 1) * BLOCK_BYTES as u64
}

/// Bytes of the hints of so many identities.
pub(super) fn hint_bytes(identities: u64) -> u64 {
    (identities / HINT_IDENTITIES + 1) * HINT_BYTES as u64
}

impl<'a> Boundaries<'a> {
    /// None if a length does not fit the counts.
    pub(super) fn new(
        blocks: &'a [u8],
        hints: &'a [u8],
        images: u64,
        identities: u64,
    ) -> Option<Self> {
        let fits = |bytes: &[u8], expected: u64| bytes.len() as u64 == expected;
        (fits(blocks, block_bytes(images)) && fits(hints, hint_bytes(identities))).then_some(Self {
            blocks: blocks.as_chunks().0,
            hints: hints.as_chunks().0,
            images,
            identities,
        })
    }

    /// The identity of an image. Both are below their counts, even if the bytes are damaged.
    pub(super) fn identity_of(&self, image: u64) -> u64 {
        let block = &self.blocks[(image / BLOCK_IMAGES) as usize];
        let bit = image % BLOCK_IMAGES;
        let (whole, rest) = ((bit / 64) as usize, bit % 64);
        let mut ones = (word(block, whole) << (63 - rest)).count_ones();
        for i in 0..whole {
            ones += word(block, i).count_ones();
        }
        let before = rank(block).saturating_add(u64::from(ones));
        before.saturating_sub(1).min(self.identities - 1)
    }

    /// First image of an identity and the image after its last. Never beyond the number of images, even if the bytes
    /// are damaged.
    pub(super) fn images_of(&self, identity: u64) -> std::ops::Range<u64> {
        let (block, first) = self.select(identity);
        let end = self
            .next_in_block(block, first)
            .unwrap_or_else(|| self.select(identity + 1).1);
        let first = first.min(self.images - 1);
        first..end.clamp(first + 1, self.images)
    }

    /// Brings what [`identity_of`](Self::identity_of) looks at into the processor's caches, for many images at once.
    pub(super) fn fetch_images(&self, images: impl Iterator<Item = u64>) {
        let blocks = images.map(|image| rank(&self.blocks[(image / BLOCK_IMAGES) as usize]));
        black_box(blocks.fold(0, u64::wrapping_add));
    }

    /// Brings what [`images_of`](Self::images_of) looks at into the processor's caches, for many identities at once.
    pub(super) fn fetch_identities(&self, identities: impl Iterator<Item = u64>) {
        let blocks = identities.map(|identity| {
            let from = self.hint(identity / HINT_IDENTITIES);
            let next = (from + 1).min(self.blocks.len() - 1);
            rank(&self.blocks[from]).wrapping_add(rank(&self.blocks[next]))
        });
        black_box(blocks.fold(0, u64::wrapping_add));
    }

    /// The block in which identity 64 i begins, or the last one.
    fn hint(&self, i: u64) -> usize {
        let block = self
            .hints
            .get(i as usize)
            .map(|hint| u32::from_le_bytes(*hint));
        (block.unwrap_or(u32::MAX) as usize).min(self.blocks.len() - 1)
    }

    /// Block and number of the set bit with `identity` set bits before it.
    fn select(&self, identity: u64) -> (usize, u64) {
        let near = identity / HINT_IDENTITIES;
        let (from, to) = (self.hint(near), self.hint(near + 1));
        // The last block with no more than `identity` set bits before it.
        let ahead =
            self.blocks[from..=to.max(from)].partition_point(|block| rank(block) <= identity);
        let number = (from + ahead).saturating_sub(1);
        let block = &self.blocks[number];
        let mut remaining = identity.saturating_sub(rank(block));
        let start = number as u64 * BLOCK_IMAGES;
        for i in 0..7 {
            let bits = word(block, i);
            let ones = u64::from(bits.count_ones());
            if remaining < ones {
                return (number, start + i as u64 * 64 + nth_set_bit(bits, remaining));
            }
            remaining -= ones;
        }
        (number, self.images)
    }

    /// The next set bit after `image` if it lies in the same block.
    fn next_in_block(&self, number: usize, image: u64) -> Option<u64> {
        let block = &self.blocks[number];
        let start = number as u64 * BLOCK_IMAGES;
        let bit = (image + 1).checked_sub(start)?;
        let mut i = (bit / 64) as usize;
        let mut bits = if i < 7 {
            word(block, i) & (u64::MAX << (bit % 64))
        } else {
            return None;
        };
        while bits == 0 {
            i += 1;
            if i == 7 {
                return None;
            }
            bits = word(block, i);
        }
        Some(start + i as u64 * 64 + u64::from(bits.trailing_zeros()))
    }
}

fn rank(block: &[u8; BLOCK_BYTES]) -> u64 {
    u64::from_le_bytes(block.as_chunks().0[0])
}

fn word(block: &[u8; BLOCK_BYTES], i: usize) -> u64 {
    u64::from_le_bytes(block.as_chunks().0[i + 1])
}

/// Place of the set bit with `n` set bits below it.
fn nth_set_bit(mut bits: u64, n: u64) -> u64 {
    for _ in 0..n {
        bits &= bits - 1;
    }
    u64::from(bits.trailing_zeros())
}

/// Writes the blocks of [`Boundaries`] one after the other; keeps the hints.
pub(super) struct BoundariesWriter {
    rank: u64,
    words: [u64; 7],
    images: u64,
    identities: u64,
    hints: Vec<u8>,
}

impl BoundariesWriter {
    pub(super) fn new() -> Self {
        Self {
            rank: 0,
            words: [0; 7],
            images: 0,
            identities: 0,
            hints: Vec::new(),
        }
    }

    pub(super) fn images(&self) -> u64 {
        self.images
    }

    pub(super) fn identities(&self) -> u64 {
        self.identities
    }

    /// The next `images` images are one identity's.
    pub(super) fn identity(&mut self, images: u64, out: &mut impl Write) -> io::Result<()> {
        self.begin();
        self.advance(images, out)
    }

    /// The next image begins an identity.
    pub(super) fn begin(&mut self) {
        if self.identities.is_multiple_of(HINT_IDENTITIES) {
            self.hint();
        }
        self.set_bit();
        self.identities += 1;
    }

    /// Adds images to the present identity.
    pub(super) fn advance(&mut self, images: u64, out: &mut impl Write) -> io::Result<()> {
        let end = self.images + images;
        while self.images / BLOCK_IMAGES < end / BLOCK_IMAGES {
            self.flush(out)?;
            self.images = (self.images / BLOCK_IMAGES + 1) * BLOCK_IMAGES;
        }
        self.images = end;
        Ok(())
    }

    /// Writes the last block; gives the hints.
    pub(super) fn finish(mut self, out: &mut impl Write) -> io::Result<Vec<u8>> {
        // The end, found like the beginning of one identity more.
        if self.identities.is_multiple_of(HINT_IDENTITIES) {
            self.hint();
        }
        self.set_bit();
        self.flush(out)?;
        Ok(self.hints)
    }

    fn hint(&mut self) {
        let block = (self.images / BLOCK_IMAGES) as u32;
        self.hints.extend(block.to_le_bytes());
    }

    fn set_bit(&mut self) {
        let bit = self.images % BLOCK_IMAGES;
        self.words[(bit / 64) as usize] |= 1 << (bit % 64);
    }

    fn flush(&mut self, out: &mut impl Write) -> io::Result<()> {
        let mut block = [0; BLOCK_BYTES];
        let numbers = std::iter::once(self.rank).chain(self.words);
        for (bytes, number) in block.chunks_exact_mut(8).zip(numbers) {
            bytes.copy_from_slice(&number.to_le_bytes());
        }
        self.rank += self
            .words
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum::<u64>();
        self.words = [0; 7];
        out.write_all(&block)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(counts: &[u64]) {
        let (mut writer, mut blocks) = (BoundariesWriter::new(), Vec::new());
        for &count in counts {
            writer.identity(count, &mut blocks).unwrap();
        }
        let (images, identities) = (writer.images(), writer.identities());
        assert_eq!(
            (images, identities),
            (counts.iter().sum(), counts.len() as u64)
        );
        let hints = writer.finish(&mut blocks).unwrap();
        let boundaries = Boundaries::new(&blocks, &hints, images, identities).unwrap();
        let mut first = 0;
        for (identity, &count) in counts.iter().enumerate() {
            assert_eq!(boundaries.images_of(identity as u64), first..first + count);
            for image in [first, first + count / 2, first + count - 1] {
                assert_eq!(boundaries.identity_of(image), identity as u64);
            }
            first += count;
        }
    }

    #[test]
    fn edges_of_blocks_and_hints() {
        check(&[1]);
        check(&[447]);
        check(&[448]);
        check(&[449, 1]);
        check(&[448 * 3, 448, 1, 5000, 2]);
        for identities in [63, 64, 65, 128, 3000] {
            check(&vec![1; identities]);
            check(&vec![7; identities]);
        }
    }

    proptest! {
        #[test]
        fn any_counts(counts in prop::collection::vec(prop_oneof![9 => 1u64..30, 1 => 1u64..3000], 1..1500)) {
            check(&counts);
        }

        /// Damaged bytes give wrong numbers, never ones that are out of range, and no panic.
        #[test]
        fn damage_stays_in_range(
            images in 1u64..3000, identities in 1u64..1500, noise in prop::collection::vec(any::<u8>(), 64),
            identity in 0u64..1500, image in 0u64..3000,
        ) {
            let blocks: Vec<u8> = noise.iter().cycle().take(block_bytes(images) as usize).copied().collect();
            let hints: Vec<u8> = noise.iter().cycle().take(hint_bytes(identities) as usize).copied().collect();
            let boundaries = Boundaries::new(&blocks, &hints, images, identities).unwrap();
            prop_assert!(boundaries.identity_of(image % images) < identities);
            let range = boundaries.images_of(identity % identities);
            prop_assert!(range.start < range.end && range.end <= images);
        }

        #[test]
        fn erased_bytes_stay_in_range(images in 1u64..3000, identities in 1u64..1500, byte in prop_oneof![Just(0u8), Just(0xff)]) {
            let blocks = vec![byte; block_bytes(images) as usize];
            let hints = vec![byte; hint_bytes(identities) as usize];
            let boundaries = Boundaries::new(&blocks, &hints, images, identities).unwrap();
            prop_assert!(boundaries.identity_of(images - 1) < identities);
            let range = boundaries.images_of(identities - 1);
            prop_assert!(range.start < range.end && range.end <= images);
        }
    }
}
