"""Speed of PyTorch in the work of the `layers` bench: layers and whole networks, forward in
evaluation, and forward with backward in training.

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


def rectified(inputs, outputs, kernel=3, stride=1, groups=1):
    layers = [conv(inputs, outputs, kernel, stride, groups), nn.BatchNorm2d(outputs), nn.PReLU(outputs)]
    return nn.Sequential(*layers)


class Residual(nn.Module):
    def __init__(self, body, side=None):
        super().__init__()
        self.body, self.side = body, side or nn.Identity()

    def forward(self, x):
        return self.body(x) + self.side(x)


def mobile_face_net():
    def bottleneck(inputs, outputs, expanded, stride):
        return nn.Sequential(
            rectified(inputs, expanded, 1),
            rectified(expanded, expanded, 3, stride, expanded),
            conv(expanded, outputs, 1),
            nn.BatchNorm2d(outputs),
        )

    layers = [rectified(3, 64, 3, 2), rectified(64, 64, groups=64)]
    for inputs, outputs, first, others, repeats in [(64, 64, 128, 128, 4), (64, 128, 256, 256, 6), (128, 128, 512, 256, 2)]:
        layers.append(bottleneck(inputs, outputs, first, 2))
        layers += [Residual(bottleneck(outputs, outputs, others, 1)) for _ in range(repeats)]
    layers += [rectified(128, 512, 1), nn.Conv2d(512, 512, 7, groups=512, bias=False), nn.BatchNorm2d(512)]
    layers += [nn.Flatten(), nn.Linear(512, 512), nn.BatchNorm1d(512)]
    return nn.Sequential(*layers)


def iresnet50():
    def block(inputs, outputs, stride):
        body = nn.Sequential(
            nn.BatchNorm2d(inputs),
            conv(inputs, outputs),
            nn.BatchNorm2d(outputs),
            nn.PReLU(outputs),
            conv(outputs, outputs, 3, stride),
            nn.BatchNorm2d(outputs),
        )
        if stride == 1 and inputs == outputs:
            return Residual(body)
        return Residual(body, nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)))

    layers, inputs = [rectified(3, 64)], 64
    for outputs, blocks in [(64, 3), (128, 4), (256, 14), (512, 3)]:
        layers += [block(inputs if i == 0 else outputs, outputs, 2 if i == 0 else 1) for i in range(blocks)]
        inputs = outputs
    layers += [nn.BatchNorm2d(512), nn.Flatten(), nn.Linear(512 * 49, 512), nn.BatchNorm1d(512)]
    return nn.Sequential(*layers)


def median_ms(work, repeats=7):
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2] * 1e3


def measure(name, layer, shape):
    # Gradients of pictures are not wanted, those of feature maps are.
    x = torch.randn(shape, requires_grad=shape[1] == CHANNELS)
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
    cases.append(("MobileFaceNet", mobile_face_net, (32, 3, 112, 112)))
    cases.append(("IResNet-50", iresnet50, (8, 3, 112, 112)))
    print(f"torch {torch.__version__}, {threads} threads, ms: forward; both")
    for name, layer, shape in cases:
        if part in name:
            measure(name, layer(), shape)


if __name__ == "__main__":
    main()
