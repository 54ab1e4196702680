"""Writes schedulerClasses.json: what the scheduler classes of diffusers 0.42.1 are, from the classes themselves.

python schedulerClasses.py > schedulerClasses.json
"""

import importlib
import inspect
import json
import pkgutil
import sys
import types
import warnings

warnings.filterwarnings("ignore")

import diffusers
import diffusers.schedulers
import numpy as np
import torch

# Two classes import it, nothing that is used here does.
sys.modules["torchsde"] = types.ModuleType("torchsde")
diffusers.utils.logging.set_verbosity_error()
SPACINGS = [{}, {"timestep_spacing": "leading", "steps_offset": 1}, {"timestep_spacing": "linspace"}, {"timestep_spacing": "trailing"}]


def classes():
    found = {}
    for module in pkgutil.walk_packages(diffusers.schedulers.__path__, "diffusers.schedulers."):
        if "scheduling" not in module.name or module.name.endswith("flax"):
            continue
        for name, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if name.endswith("Scheduler") and value.__module__ == module.name:
                found[name] = value
    return dict(sorted(found.items()))


CLASSES = classes()


def defaults(kind):
    fields = list(inspect.signature(kind.__init__).parameters.values())[1:]
    return {
        field.name: None if field.default is inspect.Parameter.empty or field.default == -float("inf") else field.default
        for field in fields
        if field.name != "kwargs"
    }


def own_times(scheduler, name, steps):
    scheduler.set_timesteps(steps)
    if name == "PNDMScheduler":
        return scheduler._timesteps[::-1].tolist()
    times = scheduler.timesteps.double().tolist()
    if name in ("KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "DPMSolverSDEScheduler"):
        return times[::2]
    return [time for i, time in enumerate(times) if i == 0 or time != times[i - 1]]


def levels(name):
    has = defaults(CLASSES[name])
    configs = [
        {},
        {"beta_schedule": "scaled_linear", "num_train_timesteps": 400, "beta_start": 0.0007, "beta_end": 0.03},
        {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 60},
        {"trained_betas": [0.01, 0.05, 0.3, 0.2, 0.5], "num_train_timesteps": 5},
    ]
    if name.startswith("DDPM"):
        configs += [{"beta_schedule": "sigmoid", "beta_end": 0.05, "num_train_timesteps": 90}, {"beta_schedule": "laplace"}]
    if name.startswith("Heun"):
        configs += [{"beta_schedule": "exp", "num_train_timesteps": 300}]
    if "rescale_betas_zero_snr" in has:
        zero = {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}
        configs += [zero, {**zero, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}]
    for config in configs:
        alpha_bar = CLASSES[name](**config).alphas_cumprod.double()
        at = sorted({0, 1, len(alpha_bar) // 3, len(alpha_bar) // 2, len(alpha_bar) - 2, len(alpha_bar) - 1})
        yield {"config": {"_class_name": name, **config}, "at": at, "alphaBar": [alpha_bar[t].item() for t in at]}


def times(name):
    has = defaults(CLASSES[name])
    extra = [{"timestep_spacing": s, "beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": c} for s in ("linspace", "trailing") for c in (-5.1, -2.5)]
    for config in SPACINGS + (extra if "lambda_min_clipped" in has and "timestep_spacing" in has else []):
        config = {key: value for key, value in config.items() if key in has}
        for steps in (5, 7, 50):
            scheduler = CLASSES[name](**config)
            yield {"config": {"_class_name": name, **config}, "steps": steps, "times": own_times(scheduler, name, steps)}


START = [-2.0, -1.0, -0.3, 0.1, 0.7, 1.4, 2.6]
STD = 0.5


def predicted(kind, x, alpha_bar):
    """Exact for data N(0, STD^2)."""
    signal, noise = alpha_bar**0.5, (1 - alpha_bar) ** 0.5
    variance = signal**2 * STD**2 + noise**2
    x0, eps = x * signal * STD**2 / variance, x * noise / variance
    return {"epsilon": eps, "sample": x0, "v_prediction": signal * eps - noise * x0}[kind]


def run(name, config, steps):
    """Images of the class, from VP noise, with noise of step k sin(1.7 k + 0.9 j + 0.4) at element j."""
    scheduler = CLASSES[name](**config)
    scheduler.set_timesteps(steps)
    module = sys.modules[CLASSES[name].__module__]
    calls = [0]

    def noise(shape, **_):
        calls[0] += 1
        return torch.sin(1.7 * (calls[0] - 1) + 0.9 * torch.arange(len(START), dtype=torch.float64) + 0.4).reshape(shape)

    if hasattr(module, "randn_tensor"):
        module.randn_tensor = noise
    x = torch.tensor(START, dtype=torch.float64).reshape(1, 1, 1, -1)
    if "Euler" in name:
        x = x * (scheduler.sigmas[0].double() ** 2 + 1) ** 0.5
    for t in scheduler.timesteps:
        scaled = scheduler.scale_model_input(x, t)
        level = scheduler.alphas_cumprod[int(t)].double()
        x = scheduler.step(predicted(scheduler.config.prediction_type, scaled, level), t, x).prev_sample.double()
    return {"config": {"_class_name": name, **config}, "steps": steps, "images": x.flatten().tolist()}


ZERO = {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "timestep_spacing": "trailing"}
RUNS = [
    ("DDIMScheduler", {"clip_sample_range": 0.4, "beta_schedule": "squaredcos_cap_v2"}, 7),
    ("DDIMScheduler", {"thresholding": True, "sample_max_value": 1.0, "clip_sample_range": 0.1}, 5),
    ("DDIMScheduler", {**ZERO, "clip_sample": False}, 5),
    ("DDIMScheduler", {**ZERO, "prediction_type": "sample"}, 5),
    ("DDPMScheduler", {"variance_type": "fixed_large", "clip_sample_range": 0.6}, 5),
    ("DDPMScheduler", {"variance_type": "fixed_small_log", "timestep_spacing": "linspace"}, 7),
    ("DDPMScheduler", {**ZERO, "clip_sample": False}, 4),
    ("DPMSolverMultistepScheduler", {}, 7),
    ("DPMSolverMultistepScheduler", {"timestep_spacing": "leading", "steps_offset": 3, "prediction_type": "sample"}, 6),
    ("DPMSolverMultistepScheduler", {**ZERO}, 6),
    ("EulerDiscreteScheduler", {"timestep_spacing": "leading"}, 6),
    ("EulerDiscreteScheduler", {**ZERO}, 5),
    ("EulerAncestralDiscreteScheduler", {"timestep_spacing": "trailing", "prediction_type": "v_prediction"}, 5),
]

BETAS = [name for name, kind in CLASSES.items() if "trained_betas" in defaults(kind) and "beta_start" in defaults(kind)]
READ = [name for name in BETAS if not any(part in name for part in ("Inverse", "CogVideoX", "LCM", "TCD", "RePaint"))]
print(
    json.dumps(
        {
            "diffusers": diffusers.__version__,
            "defaults": {name: defaults(kind) for name, kind in CLASSES.items()},
            "levels": [row for name in READ for row in levels(name)],
            "times": [row for name in READ for row in times(name)],
            "runs": [run(*row) for row in RUNS],
        },
        indent=None,
        separators=(",", ":"),
        default=str,
    )
)
