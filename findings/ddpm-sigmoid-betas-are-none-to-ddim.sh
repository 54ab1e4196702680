#!/usr/bin/env bash
# diffusers 0.42.1: a DDPMScheduler with beta_schedule "sigmoid" cannot be sampled by the config's usual heirs.
# An informed guess: schedulers share their beta schedules, so that XScheduler.from_config(ddpm.config) works, as the documentation's way of
# swapping samplers has it. Seen: DDPMScheduler builds "sigmoid" betas; DDIMScheduler, EulerDiscreteScheduler and
# DPMSolverMultistepScheduler raise NotImplementedError for the very same config. A file with `trained_betas` is read by all.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 diffusers==0.42.1 numpy
"$work/venv/bin/python" - <<'PY'
import diffusers
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler

assert diffusers.__version__ == "0.42.1"
config = DDPMScheduler(beta_schedule="sigmoid").config
refused = []
for other in (DDIMScheduler, EulerDiscreteScheduler, DPMSolverMultistepScheduler):
    try:
        other.from_config(config)
    except NotImplementedError:
        refused.append(other.__name__)
print(f"diffusers {diffusers.__version__}: sigmoid betas of DDPMScheduler are refused by {refused}")
assert refused == ["DDIMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler"], refused
betas = DDPMScheduler(beta_schedule="sigmoid").betas.tolist()
assert len(DDIMScheduler(trained_betas=betas).betas) == 1000
PY
