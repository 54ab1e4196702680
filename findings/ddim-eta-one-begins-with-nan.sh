#!/usr/bin/env bash
# diffusers 0.42.1, torch 2.13.0: DDIMScheduler with eta 1 on the cosine schedule (squaredcos_cap_v2), five steps with trailing or linspace spacing: NaN from the first step on.
# An informed guess: eta 1 is DDPM's own noise, so any number of steps is as sound as eta 0. Seen: at time 999 alphaBar is 2.4e-9, the variance of the step is 1 - alphaBar_prev to
# within a rounding, and 1 - alphaBar_prev - sigma^2 comes out as -6e-8 in float32: its root is NaN. Nothing is raised or logged. Whether it does hangs on the roundings of the number of steps:
# 3, 8, 10, 20, 25, 50, 100 and 250 steps are finite, as are all with leading spacing (whose first time has signal), and eta .999.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 diffusers==0.42.1 numpy
"$work/venv/bin/python" - <<'PY'
import diffusers
import torch
from diffusers import DDIMScheduler

assert diffusers.__version__ == "0.42.1"


def first_nan(spacing, steps, eta):
    """The time of the first step that gives NaN; None: none does."""
    scheduler = DDIMScheduler(beta_schedule="squaredcos_cap_v2", timestep_spacing=spacing)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 1, 4, 4, generator=generator)
    for t in scheduler.timesteps:
        x = scheduler.step(0.1 * x, t, x, eta=eta, generator=generator).prev_sample
        if x.isnan().any():
            return int(t)
    return None


for spacing in ("trailing", "linspace"):
    found = {steps: first_nan(spacing, steps, 1.0) for steps in (3, 5, 8, 10, 20, 25, 50, 100, 250)}
    print(f"diffusers {diffusers.__version__}, {spacing}, eta 1: " + ", ".join(f"{steps} steps {'finite' if t is None else f'NaN at time {t}'}" for steps, t in found.items()))
    assert found[5] == 999, found
    assert first_nan(spacing, 5, 0.999) is None
assert all(first_nan("leading", steps, 1.0) is None for steps in (5, 10, 50))
PY
