"""Writes the files of this folder: one exact denoiser of eight pictures, exported by torch 2.13.0 (quantised by onnxruntime 1.30) in the forms
that people have.

python make.py FOLDER

The pictures are [1, 8, 8] in [-1, 1], two of each of four classes: rectangles, in `pictures.json` with alphaBar of the 50 times (linear betas, .002 to .2;
`scheduler.json` says so to us). What a file gives is the noise E[eps | x, t], of a class that of its two pictures, of class 4 (the null class) and
of files without classes that of all eight.
"""

import json
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

SIDE, CLASSES, T = 8, 4, 50
OUT = Path(sys.argv[1])


def pictures():
    random = np.random.default_rng(5)
    made = []
    for i in range(2 * CLASSES):
        picture = -np.ones((1, SIDE, SIDE), np.float32)
        y, x = random.integers(0, 4, 2)
        height, width = random.integers(2, 5, 2)
        picture[:, y : y + height, x : x + width] = 1
        made.append(picture)
    return np.stack(made)


PICTURES = torch.from_numpy(pictures())
BETAS = torch.linspace(0.002, 0.2, T, dtype=torch.float64)
ALPHA_BAR = torch.cumprod(1 - BETAS, 0).float()


class Denoiser(torch.nn.Module):
    """In any of the forms; `forward` takes the inputs in the order of `names`."""

    def __init__(self, names=("x", "t"), nhwc=False, half=False, outputs=("out",), twice=False):
        super().__init__()
        self.names, self.nhwc, self.half, self.outputs, self.twice = names, nhwc, half, outputs, twice
        pictures = PICTURES.flatten(1)
        self.register_buffer("pictures", pictures)
        self.register_buffer("squares", (pictures**2).sum(1))
        self.register_buffer("alpha_bar", ALPHA_BAR)
        # Row c: 0 for the pictures of class c, -1e4 for others; the last row is for none.
        allowed = torch.full((CLASSES + 1, 2 * CLASSES), -1e4)
        for c in range(CLASSES):
            allowed[c, [c, c + CLASSES]] = 0
        allowed[CLASSES] = 0
        self.register_buffer("allowed", allowed)

    def noise(self, x, time, penalty):
        alpha_bar = self.alpha_bar[time].view(-1, 1)
        flat = x.flatten(1)
        signal, variance = alpha_bar.sqrt(), 1 - alpha_bar
        scores = (signal * (flat @ self.pictures.T) - 0.5 * alpha_bar * self.squares) / variance
        x0 = torch.softmax(scores + penalty, 1) @ self.pictures
        eps = (flat - signal * x0) / variance.sqrt()
        return eps.view(x.shape), x0.view(x.shape)

    def forward(self, *given):
        by_name = dict(zip(self.names, given))
        x, time = given[0].float(), given[1].reshape(-1).round().long()
        if self.nhwc:
            x = x.permute(0, 3, 1, 2)
        label = by_name.get("y", by_name.get("arg2"))
        if label is None:
            penalty = torch.zeros(1, 2 * CLASSES)
        elif label.dtype == torch.float32:
            penalty = -1e4 * (1 - label @ (self.allowed[:CLASSES] == 0).float()) * label.sum(1, keepdim=True)
        else:
            penalty = self.allowed[label]
        eps, x0 = self.noise(x, time, penalty)
        if "guidance" in by_name:
            free, _ = self.noise(x, time, self.allowed[CLASSES])
            eps = free + by_name["guidance"].view(-1, 1, 1, 1) * (eps - free)
        if self.twice:
            eps = torch.cat([eps, -eps], 1)
        results = [eps, x0][: len(self.outputs)]
        if self.nhwc:
            results = [result.permute(0, 2, 3, 1) for result in results]
        if self.half:
            results = [result.half() for result in results]
        return tuple(results) if len(results) > 1 else results[0]


def export(name, time=lambda b: torch.full((b,), 7), more=(), batch=None, image="float32", **form):
    """`more`: further inputs of a batch; `batch`: of the file, else it is open."""
    names = form.setdefault("names", ("x", "t"))
    count = batch or 2
    shape = (count, SIDE, SIDE, 1) if form.get("nhwc") else (count, 1, SIDE, SIDE)
    given = (torch.randn(shape).to(getattr(torch, image)), time(count), *[value(count) for value in more])
    model = Denoiser(**form).eval()
    axes = {}
    if batch is None:
        axes = {n: {0: "batch"} for n, value in zip(names, given) if value.dim() > 0 and value.shape[0] == count}
        axes |= {n: {0: "batch"} for n in model.outputs}
    path = OUT / f"{name}.onnx"
    torch.onnx.export(
        model, given, path, input_names=names, output_names=model.outputs, dynamic_axes=axes, opset_version=17, dynamo=False
    )
    loaded = onnx.load(path)
    loaded.doc_string = ""
    for node in loaded.graph.node:
        node.doc_string = ""
    onnx.save(loaded, path)
    return path


label = lambda b: torch.arange(b) % CLASSES
one_hot = lambda b: torch.nn.functional.one_hot(label(b), CLASSES).float()
real = lambda *shape: lambda b: torch.full((b, *shape), 7.0)

torch.manual_seed(0)
export("plain")
export("batch-4", batch=4)
export("nhwc", nhwc=True)
export("time-b1", time=real(1))
export("time-b111", time=lambda b: torch.full((b, 1, 1, 1), 7))
export("time-scalar", time=lambda b: torch.tensor(7))
export("half", time=lambda b: real()(b).half(), image="float16", half=True)
export("two-outputs", outputs=("noise", "clean"))
export("variance", twice=True)
export("unnamed", names=("arg0", "arg1", "arg2"), more=(label,))
export("classes", names=("x", "t", "y"), more=(label,))
export("one-hot", names=("x", "t", "y"), more=(one_hot,))
export("guidance", names=("x", "t", "y", "guidance"), more=(label, real()))
quantize_dynamic(OUT / "plain.onnx", OUT / "int8.onnx", weight_type=QuantType.QInt8)

config = {
    "_class_name": "DDPMScheduler",
    "beta_start": 0.002,
    "beta_end": 0.2,
    "beta_schedule": "linear",
    "num_train_timesteps": T,
    "prediction_type": "epsilon",
    "clip_sample": True,
    "timestep_spacing": "trailing",
}
(OUT / "scheduler.json").write_text(json.dumps(config, indent=2) + "\n")
known = {"pictures": PICTURES.flatten(1).int().tolist(), "alphaBar": ALPHA_BAR.tolist(), "classes": [i % CLASSES for i in range(2 * CLASSES)]}
(OUT / "pictures.json").write_text(json.dumps(known) + "\n")
