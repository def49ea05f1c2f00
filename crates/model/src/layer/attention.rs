use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor};

use super::flex::Kernels;
use super::{LayerNorm, Linear, LinearConfig, cast, is_single, single};

/// Configuration of an [`Attention`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttentionConfig {
    /// Features of a token.
    pub width: usize,
    /// Heads, a divisor of `width`.
    pub heads: usize,
}

impl AttentionConfig {
    /// The layer, its parameters drawn as [`Linear`]'s are.
    ///
    /// # Panics
    ///
    /// If there are no heads or features, or heads do not divide the features.
    pub fn init(&self, device: &Device) -> Attention {
        let Self { width, heads } = *self;
        assert!(
            width > 0 && heads > 0 && width.is_multiple_of(heads),
            "heads must divide the width of an attention: {self:?}"
        );
        let qkv = LinearConfig {
            bias: false,
            ..LinearConfig::new([width, 3 * width])
        };
        Attention {
            qkv: qkv.init(device),
            proj: LinearConfig::new([width, width]).init(device),
            heads,
        }
    }
}

/// Multi-head self-attention ([Attention is all you need](https://arxiv.org/abs/1706.03762), equation 1).
#[derive(Module, Debug)]
pub struct Attention {
    /// To queries, keys and values, side by side.
    pub qkv: Linear,
    /// From the heads, side by side, to the output.
    pub proj: Linear,
    /// Parts of the features, each with an attention of its own.
    pub heads: usize,
}

impl Attention {
    /// `[batch, tokens, width]` to the same shape.
    ///
    /// # Panics
    ///
    /// If the input has other features than the layer, or heads do not divide them.
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let [rows, count, width] = tokens.dims();
        assert!(
            width.is_multiple_of(self.heads),
            "{} heads must divide the {width} features",
            self.heads
        );
        if let Some(kernels) = Kernels::of(&tokens) {
            let parts = self.qkv.forward(tokens);
            return self.proj.forward(kernels.attention(parts, self.heads));
        }
        let head = width / self.heads;
        // Parts of the weight rather than of the product, which is larger.
        let dtype = tokens.dtype();
        let weight = cast(self.qkv.weight.val(), dtype);
        let part = |part: usize| -> Tensor<4> {
            let columns = weight.clone().narrow(1, part * width, width);
            let bias = (self.qkv.bias.as_ref()).map(|bias| cast(bias.val(), dtype));
            let bias = bias.map(|bias| bias.narrow(0, part * width, width));
            linear(tokens.clone(), columns, bias)
                .reshape([rows, count, self.heads, head])
                .permute([0, 2, 1, 3])
        };
        let (query, key, value) = (part(0), part(1), part(2));
        let scores = (query * (head as f64).powf(-0.5)).matmul(key.permute([0, 1, 3, 2]));
        // Shares of many tokens: in half precision their sum would not be one.
        let shares = cast(softmax(cast(scores, single(dtype)), 3), dtype);
        let mixed = shares.matmul(value);
        let mixed = mixed.permute([0, 2, 1, 3]).reshape([rows, count, width]);
        self.proj.forward(mixed)
    }

    /// `tokens + forward(norm(tokens))`. Without gradients, on the CPU, in `f32` and with the feature `flex`, in one pass.
    ///
    /// # Panics
    ///
    /// As [`forward`](Self::forward) does.
    pub fn residual(&self, norm: &LayerNorm, tokens: Tensor<3>) -> Tensor<3> {
        let (width, heads) = (tokens.dims()[2], self.heads);
        if let Some(kernels) = Kernels::of(&tokens)
            && is_single(&tokens)
            && norm.is_single(width)
            && self.qkv.is_single([width, 3 * width])
            && self.proj.is_single([width; 2])
            && width.is_multiple_of(heads)
        {
            let (qkv, proj) = (self.qkv.parameters(), self.proj.parameters());
            return kernels.attention_residual(tokens, norm.parameters(), qkv, proj, heads);
        }
        tokens.clone() + self.forward(norm.forward(tokens))
    }
}
