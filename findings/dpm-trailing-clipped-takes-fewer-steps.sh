#!/usr/bin/env bash
# diffusers 0.42.1: DPMSolverMultistepScheduler asked for N steps with timestep_spacing "trailing" and lambda_min_clipped set takes fewer.
# An informed guess: set_timesteps(50) makes 50 steps, whatever bounds the noisiest level. Seen: 50 asked for, T = 1000, squared cosine,
# lambda_min_clipped -2.5: 48 steps. The bound takes times away from the list after it was laid out, and repeated times are dropped;
# nothing is said. "linspace" lays out its list below the bound and makes all 50.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 diffusers==0.42.1 numpy
"$work/venv/bin/python" - <<'PY'
import diffusers
from diffusers import DPMSolverMultistepScheduler

assert diffusers.__version__ == "0.42.1"
seen = {}
for spacing in ("trailing", "linspace"):
    scheduler = DPMSolverMultistepScheduler(
        beta_schedule="squaredcos_cap_v2", timestep_spacing=spacing, lambda_min_clipped=-2.5
    )
    scheduler.set_timesteps(50)
    seen[spacing] = len(scheduler.timesteps)
print(f"diffusers {diffusers.__version__}: asked for 50 steps, took {seen}")
assert seen == {"trailing": 48, "linspace": 50}, seen
PY
