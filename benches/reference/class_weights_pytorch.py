"""Time and memory of PyTorch in the work of the `heads` bench for heads with trained class weights: the full layer, and Partial FC
with the sparse update of its version 1 (arXiv:2010.05222) or the dense one of version 2 (arXiv:2203.15565), on one process.

    pip install torch
    python class_weights_pytorch.py full|sparse|dense identities [rate] [batch] [threads]

A step is the draw, the loss of given embeddings with CosFace, backward to embeddings and weights, and SGD with momentum.
"""

import resource
import sys
import time

import torch
import torch.nn.functional as F

DIM, SCALE, MARGIN, RATE, MOMENTUM, DECAY = 512, 64.0, 0.4, 0.1, 0.9, 5e-4


def draw(identities, labels, count):
    """All labels' rows, filled up with drawn others, ascending; and the labels as positions among them."""
    positives = labels.unique()
    if count > len(positives):
        order = torch.rand(identities)
        order[positives] = 2.0
        rows = order.topk(count).indices.sort().values
    else:
        rows = positives
    return rows, torch.searchsorted(rows, labels)


def loss_of(embeddings, weights, labels):
    cosines = F.linear(F.normalize(embeddings), F.normalize(weights)).clamp(-1, 1)
    margin = torch.zeros_like(cosines)
    margin[torch.arange(len(labels)), labels] = MARGIN
    return F.cross_entropy((cosines - margin) * SCALE, labels)


def sgd(weights, momentum, gradient):
    momentum.mul_(MOMENTUM).add_(gradient + DECAY * weights)
    weights.sub_(momentum, alpha=RATE)


def step(kind, weights, momentum, embeddings, labels, count):
    embeddings.grad = None
    if kind == "full":
        used = weights.requires_grad_()
        loss_of(embeddings, used, labels).backward()
        with torch.no_grad():
            sgd(weights, momentum, weights.grad)
        weights.grad = None
        return
    rows, labels = draw(len(weights), labels, count)
    with torch.no_grad():
        used = weights[rows]
    used.requires_grad_()
    loss_of(embeddings, used, labels).backward()
    with torch.no_grad():
        if kind == "sparse":
            some = momentum[rows]
            sgd(used, some, used.grad)
            weights[rows] = used
            momentum[rows] = some
        else:
            gradient = torch.zeros_like(weights)
            gradient[rows] = used.grad
            sgd(weights, momentum, gradient)


def main():
    kind, identities = sys.argv[1], int(sys.argv[2])
    rate = float(sys.argv[3]) if len(sys.argv) > 3 else 0.1
    batch = int(sys.argv[4]) if len(sys.argv) > 4 else 128
    if len(sys.argv) > 5:
        torch.set_num_threads(int(sys.argv[5]))
    torch.manual_seed(0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    weights = torch.empty(identities, DIM).normal_(0, 0.01)
    momentum = torch.zeros_like(weights)
    times = []
    for _ in range(6):
        embeddings = torch.randn(batch, DIM, requires_grad=True)
        labels = torch.randint(identities, (batch,))
        start = time.perf_counter()
        step(kind, weights, momentum, embeddings, labels, int(rate * identities))
        times.append(time.perf_counter() - start)
    median = sorted(times[1:])[len(times[1:]) // 2] * 1e3
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    print("| head | N | rate | B | step, ms | peak memory, MiB |")
    print("|---|---|---|---|---|---|")
    shown = "" if kind == "full" else rate
    print(f"| PyTorch {kind} | {identities} | {shown} | {batch} | {median:.1f} | {peak:.0f} |")


main()
