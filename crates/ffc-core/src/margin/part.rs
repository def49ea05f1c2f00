use std::io::{Read, Write};

use super::Margin;
use crate::Result;
use crate::head::part;

/// The file of a margin's state: its numbers, little-endian `f32`.
pub(crate) const MARGIN: &str = "margin.f32";

/// Writes the state of a margin that has one.
pub(crate) fn write_state(margin: &dyn Margin, to: &mut dyn Write) -> Result<()> {
    let Some(state) = margin.state() else {
        return Err(part::unknown(MARGIN));
    };
    let bytes: Vec<u8> = (state.values()?.iter())
        .flat_map(|value| value.to_le_bytes())
        .collect();
    to.write_all(&bytes)
        .map_err(|error| part::failed(MARGIN, "written", error))
}

/// Reads the state of a margin that has one in place of what it holds.
pub(crate) fn read_state(margin: &mut dyn Margin, from: &mut dyn Read) -> Result<()> {
    let Some(state) = margin.state_mut() else {
        return Err(part::unknown(MARGIN));
    };
    let mut values = state.values()?;
    for value in &mut values {
        let mut bytes = [0; size_of::<f32>()];
        from.read_exact(&mut bytes)
            .map_err(|error| part::failed(MARGIN, "read", error))?;
        *value = f32::from_le_bytes(bytes);
    }
    part::finished(MARGIN, from)?;
    state.restore(&values);
    Ok(())
}
