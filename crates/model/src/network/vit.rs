use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Distribution, Int, Tensor};
use serde::{Deserialize, Serialize};

use super::input::{between, check_embedding};
use super::{Architecture, InputShape, Names};
use crate::layer::{
    Attention, AttentionConfig, BatchNorm, BatchNormConfig, Conv2d, Conv2dConfig, LayerNorm,
    LayerNormConfig, Linear, Mlp, NormMode, cast,
};
use crate::onnx::{Graph, Value};
use crate::summary::Count;
use crate::{Error, Result, initialise};

/// Inner width of a block's perceptron, in widths of its input.
const MLP_RATIO: usize = 4;

/// Standard deviation of the initial positions, mask and matrices.
const INITIAL_STD: f64 = 0.02;

/// Settings of a [`Vit`]. The default is insightface's ViT-T.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VitConfig {
    /// Channels of a token: 256 in ViT-T, 512 in ViT-S. Default: 256.
    pub width: usize,
    /// Blocks. Default: 12.
    pub depth: usize,
    /// Attention heads, a divisor of `width`. Default: 8.
    pub heads: usize,
    /// Height and width of a patch in pixels. A rest at the right and lower edge goes unseen. Default: 9, as published.
    pub patch_px: usize,
    /// Probability that training leaves out the last block's branches for a picture; earlier blocks have less, the first 0
    /// ([stochastic depth](https://arxiv.org/abs/1603.09382)). Default: 0.05, as published for WebFace42M; 0.1 otherwise.
    pub stochastic_depth: f64,
    /// Share of the tokens that training hides from the blocks. Default: 0, as published for WebFace42M; 0.1 otherwise.
    pub mask_ratio: f64,
    /// Dimensions of the embedding. Default: 512.
    pub embedding: usize,
    /// Channels of the pictures. Default: 3.
    pub channels: usize,
    /// Height of the pictures in pixels, a multiple of 16. Default: 112.
    pub height_px: usize,
    /// Width of the pictures in pixels, a multiple of 16. Default: 112.
    pub width_px: usize,
}

impl Default for VitConfig {
    fn default() -> Self {
        Self {
            width: 256,
            depth: 12,
            heads: 8,
            patch_px: 9,
            stochastic_depth: 0.05,
            mask_ratio: 0.0,
            embedding: 512,
            channels: 3,
            height_px: 112,
            width_px: 112,
        }
    }
}

impl VitConfig {
    /// insightface's ViT-T.
    pub fn tiny() -> Self {
        Self::default()
    }

    /// insightface's ViT-S.
    pub fn small() -> Self {
        Self {
            width: 512,
            ..Self::default()
        }
    }

    /// insightface's ViT-B.
    pub fn base() -> Self {
        Self {
            depth: 24,
            ..Self::small()
        }
    }

    pub(crate) fn input(&self) -> InputShape {
        InputShape {
            channels: self.channels,
            height_px: self.height_px,
            width_px: self.width_px,
        }
    }

    /// Checks what needs no device.
    pub(crate) fn check(&self) -> Result<()> {
        between("width", self.width, 1, 8192, "1 to 8,192")?;
        between("depth", self.depth, 1, 1000, "1 to 1,000")?;
        between("heads", self.heads, 1, self.width, "1 to width")?;
        if !self.width.is_multiple_of(self.heads) {
            return Err(Error::Setting {
                setting: "heads",
                value: self.heads.to_string(),
                expected: "a divisor of width",
            });
        }
        check_embedding(self.embedding)?;
        self.input().check(16, "a multiple of 16, at most 1,024")?;
        let side = self.height_px.min(self.width_px);
        between(
            "patch_px",
            self.patch_px,
            1,
            side,
            "1 to the size of the pictures",
        )?;
        for (setting, share) in [
            ("stochastic_depth", self.stochastic_depth),
            ("mask_ratio", self.mask_ratio),
        ] {
            if !(0.0..0.95).contains(&share) {
                return Err(Error::Setting {
                    setting,
                    value: share.to_string(),
                    expected: "at least 0 and below 0.95",
                });
            }
        }
        Ok(())
    }

