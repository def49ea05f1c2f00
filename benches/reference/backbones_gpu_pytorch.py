"""The work of the `backbone` bench on a GPU in PyTorch, as fast as PyTorch does it: pictures channels-last, bf16 by autocast,
cuDNN's search for the fastest kernels on.

    pip install torch
    python backbones_gpu_pytorch.py [cuda|cpu] [batch,batch,...]

Times are medians of ten; each ends when the device has finished. Memory is the most that PyTorch reserved.
"""

import sys
import time

import torch
from backbones_pytorch import EMBEDDING, Vit, iresnet50, mobile_face_net


def vit_small():
    return Vit(width=512, depth=12, heads=8, patch=9, drop=0.05)


def median_ms(work, device, repeats=10):
    for _ in range(3):
        work()
    times = []
    for _ in range(repeats):
        wait(device)
        start = time.perf_counter()
        work()
        wait(device)
        times.append(time.perf_counter() - start)
    return (sorted(times)[(repeats - 1) // 2] + sorted(times)[repeats // 2]) / 2 * 1e3


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def measure(name, network, batch, precision, device):
    images = torch.randn(batch, 3, 112, 112, device=device).to(memory_format=torch.channels_last)
    weights = torch.randn(batch, EMBEDDING, device=device)
    network = network.to(device=device, memory_format=torch.channels_last)
    autocast = torch.autocast(device, torch.bfloat16, enabled=precision == "bf16")

    def forward():
        with torch.inference_mode(), autocast:
            network(images)

    def training():
        network.zero_grad()
        with autocast:
            embeddings = network(images)
        (embeddings.float() * weights).sum().backward()

    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    network.eval()
    alone = median_ms(forward, device)
    network.train()
    both = median_ms(training, device)
    memory = torch.cuda.max_memory_reserved() >> 20 if device == "cuda" else "-"
    rates = [batch / ms * 1e3 for ms in (alone, both)]
    print(f"| {name},{batch},{precision} | {alone:.1f} | {rates[0]:.0f} | {both:.1f} | {rates[1]:.0f} | {memory} |", flush=True)


def main():
    device = sys.argv[1] if len(sys.argv) > 1 else "cuda"
    batches = [int(batch) for batch in (sys.argv[2] if len(sys.argv) > 2 else "128,256,512,1024").split(",")]
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.manual_seed(1)
    what = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    print(f"torch {torch.__version__}, {what}; TF32 allowed for f32")
    print("| network, batch, precision | forward, ms | images/s | training, ms | images/s | reserved, MiB |")
    print("|---|---|---|---|---|---|")
    for name, network in [("IResNet-50", iresnet50), ("MobileFaceNet", mobile_face_net), ("ViT-S", vit_small)]:
        for precision in ("f32", "bf16"):
            for batch in batches:
                try:
                    measure(name, network(), batch, precision, device)
                except torch.OutOfMemoryError:
                    print(f"| {name},{batch},{precision} | out of memory | | | | |", flush=True)


if __name__ == "__main__":
    main()
