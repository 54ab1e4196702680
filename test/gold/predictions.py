"""Writes predictions.json: model folders of this project, read and sampled by diffusers 0.42.1 (torch 2.13.0).

node scripts/bundle.js scripts/predictionFolders.ts /tmp/folders && python predictions.py /tmp/folders > predictions.json

For each folder: the scheduler class that `DDPMPipeline.from_pretrained` finds, what it says the network predicts, and images of the pipeline itself in
`steps` steps from `start`, before they are cut to [0, 1]: a flow by its own class, the others by DDIM, since DDPM's noise is none of ours. `raw` is the network at
`start`, told `time`.
"""

import json
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import torch
from diffusers import DDPMPipeline

STEPS = 6
SHAPE = (2, 1, 8, 8)
START = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
TIME = 37


def run(folder):
    pipeline = DDPMPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    scheduler = pipeline.scheduler
    states = []
    # The pipeline draws its own start: ours is put in its place.
    step = scheduler.step

    def kept(output, t, x, **options):
        if not states:
            x = START
            output = pipeline.unet(x, t).sample
        came = step(output, t, x, **options)
        states.append(came.prev_sample)
        return came

    scheduler.step = kept
    pipeline(batch_size=SHAPE[0], num_inference_steps=STEPS, output_type="np")
    with torch.no_grad():
        raw = pipeline.unet(START, TIME).sample
    return {
        "scheduler": type(scheduler).__name__,
        "prediction_type": scheduler.config.get("prediction_type"),
        "told": scheduler.timesteps.double().tolist(),
        "images": states[-1].flatten().tolist(),
        "raw": raw.flatten().tolist(),
    }


folders = sorted(Path(sys.argv[1]).iterdir())
print(
    json.dumps(
        {
            "diffusers": "0.42.1",
            "torch": "2.13.0",
            "steps": STEPS,
            "time": TIME,
            "start": START.flatten().tolist(),
            "models": {folder.name: run(folder) for folder in folders},
        }
    )
)
