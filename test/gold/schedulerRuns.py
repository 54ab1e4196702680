"""Writes schedulerRuns.json: runs of diffusers 0.42.1's own classes in settings that schedulers.json does not have, in the same form.

python schedulerRuns.py > schedulerRuns.json
"""

import json
import sys
import types
import warnings

warnings.filterwarnings("ignore")

import diffusers
import torch

# One class imports it, nothing that is used here does.
sys.modules["torchsde"] = types.ModuleType("torchsde")
diffusers.utils.logging.set_verbosity_error()
START = [-2.0, -1.0, -0.3, 0.1, 0.7, 1.4, 2.6]
STD = 0.5


def network(kind, x, signal, noise):
    """Exact for data N(0, STD^2)."""
    variance = signal**2 * STD**2 + noise**2
    x0, eps = x * signal * STD**2 / variance, x * noise / variance
    return {"epsilon": eps, "sample": x0, "v_prediction": signal * eps - noise * x0, "flow_prediction": eps - x0}[kind]


def level_at(scheduler, flow, k, t):
    if flow:
        sigma = scheduler.sigmas[k].double()
        return 1 - sigma, sigma
    bars = scheduler.alphas_cumprod.double()
    low = min(int(t), len(bars) - 2)
    ratio = torch.log(bars / (1 - bars)).clamp(min=-100)
    share = float(t) - low
    value = ratio[low] * (1 - share) + ratio[low + 1] * share if share else ratio[low]
    bar = torch.sigmoid(value)
    return bar**0.5, torch.sigmoid(-value) ** 0.5


def run(case, name, config, steps, **arguments):
    scheduler = getattr(diffusers, name)(**config)
    if arguments and "mu" not in arguments:
        scheduler.set_timesteps(**arguments)
    else:
        scheduler.set_timesteps(steps, **arguments)
    calls = [0]

    def noise(shape, **_):
        calls[0] += 1
        return torch.sin(1.7 * (calls[0] - 1) + 0.9 * torch.arange(len(START), dtype=torch.float64) + 0.4).reshape(shape)

    sys.modules[type(scheduler).__module__].randn_tensor = noise
    flow = "FlowMatch" in name or config.get("use_flow_sigmas", False)
    kind = "flow_prediction" if "FlowMatch" in name else config.get("prediction_type", "epsilon")
    x = torch.tensor(START, dtype=torch.float64).reshape(1, 1, 1, -1) * float(getattr(scheduler, "init_noise_sigma", 1.0))
    states = []
    for k, t in enumerate(scheduler.timesteps):
        scaled = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        x = scheduler.step(network(kind, scaled, *level_at(scheduler, flow, k, t)), t, x).prev_sample.double()
        states.append([round(value, 12) for value in x.flatten().tolist()])
    told = [round(float(t), 12) for t in scheduler.timesteps]
    return {"name": case, "scheduler": name, "config": config, "steps": steps, **({"set_timesteps": arguments} if arguments else {}), "timesteps": told, "states": states}


