"""Speed of PyTorch in the work of the `backbone` bench: networks, forward in evaluation, and
forward with backward in training.

    pip install torch
    python backbones_pytorch.py [threads] [part of a name]
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional

EMBEDDING = 512


def conv(inputs, outputs, kernel=3, stride=1, groups=1, padding=None):
    padding = kernel // 2 if padding is None else padding
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)


def normed(layer):
    return nn.Sequential(layer, nn.BatchNorm2d(layer.out_channels))


def rectified(layer):
    channels = layer.out_channels
    return nn.Sequential(layer, nn.BatchNorm2d(channels), nn.PReLU(channels))


class Residual(nn.Module):
    def __init__(self, body, side=None):
        super().__init__()
        self.body, self.side = body, side or nn.Identity()

    def forward(self, x):
        return self.body(x) + self.side(x)


def mobile_face_net():
    layers = [rectified(conv(3, 64, 3, 2)), rectified(conv(64, 64, groups=64))]
    inputs = 64
    for expansion, outputs, count, stride in [(2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1)]:
        for block in range(count):
            inner, step = inputs * expansion, stride if block == 0 else 1
            body = nn.Sequential(
                rectified(conv(inputs, inner, 1)),
                rectified(conv(inner, inner, 3, step, inner)),
                normed(conv(inner, outputs, 1)),
            )
            layers.append(Residual(body) if step == 1 and inputs == outputs else body)
            inputs = outputs
    layers += [rectified(conv(128, 512, 1)), normed(conv(512, 512, 7, groups=512, padding=0))]
    return nn.Sequential(*layers, normed(conv(512, EMBEDDING, 1)), nn.Flatten())


def residual_stages(inputs, stages):
    layers = []
    for outputs, count, stride in stages:
        for block in range(count):
            step = stride if block == 0 else 1
            body = nn.Sequential(
                nn.BatchNorm2d(inputs),
                rectified(conv(inputs, outputs)),
                normed(conv(outputs, outputs, 3, step)),
            )
            side = None if step == 1 and inputs == outputs else normed(conv(inputs, outputs, 1, step))
            layers.append(Residual(body, side))
            inputs = outputs
    return layers


def head(features, places):
    norm = nn.BatchNorm1d(EMBEDDING)
    norm.weight.requires_grad = False
    return [nn.BatchNorm2d(features), nn.Flatten(), nn.Linear(features * places, EMBEDDING), norm]


def iresnet50():
    blocks = residual_stages(64, [(64, 3, 2), (128, 4, 2), (256, 14, 2), (512, 3, 2)])
    return nn.Sequential(rectified(conv(3, 64)), *blocks, *head(512, 7 * 7))


def compact():
    blocks = residual_stages(32, [(32, 2, 1), (64, 2, 2), (128, 2, 2)])
    return nn.Sequential(rectified(conv(3, 32, 3, 2)), *blocks, *head(128, 4 * 4))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)

    def forward(self, x):
        rows, count, width = x.shape
        q, k, v = self.qkv(x).reshape(rows, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).reshape(rows, count, width))


class VitBlock(nn.Module):
    def __init__(self, width, heads, drop):
        super().__init__()
        self.norm1, self.norm2, self.drop = nn.LayerNorm(width), nn.LayerNorm(width), drop
        self.attn = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU6(), nn.Linear(4 * width, width))

    def dropped(self, x):
        if not self.training or self.drop == 0:
            return x
        keep = 1 - self.drop
        return x * (torch.empty(x.shape[0], 1, 1, device=x.device).bernoulli_(keep) / keep)

    def forward(self, x):
        x = x + self.dropped(self.attn(self.norm1(x)))
        return x + self.dropped(self.mlp(self.norm2(x)))


class Vit(nn.Module):
    def __init__(self, width=256, depth=12, heads=8, patch=9, drop=0.05):
        super().__init__()
        tokens = (112 // patch) ** 2
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.positions = nn.Parameter(0.02 * torch.randn(1, tokens, width))
        drops = torch.linspace(0, drop, depth).tolist()
        self.blocks = nn.Sequential(*[VitBlock(width, heads, drop) for drop in drops])
        self.feature = nn.Sequential(
            nn.LayerNorm(width),
            nn.Flatten(),
            nn.Linear(width * tokens, width, bias=False),
            nn.BatchNorm1d(width),
            nn.Linear(width, EMBEDDING, bias=False),
            nn.BatchNorm1d(EMBEDDING),
        )

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return self.feature(self.blocks(tokens + self.positions))


def median_ms(work, repeats=10):
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return (sorted(times)[(repeats - 1) // 2] + sorted(times)[repeats // 2]) / 2 * 1e3


def measure(name, network, batch, side):
    images = torch.randn(batch, 3, side, side)
    weights = torch.randn(batch, EMBEDDING)

    def training():
        network.zero_grad()
        (network(images) * weights).sum().backward()

    network.eval()
    with torch.inference_mode():
        forward = median_ms(lambda: network(images))
    network.train()
    both = median_ms(training)
    rates = [batch / ms * 1e3 for ms in (forward, both)]
    print(f"| {name} | {batch} | {forward:.1f} | {rates[0]:.0f} | {both:.1f} | {rates[1]:.0f} |", flush=True)


def main():
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    part = sys.argv[2] if len(sys.argv) > 2 else ""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    print(f"torch {torch.__version__}, {threads} threads")
    print("| network | batch | forward, ms | images/s | training, ms | images/s |")
    print("|---|---|---|---|---|---|")
    for name, network, batch, side in [
        ("MobileFaceNet", mobile_face_net, 32, 112),
        ("IResNet-50", iresnet50, 8, 112),
        ("ViT-T", Vit, 32, 112),
        ("Compact", compact, 128, 32),
    ]:
        if part in name:
            measure(name, network(), batch, side)


if __name__ == "__main__":
    main()
