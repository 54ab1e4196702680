"""Noise schedule and samplers of the PyTorch programs: cosine schedule, DDIM, DPM-Solver++(2M), as in src/diffusion/."""

import math

import torch

TIMESTEPS = 1000
MOST_BETA = 0.999


def cosine_alpha_bar(timesteps=TIMESTEPS, offset=0.008):
    """alphaBar of Nichol and Dhariwal (2021), float64 [T]."""
    ends = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
    curve = torch.cos((ends + offset) / (1 + offset) * math.pi / 2) ** 2
    betas = (1 - curve[1:] / curve[:-1]).clamp(max=MOST_BETA)
    return torch.cumprod(1 - betas, 0)


def trailing_times(steps, timesteps=TIMESTEPS):
    """T - 1, T - 1 - T/N, ..., noisiest first."""
    return [round(timesteps - k * timesteps / steps) - 1 for k in range(steps)]


def clean_image(x, prediction, signal, noise):
    return ((x - noise * prediction) / signal).clamp(-1, 1)


def ddim(predict, x, log_snr, times):
    """Deterministic DDIM; the predicted noise is kept after clipping. `predict(x, time)`; log_snr float64 [N]."""
    signals = torch.sigmoid(log_snr).sqrt().tolist()
    noises = torch.sigmoid(-log_snr).sqrt().tolist()
    for k, time in enumerate(times):
        prediction = predict(x, time)
        clean = clean_image(x, prediction, signals[k], noises[k])
        if k + 1 == len(times):
            return clean
        x = signals[k + 1] * clean + noises[k + 1] * prediction


def dpm_solver(predict, x, log_snr, times):
    """DPM-Solver++(2M). Differentiable in log_snr, float64 [N]: the scalars are tensors, images stay float32."""
    signal, noise = torch.sigmoid(log_snr).sqrt(), torch.sigmoid(-log_snr).sqrt()
    half = log_snr / 2
    before = None
    for k, time in enumerate(times):
        clean = clean_image(x, predict(x, time), signal[k].float(), noise[k].float())
        if k + 1 == len(times):
            return clean
        step = half[k + 1] - half[k]
        direction = clean
        if before is not None:
            slope = (step / (2 * (half[k] - half[k - 1]))).float()
            direction = torch.lerp(clean, before, -slope)
        gain = (-signal[k + 1] * torch.expm1(-step)).float()
        x = (noise[k + 1] / noise[k]).float() * x + gain * direction
        before = clean