DPM, UNIPC, EULER = "DPMSolverMultistepScheduler", "UniPCMultistepScheduler", "EulerDiscreteScheduler"
COSINE = {"beta_schedule": "squaredcos_cap_v2"}
END = {"final_sigmas_type": "sigma_min"}
FLOW = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
CASES = [
    ("ddpm-leading-5", "DDPMScheduler", {"clip_sample": False, "timestep_spacing": "leading", **COSINE}, 5),
    ("euler-a-leading-5", "EulerAncestralDiscreteScheduler", {"timestep_spacing": "leading"}, 5),
    ("ddim-threshold", "DDIMScheduler", {"thresholding": True, "sample_max_value": 1.6, "dynamic_thresholding_ratio": 0.7, **COSINE}, 6),
    ("ddim-threshold-low", "DDIMScheduler", {"thresholding": True, "sample_max_value": 0.5}, 5),
    ("ddim-offset", "DDIMScheduler", {"steps_offset": 2, "set_alpha_to_one": False, "clip_sample_range": 0.6}, 13),
    ("ddim-linspace-13", "DDIMScheduler", {"timestep_spacing": "linspace", "num_train_timesteps": 100, **COSINE}, 13),
    ("ddim-48", "DDIMScheduler", {"timestep_spacing": "trailing", "clip_sample": False}, 48),
    ("ddpm-13", "DDPMScheduler", {"timestep_spacing": "trailing"}, 13),
    ("ddpm-large-linspace", "DDPMScheduler", {"variance_type": "fixed_large", "timestep_spacing": "trailing", "clip_sample_range": 0.7}, 4),
    ("ddpm-threshold", "DDPMScheduler", {"thresholding": True, "sample_max_value": 1.2, "dynamic_thresholding_ratio": 0.8}, 5),
    ("dpm-threshold", DPM, {"thresholding": True, "sample_max_value": 1.4, "dynamic_thresholding_ratio": 0.8}, 6),
    ("dpm-plain-2", DPM, {"algorithm_type": "dpmsolver", **END}, 7),
    ("dpm-plain-2-heun", DPM, {"algorithm_type": "dpmsolver", "solver_type": "heun", **END}, 7),
    ("dpm-plain-3", DPM, {"algorithm_type": "dpmsolver", "solver_order": 3, **END}, 16),
    ("dpm-plain-threshold", DPM, {"algorithm_type": "dpmsolver", "thresholding": True, "sample_max_value": 1.0, **END}, 7),
    ("sde-plain-1", DPM, {"algorithm_type": "sde-dpmsolver", "solver_order": 1, **END}, 6),
    ("sde-plain-2", DPM, {"algorithm_type": "sde-dpmsolver", **END}, 16),
    ("sde-plain-heun", DPM, {"algorithm_type": "sde-dpmsolver", "solver_type": "heun", **END}, 6),
    ("sde-1", DPM, {"algorithm_type": "sde-dpmsolver++", "solver_order": 1}, 6),
    ("sde-heun", DPM, {"algorithm_type": "sde-dpmsolver++", "solver_type": "heun"}, 16),
    ("sde-3", DPM, {"algorithm_type": "sde-dpmsolver++", "solver_order": 3, "timestep_spacing": "leading", "steps_offset": 1}, 16),
    ("sde-sigma-min-3", DPM, {"algorithm_type": "sde-dpmsolver++", "solver_order": 3, **END}, 16),
    ("dpm-sigma-min-euler", DPM, {"solver_order": 3, "euler_at_final": True, **END}, 16),
    ("dpm-lu-cosine", DPM, {"use_lu_lambdas": True, **COSINE}, 8),
    ("dpm-exponential-sde", DPM, {"use_exponential_sigmas": True, "algorithm_type": "sde-dpmsolver++"}, 8),
    ("dpm-clipped-trailing", DPM, {"lambda_min_clipped": -2.5, "timestep_spacing": "trailing", **COSINE}, 6),
    ("dpm-flow-sigma-min", DPM, {**FLOW, **END, "flow_shift": 2.0}, 6),
    ("dpm-flow-noise", DPM, {"use_flow_sigmas": True, "flow_shift": 2.0}, 6),
    ("dpm-flow-sde-3", DPM, {**FLOW, "algorithm_type": "sde-dpmsolver++", "solver_order": 3, "lower_order_final": False}, 6),
    ("unipc-1", UNIPC, {"solver_order": 1}, 6),
    ("unipc-3-end", UNIPC, {"solver_order": 3, "lower_order_final": False, **END}, 7),
    ("unipc-bh1-end", UNIPC, {"solver_type": "bh1", **END}, 7),
    ("unipc-noise-end", UNIPC, {"predict_x0": False, **END}, 7),
    ("unipc-uncorrected", UNIPC, {"disable_corrector": [0, 2], "thresholding": True, "sample_max_value": 1.0}, 7),
    ("unipc-karras-range", UNIPC, {"use_karras_sigmas": True, "sigma_min": 0.05, "sigma_max": 40.0, **END}, 7),
    ("unipc-flow-karras", UNIPC, {**FLOW, "use_karras_sigmas": True}, 6),
    ("unipc-flow-mu", UNIPC, {**FLOW, "use_dynamic_shifting": True}, 6, {"mu": 0.7}),
    ("unipc-flow-terminal", UNIPC, {**FLOW, "flow_shift": 2.0, "shift_terminal": 0.1, **END}, 6),
    ("euler-log-linear", EULER, {"interpolation_type": "log_linear"}, 6),
    ("euler-log-linear-karras", EULER, {"interpolation_type": "log_linear", "use_karras_sigmas": True, **END}, 6),
    ("euler-sigma-min", EULER, {"timestep_spacing": "leading", "steps_offset": 1, **END}, 6),
    ("euler-karras-range", EULER, {"use_karras_sigmas": True, "sigma_min": 0.1, "sigma_max": 20.0, **COSINE}, 6),
    ("euler-48", EULER, {"timestep_spacing": "trailing"}, 48),
    ("heun-clip-v", "HeunDiscreteScheduler", {"clip_sample": True, "clip_sample_range": 0.7, "prediction_type": "v_prediction"}, 5),
    ("heun-exp", "HeunDiscreteScheduler", {"beta_schedule": "exp", "timestep_spacing": "trailing"}, 5),
    ("flow-euler-beta", "FlowMatchEulerDiscreteScheduler", {"use_beta_sigmas": True, "shift": 2.0}, 6),
    ("flow-euler-1", "FlowMatchEulerDiscreteScheduler", {}, 1),
    ("flow-heun-200", "FlowMatchHeunDiscreteScheduler", {"num_train_timesteps": 200}, 4),
]
# What a setting that the real class cannot take does there.
FAILS = [
    (DPM, {"use_karras_sigmas": True, **COSINE}, 20),
    (UNIPC, {"use_exponential_sigmas": True, **COSINE}, 7),
    (DPM, {"algorithm_type": "dpmsolver"}, 7),
    (DPM, {"algorithm_type": "sde-dpmsolver", "solver_order": 3, **END}, 7),
    (DPM, {**FLOW, "use_karras_sigmas": True}, 5),
    (DPM, {"use_flow_sigmas": True, "use_lu_lambdas": True}, 5),
    (DPM, {"algorithm_type": "dpm"}, 5),
    (DPM, {"solver_type": "rk"}, 5),
    (DPM, {"final_sigmas_type": "one"}, 5),
    (UNIPC, {"solver_type": "bh1"}, 5),
    (UNIPC, {"predict_x0": False}, 5),
    (UNIPC, {"lower_order_final": False}, 5),
    (UNIPC, {"shift_terminal": 0.1}, 5),
    (UNIPC, {**FLOW, "use_dynamic_shifting": True}, 5),
    (EULER, {"use_karras_sigmas": True, "use_beta_sigmas": True}, 5),
    (EULER, {"interpolation_type": "cubic"}, 5),
    ("EulerAncestralDiscreteScheduler", {"prediction_type": "sample"}, 5),
    ("KDPM2DiscreteScheduler", {"prediction_type": "sample"}, 5),
    ("PNDMScheduler", {"prediction_type": "sample"}, 5),
    ("PNDMScheduler", {"beta_schedule": "sigmoid"}, 5),
    ("DDPMScheduler", {"variance_type": "fixed_large_log"}, 5),
    ("DDIMScheduler", {"timestep_spacing": "leading", "steps_offset": 300}, 5),
    ("DDIMScheduler", {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}, 5),
    ("DDIMScheduler", {"trained_betas": [0.1, 0.2, 0.3, 0.4]}, 5),
    ("FlowMatchEulerDiscreteScheduler", {"use_dynamic_shifting": True}, 5),
    ("FlowMatchEulerDiscreteScheduler", {"time_shift_type": "cubic"}, 5),
    ("FlowMatchEulerDiscreteScheduler", {"use_karras_sigmas": True, "use_beta_sigmas": True}, 5),
    ("FlowMatchEulerDiscreteScheduler", {"shift_terminal": 0.1}, 1),
]


def failure(name, config, steps):
    try:
        states = run("", name, config, steps)["states"]
        what = None if torch.isfinite(torch.tensor(states[-1])).all() else "NaN"
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
    return {"scheduler": name, "config": config, "steps": steps, "fails": what}


runs = [run(*case[:4], **(case[4] if len(case) > 4 else {})) for case in CASES]
fails = [failure(*case) for case in FAILS]
print(json.dumps({"diffusers": diffusers.__version__, "torch": torch.__version__.split("+")[0], "dataStd": STD, "start": START, "cases": runs, "fails": fails}, separators=(",", ":")))
