"""Draws what benches/run.sh measured: time of a training step by its parts, as an SVG file for the docs.

    pip install matplotlib
    python benches/plot.py results.json [more.json ...] steps.svg
"""

import json
import sys

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot


def main():
    *sources, target = sys.argv[1:]
    labels, parts = [], []
    for source in sources:
        with open(source) as file:
            run = json.load(file)
        milliseconds = {}
        for result in run["results"]:
            group, *name, part = result["bench"].split("/")
            if group == "step":
                milliseconds.setdefault("/".join(name), {})[part] = result["median_ns"] / 1e6
        for name, step in milliseconds.items():
            labels.append(f"{name}\n{run['gpu'] or run['processor']}")
            rest = step["whole"] - step["networks"] - step["head"]
            parts.append((step["networks"], step["head"], max(rest, 0.0)))
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.7 * len(labels)), layout="constrained")
    left = [0.0] * len(labels)
    for i, (name, colour) in enumerate(zip(("networks", "head", "left over"), ("#3b6ea5", "#d9822b", "#999999"))):
        values = [step[i] for step in parts]
        axes.barh(labels, values, left=left, label=name, color=colour)
        left = [a + b for a, b in zip(left, values)]
    axes.set_xlabel("ms a step")
    axes.invert_yaxis()
    figure.legend(loc="outside upper center", ncols=3)
    figure.savefig(target)


if __name__ == "__main__":
    main()