    pub(crate) fn init(&self, device: &Device) -> Result<Vit> {
        self.check()?;
        let normal = Initializer::Normal {
            mean: 0.0,
            std: INITIAL_STD,
        };
        let tokens = (self.height_px / self.patch_px) * (self.width_px / self.patch_px);
        let last = (self.depth - 1).max(1) as f64;
        let blocks = (0..self.depth)
            .map(|block| VitBlock {
                norm1: LayerNormConfig::new(self.width).init(device),
                attn: AttentionConfig {
                    width: self.width,
                    heads: self.heads,
                }
                .init(device),
                norm2: LayerNormConfig::new(self.width).init(device),
                mlp: Mlp {
                    fc1: super::linear(self.width, MLP_RATIO * self.width, true, device),
                    fc2: super::linear(MLP_RATIO * self.width, self.width, true, device),
                },
                drop: self.stochastic_depth * block as f64 / last,
            })
            .collect();
        let norm = |channels| {
            BatchNormConfig {
                epsilon: 2e-5,
                ..BatchNormConfig::new(channels)
            }
            .init(device)
        };
        let network = Vit {
            patch_embed: PatchEmbed {
                proj: Conv2dConfig {
                    channels: [self.channels, self.width],
                    kernel: self.patch_px,
                    stride: self.patch_px,
                    padding: 0,
                    groups: 1,
                    bias: true,
                }
                .init(device),
            },
            pos_embed: normal.init([1, tokens, self.width], device),
            mask_token: normal.init([1, 1, self.width], device),
            blocks,
            norm: LayerNormConfig::new(self.width).init(device),
            feature: VitFeature {
                reduce: super::linear(self.width * tokens, self.width, false, device),
                reduce_norm: norm(self.width),
                embed: super::linear(self.width, self.embedding, false, device),
                embed_norm: norm(self.embedding),
            },
            mask_ratio: self.mask_ratio,
        };
        Ok(initialise::linears(network, &normal))
    }
}

/// The [vision transformer](https://arxiv.org/abs/2010.11929) as insightface trains it for faces: no class token, all tokens fed
/// to the last layers, ReLU6 in the blocks.
#[derive(Module, Debug)]
pub struct Vit {
    patch_embed: PatchEmbed,
    pos_embed: Param<Tensor<3>>,
    mask_token: Param<Tensor<3>>,
    blocks: Vec<VitBlock>,
    norm: LayerNorm,
    feature: VitFeature,
    mask_ratio: f64,
}

/// Cuts a picture into patches and makes a token of each.
#[derive(Module, Debug)]
pub struct PatchEmbed {
    proj: Conv2d,
}

/// From all tokens to the embedding.
#[derive(Module, Debug)]
pub struct VitFeature {
    reduce: Linear,
    reduce_norm: BatchNorm,
    embed: Linear,
    embed_norm: BatchNorm,
}

impl Architecture for Vit {
    fn names(&self) -> Names {
        &[
            ("feature.reduce", "feature.0"),
            ("feature.reduce_norm", "feature.1"),
            ("feature.embed", "feature.2"),
            ("feature.embed_norm", "feature.3"),
        ]
    }

    fn forward(&self, images: Tensor<4>, mode: NormMode) -> Tensor<2> {
        let training = mode == NormMode::Train;
        let maps = self.patch_embed.proj.forward(images);
        let dtype = maps.dtype();
        let tokens = maps.flatten::<3>(2, 3).permute([0, 2, 1]) + cast(self.pos_embed.val(), dtype);
        let mask = if training {
            Mask::draw(&tokens, self.mask_ratio)
        } else {
            None
        };
        let tokens = match &mask {
            Some(mask) => mask.hide(tokens),
            None => tokens,
        };
        let tokens = self
            .blocks
            .iter()
            .fold(tokens, |tokens, block| block.forward(tokens, training));
        let tokens = self.norm.forward(tokens);
        let tokens = match &mask {
            Some(mask) => mask.restore(tokens, cast(self.mask_token.val(), dtype)),
            None => tokens,
        };
        let feature = &self.feature;
        let reduced = feature.reduce.forward(tokens.flatten::<2>(1, 2));
        let reduced = feature.reduce_norm.forward(reduced, mode);
        let embedding = feature.embed.forward(reduced);
        feature.embed_norm.forward(embedding, mode)
    }

    fn graph(&self, graph: &mut Graph, images: Value) -> Value {
        let maps = graph.conv(&self.patch_embed.proj, images);
        let maps = graph.reshape(maps, &[0, 0, -1]);
        let tokens = graph.transpose(maps, &[0, 2, 1]);
        let places = graph.parameter(&self.pos_embed);
        let tokens = graph.add(tokens, places);
        let tokens = (self.blocks.iter()).fold(tokens, |tokens, block| block.graph(graph, tokens));
        let tokens = graph.layer_norm(&self.norm, tokens);
        let row = graph.flatten(tokens);
        let reduced = graph.linear(&self.feature.reduce, row);
        let reduced = graph.norm(&self.feature.reduce_norm, reduced);
        let embedding = graph.linear(&self.feature.embed, reduced);
        graph.norm(&self.feature.embed_norm, embedding)
    }

