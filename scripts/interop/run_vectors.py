"""Runs schedulers that this project wrote, by the real classes, on a network that is a formula: run_vectors.py ASKED ASSETS.

ASKED is JSON: {start, noise, shape, cases: [{config, timesteps, sigmas, told, stepArguments, scaled}]}; ASSETS is the folder of bilevel_scheduler.py. Each config is
saved as a file and read by from_pretrained. Prints {cases: [{class, levels, times, images}]}: log-SNR of each level and the times as the class has them.
"""
import json
import math
import sys
import tempfile

import diffusers
import torch
from diffusers.utils import torch_utils

asked_file, assets = sys.argv[1:]
with open(asked_file) as file:
    asked = json.load(file)
sys.path.insert(0, assets)
drawn = iter(())


def next_noise(shape, **_):
    return torch.tensor(next(drawn), dtype=torch.float64).reshape(shape)


torch_utils.randn_tensor = next_noise
import bilevel_scheduler  # noqa: E402

from diffusers.schedulers import scheduling_ddim, scheduling_ddpm, scheduling_dpmsolver_multistep  # noqa: E402

for module in (bilevel_scheduler, scheduling_ddim, scheduling_ddpm, scheduling_dpmsolver_multistep):
    module.randn_tensor = next_noise


def level_of(scheduler, k, t):
    """log(signal^2 / noise^2)."""
    if isinstance(scheduler, bilevel_scheduler.BilevelScheduler):
        one, none = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
        signal = scheduler.add_noise(one, none, t.reshape(1)).item()
        noise = scheduler.add_noise(none, one, t.reshape(1)).item()
        return 2 * math.log(signal / noise)
    if not hasattr(scheduler, "alphas_cumprod"):
        sigma = scheduler.sigmas[k].item()
        return 2 * math.log((1 - sigma) / sigma)
    bar = scheduler.alphas_cumprod[int(t)].item()
    return math.log(bar / (1 - bar))


def run(case):
    global drawn
    name = case["config"]["_class_name"]
    of = bilevel_scheduler if name == "BilevelScheduler" else diffusers
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/scheduler_config.json", "w") as file:
            json.dump(case["config"], file)
        scheduler = getattr(of, name).from_pretrained(folder)
    lists = {key: case[key] for key in ("timesteps", "sigmas") if case[key] is not None}
    if lists:
        scheduler.set_timesteps(**lists)
    else:
        scheduler.set_timesteps(case["steps"])
    drawn = iter(asked["noise"])
    times = [float(t) for t in scheduler.timesteps]
    levels = [level_of(scheduler, k, t) for k, t in enumerate(scheduler.timesteps)]
    told = case["told"] if case["told"] is not None else times
    x = torch.tensor(asked["start"], dtype=torch.float64).reshape(asked["shape"])
    if case["scaled"]:
        x = x * (scheduler.sigmas[0] ** 2 + 1) ** 0.5
    assert len(told) == len(times), (told, times)
    for t, time in zip(scheduler.timesteps, told):
        seen = scheduler.scale_model_input(x, t) if case["scaled"] else x
        output = 0.9 * torch.sin(3 * seen + 0.02 * time) + 0.3 * seen
        x = scheduler.step(output, t, x, **case["stepArguments"]).prev_sample.double()
    return {"class": name, "levels": levels, "times": times, "images": x.flatten().tolist()}


print(json.dumps({"cases": [run(case) for case in asked["cases"]]}))
