#!/usr/bin/env bash
# diffusers 0.42.1: StableDiffusionPipeline rewrites the scheduler object that it is given, against what was asked.
# An informed guess: a scheduler made with clip_sample=True and steps_offset=0 keeps both in a pipeline, for a model trained so (one in pixels, where
# clipping matters). Seen: the constructor sets clip_sample to False and steps_offset to 1 in the very object, saying that they had not been set; the
# images are other ones, and the caller's own later steps with that object are neither clipped nor at the times of before. What helps: setting
# pipeline.scheduler again, to a new one, after the pipeline is made.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.13.0 diffusers==0.42.1 transformers==5.24.0 numpy
"$work/venv/bin/python" - <<'PY'
import warnings

import diffusers
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

warnings.simplefilter("ignore")
assert diffusers.__version__ == "0.42.1"


def last_step(scheduler):
    scheduler.set_timesteps(10)
    x = torch.full((1, 1, 2, 2), 3.0)
    step = scheduler.step(torch.zeros_like(x), scheduler.timesteps[-1], x)
    return int(scheduler.timesteps[0]), float(step.prev_sample.max())


make = lambda: DDIMScheduler(clip_sample=True, steps_offset=0, set_alpha_to_one=True)
given = make()
before = last_step(given)
parts = dict(vae=None, text_encoder=None, tokenizer=None, unet=None, safety_checker=None, feature_extractor=None)
pipeline = StableDiffusionPipeline(scheduler=given, requires_safety_checker=False, **parts)
after = last_step(given)
print(f"diffusers {diffusers.__version__}: first time and largest value of the last step {before} before, {after} after the pipeline was made")
assert pipeline.scheduler is given
assert before == (900, 1.0), before
assert (given.config.clip_sample, given.config.steps_offset) == (False, 1)
assert after[0] == 901 and after[1] > 2.9, after
pipeline.scheduler = make()
assert last_step(pipeline.scheduler) == before
PY
