"""Speed of PyTorch's DataLoader with OpenCV on a folder of JPEG files of 112 x 112 pixels.

    pip install torch opencv-python-headless numpy
    python loader_pytorch.py <folder>

The work of the `loader` bench: read, decode, flip every other picture, batches of 256 in random order; once as bytes,
once normalised to f32 by the workers, as is usual.
"""

import pathlib
import random
import sys
import time

import cv2
import numpy
import torch
from torch.utils.data import DataLoader, Dataset

BATCH = 256


class Folder(Dataset):
    def __init__(self, root, normalise):
        self.normalise = normalise
        self.paths = sorted(str(path) for path in pathlib.Path(root).rglob("*.jpg"))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        picture = cv2.cvtColor(cv2.imread(self.paths[i]), cv2.COLOR_BGR2RGB)
        if random.random() < 0.5:
            picture = cv2.flip(picture, 1)
        if self.normalise:
            picture = ((picture.astype(numpy.float32) - 127.5) / 128).transpose(2, 0, 1)
        return torch.from_numpy(picture), i


def main():
    cv2.setNumThreads(0)
    dataset = Folder(sys.argv[1], False)
    encoded = [open(path, "rb").read() for path in dataset.paths]
    start = time.perf_counter()
    for jpeg in encoded:
        cv2.imdecode(numpy.frombuffer(jpeg, numpy.uint8), cv2.IMREAD_COLOR)
    alone = len(encoded) / (time.perf_counter() - start)
    print(f"torch {torch.__version__}, OpenCV {cv2.__version__}, {len(dataset)} pictures")
    print(f"OpenCV decoder alone: {alone:.0f} images/s")
    for normalise in (False, True):
        for workers in (1, 2):
            rate = measure(Folder(sys.argv[1], normalise), workers)
            print(f"{workers} workers, {'normalised' if normalise else 'bytes'}: {rate:.0f} images/s")


def measure(dataset, workers):
    """Median of three epochs, less their first four batches."""
    rates = []
    for _ in range(3):
        loader = DataLoader(dataset, BATCH, shuffle=True, num_workers=workers, prefetch_factor=4)
        batches = iter(loader)
        for _ in range(4):
            next(batches)
        start, images = time.perf_counter(), 0
        for pictures, _ in batches:
            images += len(pictures)
        rates.append(images / (time.perf_counter() - start))
    return sorted(rates)[1]


if __name__ == "__main__":
    main()
