"""facenet-pytorch's MTCNN on the picture of benches/align.rs: 640 x 480, smallest faces of 20 and 40 pixels.

  FFC_BENCH_PICTURE=picture.jpg python mtcnn_pytorch.py [threads]

Packages: pip install torch pillow numpy; pip install --no-deps facenet-pytorch
"""

import os
import sys
import time

import numpy as np
import torch
from facenet_pytorch import MTCNN
from PIL import Image

TURNS = 20

threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
torch.set_num_threads(threads)
picture = Image.open(os.environ["FFC_BENCH_PICTURE"]).convert("RGB").resize((640, 480), Image.BILINEAR)
picture = np.asarray(picture)
for smallest in (20, 40):
    detector = MTCNN(keep_all=True, min_face_size=smallest, device="cpu")
    seconds = []
    with torch.inference_mode():
        for turn in range(TURNS + 2):
            begin = time.perf_counter()
            boxes, _, _ = detector.detect(picture, landmarks=True)
            if turn >= 2:
                seconds.append(time.perf_counter() - begin)
    seconds = np.array(seconds) * 1e3
    faces = 0 if boxes is None else len(boxes)
    print(
        f"smallest face {smallest}, threads {threads}: median {np.median(seconds):.1f} ms, least {seconds.min():.1f} ms, {faces} faces"
    )
