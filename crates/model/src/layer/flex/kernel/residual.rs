//! The branches of a transformer's block, `x + f(norm(x))`, without gradients: some rows at a time from end to end, so that
//! what is between the layers stays in the caches.

use rayon::prelude::*;

use super::attention::{Attention, Scratch};
use super::layer_norm;
use super::linear::{Linear, add_to, rows_at_once};
use super::relu6;
use super::tile::MR;

/// Rows of a perceptron that a thread works on at a time: at least, where there are not enough for all, and at most.
const LEAST: usize = 4 * MR;
const BLOCK: usize = 12 * MR;

/// What a layer normalisation knows.
#[derive(Clone, Copy)]
pub(crate) struct LayerNormParameters<'a> {
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
    pub epsilon: f64,
}

/// What a linear layer knows.
#[derive(Clone, Copy)]
pub(crate) struct LinearParameters<'a> {
    pub linear: Linear,
    pub weight: &'a [f32],
    pub bias: &'a [f32],
}

/// What a thread keeps from block to block.
#[derive(Default)]
struct Room {
    normalised: Vec<f32>,
    /// Queries, keys and values, or what is between two layers.
    inner: Vec<f32>,
    mixed: Vec<f32>,
    branch: Vec<f32>,
    head: Scratch,
    scratch: Vec<f32>,
}

/// Adds to `[batch, tokens, width]` what each picture's tokens attend to.
pub(crate) fn attention(
    tokens: &mut [f32],
    norm: LayerNormParameters<'_>,
    attention: Attention,
    qkv: LinearParameters<'_>,
    proj: LinearParameters<'_>,
) {
    let picture = attention.tokens * attention.width;
    if tokens.len() / picture < rayon::current_num_threads() {
        // Too few pictures for all threads: the same layer by layer, shared by rows.
        let mut normalised = tokens.to_vec();
        layer_norm::forward(&mut normalised, norm.gamma, norm.beta, norm.epsilon);
        let parts = qkv.linear.output(&normalised, qkv.weight, Some(qkv.bias));
        let mixed = attention.output(&parts);
        let branch = proj.linear.output(&mixed, proj.weight, Some(proj.bias));
        return add_to(tokens, &branch);
    }
    let pictures = tokens.par_chunks_exact_mut(picture);
    pictures.for_each_init(Room::default, |room, picture| {
        norm.write(picture, &mut room.normalised);
        qkv.write(&room.normalised, &mut room.inner, &mut room.scratch);
        room.mixed.resize(picture.len(), 0.0);
        attention.write(&room.inner, &mut room.mixed, &mut room.head);
        proj.write(&room.mixed, &mut room.branch, &mut room.scratch);
        add_to(picture, &room.branch);
    });
}

/// Adds to `[rows, width]` what two layers with ReLU6 between make of it.
pub(crate) fn mlp(
    rows: &mut [f32],
    norm: LayerNormParameters<'_>,
    fc1: LinearParameters<'_>,
    fc2: LinearParameters<'_>,
) {
    let width = norm.gamma.len();
    let block = rows_at_once(rows.len() / width, LEAST, BLOCK);
    let blocks = rows.par_chunks_mut(block * width);
    blocks.for_each_init(Room::default, |room, rows| {
        norm.write(rows, &mut room.normalised);
        fc1.write(&room.normalised, &mut room.inner, &mut room.scratch);
        relu6::clamp(&mut room.inner);
        fc2.write(&room.inner, &mut room.branch, &mut room.scratch);
        add_to(rows, &room.branch);
    });
}

impl LayerNormParameters<'_> {
    fn write(self, rows: &[f32], output: &mut Vec<f32>) {
        output.clear();
        output.extend_from_slice(rows);
        layer_norm::normalise(output, self.gamma, self.beta, self.epsilon);
    }
}

impl LinearParameters<'_> {
    fn write(self, input: &[f32], output: &mut Vec<f32>, scratch: &mut Vec<f32>) {
        let Self {
            linear,
            weight,
            bias,
        } = self;
        output.resize(input.len() / linear.inputs * linear.outputs, 0.0);
        linear.write(input, weight, Some(bias), output, scratch);
    }
}