    fn count(&self, count: &mut Count) {
        count.conv(&self.patch_embed.proj);
        let tokens = count.places();
        for block in &self.blocks {
            block.count(count, tokens);
        }
        count.linear(&self.feature.reduce);
        count.linear(&self.feature.embed);
    }
}

/// Attention, then a perceptron, each added to its input.
#[derive(Module, Debug)]
pub struct VitBlock {
    norm1: LayerNorm,
    attn: Attention,
    norm2: LayerNorm,
    mlp: Mlp,
    drop: f64,
}

impl VitBlock {
    fn forward(&self, tokens: Tensor<3>, training: bool) -> Tensor<3> {
        if !training || self.drop == 0.0 {
            let tokens = self.attn.residual(&self.norm1, tokens);
            return self.mlp.residual(&self.norm2, tokens);
        }
        let branch = self.attn.forward(self.norm1.forward(tokens.clone()));
        let tokens = tokens + self.drop(branch);
        let branch = self.mlp.forward(self.norm2.forward(tokens.clone()));
        tokens + self.drop(branch)
    }

    /// Leaves the branch out for some pictures and strengthens it for the others, so that its mean stays.
    fn drop(&self, branch: Tensor<3>) -> Tensor<3> {
        let keep = 1.0 - self.drop;
        let rows = branch.dims()[0];
        let kept = Tensor::random(
            [rows, 1, 1],
            Distribution::Bernoulli(keep),
            &branch.device(),
        );
        let dtype = branch.dtype();
        branch * cast(kept / keep, dtype)
    }

    fn graph(&self, graph: &mut Graph, tokens: Value) -> Value {
        let branch = graph.layer_norm(&self.norm1, tokens.clone());
        let branch = graph.attention(&self.attn, branch);
        let tokens = graph.add(tokens, branch);
        let branch = graph.layer_norm(&self.norm2, tokens.clone());
        let branch = graph.mlp(&self.mlp, branch);
        graph.add(tokens, branch)
    }

    fn count(&self, count: &mut Count, tokens: usize) {
        count.linear_at(&self.attn.qkv, tokens);
        let [width, _] = self.attn.proj.weight.lazy_shape().dims();
        // Scores and weighted sums.
        count.add(2 * tokens * tokens * width);
        for linear in [&self.attn.proj, &self.mlp.fc1, &self.mlp.fc2] {
            count.linear_at(linear, tokens);
        }
    }
}

/// Which tokens training hides, drawn for each picture.
struct Mask {
    /// `[rows, tokens]`: the tokens in random order, those first that stay.
    order: Tensor<2, Int>,
    kept: usize,
}

impl Mask {
    /// None where nothing is to be hidden.
    fn draw(tokens: &Tensor<3>, ratio: f64) -> Option<Self> {
        let [rows, count, _] = tokens.dims();
        let kept = ((count as f64 * (1.0 - ratio)) as usize).max(1);
        if kept == count {
            return None;
        }
        let noise = Tensor::<2>::random([rows, count], Distribution::Default, &tokens.device());
        Some(Self {
            order: noise.argsort(1),
            kept,
        })
    }

    fn hide(&self, tokens: Tensor<3>) -> Tensor<3> {
        let width = tokens.dims()[2];
        let kept = self.order.clone().narrow(1, 0, self.kept);
        tokens.gather(1, columns(kept, width))
    }

    /// Puts the tokens back in their places and `hidden` into the others.
    fn restore(&self, tokens: Tensor<3>, hidden: Tensor<3>) -> Tensor<3> {
        let [rows, kept, width] = tokens.dims();
        let missing = self.order.dims()[1] - kept;
        let hidden = hidden.expand([rows, missing, width]);
        Tensor::cat(vec![tokens, hidden], 1)
            .gather(1, columns(self.order.clone().argsort(1), width))
    }
}

/// The same index for every column.
fn columns(index: Tensor<2, Int>, width: usize) -> Tensor<3, Int> {
    let [rows, count] = index.dims();
    index.unsqueeze_dim::<3>(2).expand([rows, count, width])
}
