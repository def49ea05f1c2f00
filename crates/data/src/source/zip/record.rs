use std::ops::Range;

use flate2::{Decompress, FlushDecompress, Status};

use super::super::{slice, u32_at};
use crate::read_at::MAX_RECORD_BYTES;

/// Signature of a member's own header.
pub(super) const SIGNATURE: u32 = 0x0403_4b50;
/// Bytes of a member's header before its name.
pub(super) const HEADER_BYTES: usize = 30;
/// Place of the flags in a member's header.
pub(super) const FLAGS_AT: usize = 6;
/// Flag: the writer knew the checksum only after the data, and put it there.
pub(super) const STREAMED: u16 = 8;
/// Signature that most writers put before such a checksum.
pub(super) const DESCRIPTOR_SIGNATURE: u32 = 0x0807_4b50;

/// What a member's own header says, and the checksum behind its data.
pub(super) struct Header {
    pub(super) method: u16,
    pub(super) data: Range<usize>,
    pub(super) crc32: u32,
}

impl Header {
    /// `bytes` is the whole record.
    pub(super) fn parse(bytes: &[u8]) -> std::result::Result<Self, &'static str> {
        const CUT_OFF: &str = "the header is cut off";
        if u32_at(bytes, 0) != Some(SIGNATURE) {
            return Err("no member begins here");
        }
        let header = slice(bytes, 0..HEADER_BYTES).ok_or(CUT_OFF)?;
        let u16_at = |offset: usize| u16::from_le_bytes([header[offset], header[offset + 1]]);
        let start = HEADER_BYTES + usize::from(u16_at(26)) + usize::from(u16_at(28));
        let (end, crc32) = if u16_at(FLAGS_AT) & STREAMED == 0 {
            (bytes.len(), u32_at(header, 14))
        } else {
            let crc_at = bytes.len() - 4;
            let signed = u32_at(bytes, crc_at - 4) == Some(DESCRIPTOR_SIGNATURE);
            (crc_at - if signed { 4 } else { 0 }, u32_at(bytes, crc_at))
        };
        if start > end {
            return Err(CUT_OFF);
        }
        Ok(Self {
            method: u16_at(8),
            data: start..end,
            crc32: crc32.ok_or(CUT_OFF)?,
        })
    }
}

/// Unpacks a part of the buffer and puts it behind; gives its place.
pub(super) fn inflate(
    buffer: &mut Vec<u8>,
    packed_data: Range<usize>,
) -> std::result::Result<Range<usize>, String> {
    let packed = buffer.len();
    let mut inflater = Decompress::new(false);
    loop {
        let produced = inflater.total_out();
        if produced > MAX_RECORD_BYTES {
            return Err(format!("it unpacks to more than {MAX_RECORD_BYTES} bytes"));
        }
        // Room for as much again, at least four times the packed bytes.
        let room = (produced as usize).max(packed * 4).max(1 << 12);
        buffer.resize(packed + produced as usize + room, 0);
        let (input, output) = buffer.split_at_mut(packed);
        let rest = &input[packed_data.start + inflater.total_in() as usize..packed_data.end];
        let status = inflater
            .decompress(
                rest,
                &mut output[produced as usize..],
                FlushDecompress::None,
            )
            .map_err(|error| format!("the packed data are damaged: {error}"))?;
        let end = packed + inflater.total_out() as usize;
        match status {
            Status::StreamEnd => {
                buffer.truncate(end);
                return Ok(packed..end);
            }
            // Nothing more comes although there was room.
            _ if end < buffer.len() => return Err("the packed data ends too soon".into()),
            _ => {}
        }
    }
}
