"""Speed of PyTorch in the work of the `layers` bench: layers, forward in evaluation, and
forward with backward in training.

    pip install torch
    python layers_pytorch.py [threads] [part of a name]
"""

import sys
import time

import torch
from torch import nn

BATCH, CHANNELS = 32, 128


def conv(inputs, outputs, kernel=3, stride=1, groups=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


def median_ms(work, repeats=7):
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2] * 1e3


def measure(name, layer, shape):
    x = torch.randn(shape, requires_grad=True)
    weights = torch.rand(layer(x).shape)

    def both():
        x.grad = None
        layer.zero_grad()
        (layer(x) * weights).sum().backward()

    layer.eval()
    with torch.no_grad():
        forward = median_ms(lambda: layer(x))
    layer.train()
    print(f"| {name} | {forward:.1f}; {median_ms(both):.1f} |", flush=True)


def main():
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    part = sys.argv[2] if len(sys.argv) > 2 else ""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    cases = []
    for side in (28, 56):
        shape = (BATCH, CHANNELS, side, side)
        for name, layer in [
            ("depthwise 3x3", lambda: conv(CHANNELS, CHANNELS, groups=CHANNELS)),
            ("pointwise", lambda: conv(CHANNELS, CHANNELS, 1)),
            ("conv 3x3", lambda: conv(CHANNELS, CHANNELS)),
            ("conv 3x3 stride 2", lambda: conv(CHANNELS, CHANNELS, 3, 2)),
            ("batch norm", lambda: nn.BatchNorm2d(CHANNELS)),
            ("PReLU", lambda: nn.PReLU(CHANNELS)),
        ]:
            cases.append((f"{name},{side}", layer, shape))
    print(f"torch {torch.__version__}, {threads} threads, ms: forward; both")
    for name, layer, shape in cases:
        if part in name:
            measure(name, layer(), shape)


if __name__ == "__main__":
    main()
