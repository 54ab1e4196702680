"""Steps of Euler at the sigmas of a list, as k-diffusion and ComfyUI take them: run_sigmas.py TXT JSON NOISE.

The real class tells the network its own time of each sigma. NOISE is JSON: {start, shape}. Prints {sigmas, times, images}, for both files the same.
"""
import json
import sys

import torch
from diffusers import EulerDiscreteScheduler

text, listed, noise = sys.argv[1:]
with open(text) as file:
    sigmas = [float(part) for part in file.read().split(",")]
with open(listed) as file:
    assert max(abs(a / b - 1) for a, b in zip(sigmas, json.load(file)) if b) < 1e-7 and sigmas[-1] == 0
with open(noise) as file:
    given = json.load(file)
scheduler = EulerDiscreteScheduler(beta_start=1e-4, beta_end=0.02, beta_schedule="linear")
scheduler.set_timesteps(sigmas=sigmas)
x = torch.tensor(given["start"], dtype=torch.float64).reshape(given["shape"]) * (scheduler.sigmas[0] ** 2 + 1) ** 0.5
for t in scheduler.timesteps:
    seen = scheduler.scale_model_input(x, t)
    x = scheduler.step(0.9 * torch.sin(3 * seen + 0.02 * t) + 0.3 * seen, t, x).prev_sample.double()
print(json.dumps({"sigmas": scheduler.sigmas.tolist(), "times": scheduler.timesteps.tolist(), "images": x.flatten().tolist()}))
