"""Writes heun.json: what HeunDiscreteScheduler of diffusers 0.42.1 (torch 2.13.0) does, its loop scaled as its pipelines scale it.

python heun.py heun.json > new.json

`runs`: final images by the class's own times. `exported`: the same of configs that this project exported (they are read from the file that is
given, with the times that the network is told, and `timesteps` where they are passed), so that the test holds the export against them.
"""

import json
import sys
import warnings

warnings.filterwarnings("ignore")

import torch
from diffusers import HeunDiscreteScheduler

START = [-2, -1, -0.3, 0.1, 0.7, 1.4, 2.6]

RUNS = [
    ({"timestep_spacing": "trailing"}, 5),
    ({"timestep_spacing": "trailing"}, 1),
    ({"timestep_spacing": "leading", "beta_start": 0.0001, "beta_end": 0.02}, 8),
    ({"timestep_spacing": "trailing", "clip_sample": True, "clip_sample_range": 0.6}, 4),
    ({"beta_schedule": "squaredcos_cap_v2", "timestep_spacing": "trailing", "clip_sample": True, "clip_sample_range": 0.6}, 4),
    ({"beta_schedule": "scaled_linear", "timestep_spacing": "trailing", "prediction_type": "v_prediction"}, 10),
    ({"beta_schedule": "scaled_linear", "timestep_spacing": "trailing", "prediction_type": "v_prediction", "clip_sample": True}, 2),
]


def network(x, time):
    """Of no data: it minds the time that it is told, and clipping acts on it."""
    return 0.9 * torch.sin(3 * x + 0.002 * time) + 0.3 * x


def images(config, steps, timesteps=None, told=None):
    scheduler = HeunDiscreteScheduler.from_config(config)
    scheduler.set_timesteps(timesteps=timesteps) if timesteps else scheduler.set_timesteps(steps)
    x = torch.tensor(START, dtype=torch.float64) * (scheduler.sigmas[0].double() ** 2 + 1) ** 0.5
    for t, time in zip(scheduler.timesteps, scheduler.timesteps.double() if told is None else told, strict=True):
        output = network(scheduler.scale_model_input(x, t), float(time))
        x = scheduler.step(output, t, x).prev_sample
    return x.tolist()


def times(config, steps):
    scheduler = HeunDiscreteScheduler.from_config(config)
    scheduler.set_timesteps(steps)
    return scheduler.timesteps.tolist()


asked = json.load(open(sys.argv[1]))["exported"]
result = {
    "diffusers": "0.42.1",
    "start": START,
    "runs": [
        {
            "config": {"_class_name": "HeunDiscreteScheduler", **config},
            "steps": steps,
            "calls": times(config, steps),
            "images": images(config, steps),
        }
        for config, steps in RUNS
    ],
    "exported": [
        {**one, "images": images(one["config"], one["steps"], one["timesteps"], one["told"])} for one in asked
    ],
}
print(json.dumps(result))
