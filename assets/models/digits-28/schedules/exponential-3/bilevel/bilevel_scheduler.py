"""
BilevelScheduler: a sampling schedule learned by bilevel-diffusion, as a scheduler of diffusers.

    import sys
    from diffusers import DDPMPipeline
    sys.path.insert(0, folder)                 # the folder that holds this file and scheduler_config.json
    from bilevel_scheduler import BilevelScheduler

    pipeline = DDPMPipeline.from_pretrained(model)
    pipeline.scheduler = BilevelScheduler.from_pretrained(folder)
    images = pipeline(batch_size=16, num_inference_steps=pipeline.scheduler.steps).images

Put it in the place of a pipeline's scheduler as above: DDIMPipeline(unet, scheduler) would turn it into DDIM.

Step i goes from level i to level i + 1, noisiest first; a level is ell = log(signal / noise), where x = signal x0 + noise eps. With
h = ell[i+1] - ell[i], stochasticity tau, second-order weight w and omega = w h / (2 (ell[i] - ell[i-1])), which is 0 in the first step:

    x0Hat[i] = clip(prediction of x0 at x, told time times[i])          its noise prediction multiplied by scale[i]
    D  = x0Hat[i] + omega (x0Hat[i] - x0Hat[i-1]) + sum over j < i of history[i][j] (x0Hat[i] - x0Hat[j])
    x <- (noise[i+1]/noise[i]) e^(-tau^2 h) x - signal[i+1] expm1(-(1 + tau^2) h) D + noise[i+1] sqrt(-expm1(-2 tau^2 h)) z
    last step:  x <- clip(x0Hat[i] + output (x0Hat[i] - x0Hat[i-1]))

Where log(signal^2 / noise^2) is below -40, as where flows begin, a scale does nothing: x holds no image to move.

tau, w = 0, 0 is DDIM (Song et al. 2021), 0, 1 DPM-Solver++(2M) (Lu et al. 2022), 1, 0 DDPM (Ho et al. 2020), 1, 1 SDE-DPM-Solver++(2M); the terms
of `history` are those of S4S (arXiv 2502.17423). Needs torch and diffusers, nothing else. License: Apache-2.0.
"""

import math
import shutil
from pathlib import Path

import torch
from diffusers import ConfigMixin, SchedulerMixin
from diffusers.configuration_utils import register_to_config
from diffusers.schedulers.scheduling_utils import SchedulerOutput
from diffusers.utils.torch_utils import randn_tensor

PREDICTIONS = ("epsilon", "sample", "v_prediction", "flow_prediction")
PROCESSES = ("variance_preserving", "flow")
# log(signal^2 / noise^2) below which x holds nothing of the image but rounding.
NO_SIGNAL = -40.0


