"""Runs the Python that a report prints, as printed, on given noise: run_printed.py CODE NOISE OUT.

NOISE holds `start` and, for samplers with noise, `steps`; OUT gets the final `x`. Prints one JSON object: what the real classes said.
"""
import json
import logging
import sys

import torch
from diffusers.schedulers import scheduling_ddim, scheduling_ddpm, scheduling_dpmsolver_multistep
from diffusers.utils import torch_utils
from safetensors.torch import load_file, save_file

code, noise, out = sys.argv[1:]
given = load_file(noise)
steps = iter(given["steps"]) if "steps" in given else iter(())
drawn = 0


def next_noise(shape, **_):
    global drawn
    drawn += 1
    z = next(steps)
    assert tuple(shape) == tuple(z.shape), (shape, z.shape)
    return z


started = False
randn = torch.randn


def start_noise(*shape, **words):
    global started
    # Networks draw weights before they load theirs.
    if len(shape) != given["start"].dim():
        return randn(*shape, **words)
    assert shape == tuple(given["start"].shape) and not started, (shape, given["start"].shape)
    started = True
    return given["start"].clone()


said = []


class Listener(logging.Handler):
    def emit(self, record):
        # That a package which makes loading faster is not there says nothing of us.
        if "accelerate" not in record.getMessage():
            said.append(record.getMessage())


logging.getLogger("diffusers").addHandler(Listener(logging.WARNING))
# bilevel_scheduler.py takes it from there when the code imports it.
for module in (torch_utils, scheduling_ddim, scheduling_ddpm, scheduling_dpmsolver_multistep):
    module.randn_tensor = next_noise
torch.randn = start_noise
names = {}
with open(code) as file:
    exec(compile(file.read(), code, "exec"), names)
assert started
save_file({"x": names["x"].contiguous()}, out)
scheduler = names["scheduler"]
print(
    json.dumps(
        {
            "class": type(scheduler).__name__,
            "steps": len(scheduler.timesteps),
            "drawn": drawn,
            "defaulted": sorted(scheduler.config.get("_use_default_values", [])),
            "said": said,
        }
    )
)