class BilevelScheduler(SchedulerMixin, ConfigMixin):
    """
    Args, for N steps, noisiest first; None is what changes nothing:
        num_train_timesteps: T of the training schedule.
        levels: log(signal^2 / noise^2), [N], rising.
        times: what the network is told, [N], whole numbers or not.
        process: "variance_preserving" (signal^2 + noise^2 = 1) or "flow" (signal + noise = 1).
        prediction_type: "epsilon", "sample", "v_prediction" (signal eps - noise x0) or "flow_prediction" (eps - x0).
        clip: [low, high] of x0Hat, or None.
        clip_bounds: x0Hat is clipped to [-r, r], [N], in the place of clip.
        clipped_noise: after clipping, "recompute" the noise from the clipped x0Hat, or "keep" it as it was predicted.
        tau: [N - 1], default 0.
        weight: [N - 1], default 1.
        scale: [N], default 1; does nothing where the level is below -40.
        output: one number, default 0.
        history: N - 1 rows, row i of i numbers.
        noise: standard deviation of the noise of each step in the place of what tau gives, [N].
    """

    order = 1

    @register_to_config
    def __init__(
        self,
        num_train_timesteps: int,
        levels: list,
        times: list,
        process: str = "variance_preserving",
        prediction_type: str = "epsilon",
        clip: list | None = None,
        clip_bounds: list | None = None,
        clipped_noise: str = "recompute",
        tau: list | None = None,
        weight: list | None = None,
        scale: list | None = None,
        output: float | None = None,
        history: list | None = None,
        noise: list | None = None,
    ):
        self.steps = len(levels)
        between = self.steps - 1
        for name, given, wanted in (
            ("times", times, self.steps),
            ("clip_bounds", clip_bounds, self.steps),
            ("tau", tau, between),
            ("weight", weight, between),
            ("scale", scale, self.steps),
            ("history", history, between),
            ("noise", noise, self.steps),
        ):
            if given is not None and len(given) != wanted:
                raise ValueError(f"{name} must have {wanted} entries for {self.steps} levels, got {len(given)}")
        for name, given, allowed in (
            ("process", process, PROCESSES),
            ("prediction_type", prediction_type, PREDICTIONS),
            ("clipped_noise", clipped_noise, ("keep", "recompute")),
        ):
            if given not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {given!r}")
        if self.steps == 0 or any(not b > a for a, b in zip(levels, levels[1:])):
            raise ValueError(f"levels must rise strictly, noisiest first, got {list(levels)}")
        # Start noise has standard deviation 1, and x itself is kept between steps.
        self.init_noise_sigma = 1.0
        self.num_inference_steps = None
        self._begin_index = None
        self.set_timesteps()

    def save_pretrained(self, save_directory, push_to_hub: bool = False, **kwargs):
        """Writes the config, and this file beside it, so that a saved pipeline loads with trust_remote_code=True."""
        Path(save_directory).mkdir(parents=True, exist_ok=True)
        copy = Path(save_directory) / "bilevel_scheduler.py"
        if not (copy.exists() and copy.samefile(__file__)):
            shutil.copyfile(__file__, copy)
        super().save_pretrained(save_directory, push_to_hub=push_to_hub, **kwargs)

    def set_timesteps(self, num_inference_steps: int | None = None, device=None):
        """The told times. A learned schedule has a number of steps of its own: any other one is refused."""
        if num_inference_steps not in (None, self.steps):
            raise ValueError(
                f"this schedule was learned for {self.steps} steps, got num_inference_steps={num_inference_steps}; "
                f"pass num_inference_steps={self.steps}"
            )
        times = self.config.times
        whole = all(float(time).is_integer() for time in times)
        self.timesteps = torch.tensor(times, dtype=torch.int64 if whole else torch.float32, device=device)
        self.num_inference_steps = self.steps
        self._step_index = None
        self._begin_index = None
        self._clean = {}

    @property
    def step_index(self):
        return self._step_index

    @property
    def begin_index(self):
        return self._begin_index

    def set_begin_index(self, begin_index: int = 0):
        """Where a loop begins that leaves the noisiest steps out, as image-to-image does."""
        self._begin_index = begin_index

    def scale_model_input(self, sample: torch.Tensor, timestep=None) -> torch.Tensor:
        """The network sees x itself."""
        return sample

    def add_noise(self, original_samples: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """signal x0 + noise eps at the levels of these told times, which must be the schedule's own."""
        if self._step_index is not None:
            steps = [self._step_index] * len(timesteps)
        elif self._begin_index is not None:
            steps = [self._begin_index] * len(timesteps)
        else:
            steps = [self._step_of(time) for time in timesteps]
        shape = (len(steps),) + (1,) * (original_samples.ndim - 1)
        like = {"dtype": original_samples.dtype, "device": original_samples.device}
        signals, noises = (torch.tensor(values, **like).reshape(shape) for values in zip(*map(self._level, steps)))
        return signals * original_samples + noises * noise

    def step(
        self,
        model_output: torch.Tensor,
        timestep,
        sample: torch.Tensor,
        eta: float = 0.0,
        use_clipped_model_output: bool | None = None,
        generator=None,
        return_dict: bool = True,
    ):
        """
        From x at one level to x at the next. `eta` and `use_clipped_model_output` are what DDIMPipeline passes to any scheduler; here the
        schedule says how much noise a step adds (tau) and what becomes of clipped noise.
        """
        if eta or use_clipped_model_output:
            raise ValueError("eta and use_clipped_model_output are decided by the schedule (tau, clipped_noise); leave them out")
        if self._step_index is None:
            self._step_index = self._step_of(timestep) if self._begin_index is None else self._begin_index
        i, config = self._step_index, self.config
        if i >= self.steps:
            raise ValueError(f"all {self.steps} steps were taken; call set_timesteps before the next images")
        channels = sample.shape[1]
        if model_output.shape[1] == 2 * channels:
            # A network that predicts its variance too: the first half is the prediction.
            model_output = model_output[:, :channels]
        exact = torch.float32 if sample.device.type == "mps" else torch.float64
        x = sample.to(exact)
        clean, eps = self._denoised(i, x, model_output.to(exact))
        self._clean[i] = clean
        if i == self.steps - 1:
            x = self._image(i, clean)
            std = 0.0
        else:
            (signal, level), (next_signal, next_level) = self._level(i), self._level(i + 1)
            if config.clipped_noise == "keep":
                x = signal * clean + level * eps
            tau = config.tau[i] if config.tau is not None else 0.0
            h = (config.levels[i + 1] - config.levels[i]) / 2
            D = self._combined(i, clean, h)
            x = (next_level / level) * math.exp(-tau * tau * h) * x - next_signal * math.expm1(-(1 + tau * tau) * h) * D
            std = next_level * math.sqrt(-math.expm1(-2 * tau * tau * h))
        if config.noise is not None:
            std = config.noise[i]
        if std > 0:
            z = randn_tensor(sample.shape, generator=generator, device=sample.device, dtype=sample.dtype)
            x = x + std * z.to(exact)
        if config.history is None:
            self._clean.pop(i - 1, None)
        self._step_index += 1
        x = x.to(sample.dtype)
        if not return_dict:
            return (x,)
        return SchedulerOutput(prev_sample=x)

    def _level(self, i: int):
        """(signal, noise) of step i."""
        level = self.config.levels[i]
        if self.config.process == "flow":
            return 1 / (1 + math.exp(-level / 2)), 1 / (1 + math.exp(level / 2))
        return math.sqrt(1 / (1 + math.exp(-level))), math.sqrt(1 / (1 + math.exp(level)))

    def _step_of(self, time) -> int:
        """The first step at a told time."""
        found = (self.timesteps.to("cpu") == torch.as_tensor(time).to("cpu", self.timesteps.dtype)).nonzero()
        if len(found) == 0:
            raise ValueError(f"{time} is none of the told times {self.timesteps.tolist()}")
        return int(found[0])

    def _denoised(self, i: int, x: torch.Tensor, prediction: torch.Tensor):
        """x0Hat, clipped, and the noise prediction as it was made."""
        signal, noise = self._level(i)
        kind = self.config.prediction_type
        if kind == "epsilon":
            clean, eps = (x - noise * prediction) / signal, prediction
        elif kind == "sample":
            clean, eps = prediction, (x - signal * prediction) / noise
        elif kind == "v_prediction":
            # v = signal eps - noise x0, for levels of any length.
            square = signal * signal + noise * noise
            clean, eps = (signal * x - noise * prediction) / square, (noise * x + signal * prediction) / square
        else:
            # eps - x0, for levels of any sum.
            total = signal + noise
            clean, eps = (x - noise * prediction) / total, (x + signal * prediction) / total
        if self.config.scale is not None and self.config.levels[i] > NO_SIGNAL:
            scale = self.config.scale[i]
            clean, eps = clean + (1 - scale) * (noise / signal) * eps, scale * eps
        return self._clipped(i, clean), eps

    def _clipped(self, i: int, clean: torch.Tensor) -> torch.Tensor:
        if self.config.clip_bounds is not None:
            return clean.clamp(-self.config.clip_bounds[i], self.config.clip_bounds[i])
        return clean if self.config.clip is None else clean.clamp(*self.config.clip)

    def _combined(self, i: int, clean: torch.Tensor, h: float) -> torch.Tensor:
        """D. A loop that began later has no earlier steps to look back at."""
        config, D = self.config, clean
        if i - 1 in self._clean:
            weight = config.weight[i] if config.weight is not None else 1.0
            omega = weight * h / (config.levels[i] - config.levels[i - 1])
            D = D + omega * (clean - self._clean[i - 1])
        for j, factor in enumerate(config.history[i] if config.history is not None else ()):
            if j in self._clean:
                D = D + factor * (clean - self._clean[j])
        return D

    def _image(self, i: int, clean: torch.Tensor) -> torch.Tensor:
        if self.config.output is None or i - 1 not in self._clean:
            return clean
        return self._clipped(i, clean + self.config.output * (clean - self._clean[i - 1]))

    def __len__(self):
        return self.config.num_train_timesteps
