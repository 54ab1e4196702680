"""diffusers' UNet2DModel without attention (src/nn/unet2d.ts, under the same parameter names) in PyTorch, and the main job with it.

    python3 bench/peer/pytorch/small.py sample --batch 100 --steps 10
    python3 bench/peer/pytorch/small.py train --batch 64                    clipped, with a moving average of the weights
    python3 bench/peer/pytorch/small.py tune --data FILE --images 256       one tuning iteration, backpropagation through DPM-Solver++
    python3 bench/peer/pytorch/small.py job --data FILE --train-steps 1000 --iterations 10 --images 192
    python3 bench/peer/pytorch/small.py check FILE                          outputs against those stored in a safetensors file

FILE of --data is what `npm run bench:peer` writes: images of the training and the tuning split, and the weights of the feature network.
"""

import argparse
import json
import math
import time

import torch
from torch import nn
from torch.nn import functional as F

import measuring
import sampling

GROUPS = 8


class Residual(nn.Module):
    def __init__(self, inputs, outputs, embedding, groups):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs, eps=1e-5)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time_emb_proj = nn.Linear(embedding, outputs)
        self.norm2 = nn.GroupNorm(groups, outputs, eps=1e-5)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x, time):
        h = self.conv1(F.silu(self.norm1(x))) + self.time_emb_proj(time)[:, :, None, None]
        return self.conv_shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class Resize(nn.Module):
    """`conv` at stride 2, or after doubling."""

    def __init__(self, channels, up):
        super().__init__()
        self.up = up
        self.conv = nn.Conv2d(channels, channels, 3, stride=1 if up else 2, padding=1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0) if self.up else x)


class Level(nn.Module):
    def __init__(self, residuals, resize_name, resize):
        super().__init__()
        self.resnets = nn.ModuleList(residuals)
        self.resize_name = resize_name
        if resize is not None:
            setattr(self, resize_name, nn.ModuleList([resize]))

    @property
    def resize(self):
        layers = getattr(self, self.resize_name, None)
        return layers[0] if layers is not None else None


class SmallUNet(nn.Module):
    def __init__(self, channels=(16, 32, 64), groups=GROUPS):
        super().__init__()
        self.width = channels[0]
        embedding = 4 * channels[0]
        count = len(channels)
        block = lambda i, o: Residual(i, o, embedding, groups)
        self.conv_in = nn.Conv2d(1, channels[0], 3, padding=1)
        self.time_embedding = nn.ModuleDict(
            {"linear_1": nn.Linear(channels[0], embedding), "linear_2": nn.Linear(embedding, embedding)}
        )
        self.down_blocks = nn.ModuleList()
        for level, outputs in enumerate(channels):
            resize = Resize(outputs, up=False) if level < count - 1 else None
            inputs = channels[max(level - 1, 0)]
            self.down_blocks.append(Level([block(inputs, outputs)], "downsamplers", resize))
        last = channels[-1]
        self.mid_block = Level([block(last, last), block(last, last)], "none", None)
        self.up_blocks = nn.ModuleList()
        upwards = channels[::-1]
        for level, outputs in enumerate(upwards):
            carried = upwards[max(level - 1, 0)]
            joined = upwards[min(level + 1, count - 1)]
            resize = Resize(outputs, up=True) if level < count - 1 else None
            residuals = [block(carried + outputs, outputs), block(outputs + joined, outputs)]
            self.up_blocks.append(Level(residuals, "upsamplers", resize))
        self.conv_norm_out = nn.GroupNorm(groups, channels[0], eps=1e-5)
        self.conv_out = nn.Conv2d(channels[0], 1, 3, padding=1)
        half = self.width // 2
        rates = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half)
        self.register_buffer("rates", rates, persistent=False)

    def embed(self, times):
        angles = times[:, None] * self.rates
        features = torch.cat([angles.cos(), angles.sin()], 1)
        hidden = F.silu(self.time_embedding["linear_1"](features))
        return F.silu(self.time_embedding["linear_2"](hidden))

    def forward(self, x, times):
        time = self.embed(times)
        h = self.conv_in(x)
        shortcuts = [h]
        for level in self.down_blocks:
            h = level.resnets[0](h, time)
            shortcuts.append(h)
            if level.resize is not None:
                h = level.resize(h)
                shortcuts.append(h)
        for residual in self.mid_block.resnets:
            h = residual(h, time)
        for level in self.up_blocks:
            for residual in level.resnets:
                h = residual(torch.cat([h, shortcuts.pop()], 1), time)
            if level.resize is not None:
                h = level.resize(h)
        return self.conv_out(F.silu(self.conv_norm_out(h)))


def predictor(network, form="eager"):
    call = measuring.formed(network, form)
    return lambda x, time: call(x, torch.full((len(x),), float(time)))


class Training:
    """Denoising score matching as the job does it: AdamW, the gradient's norm clipped at 1, a moving average of the weights."""

    def __init__(self, images, batch, rate, warm_up, form="eager"):
        self.images, self.batch, self.rate, self.warm_up = images, batch, rate, warm_up
        self.network, self.averaged = SmallUNet(), SmallUNet()
        self.call = measuring.formed(self.network, form)
        self.averaged.load_state_dict(self.network.state_dict())
        self.averaged.requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), rate)
        self.weights, self.averages = list(self.network.parameters()), list(self.averaged.parameters())
        alpha_bar = sampling.cosine_alpha_bar()
        self.signal, self.noise = alpha_bar.sqrt().float(), (1 - alpha_bar).sqrt().float()
        self.done = 0

    def step(self):
        clean = self.images[torch.randint(len(self.images), (self.batch,))]
        times = torch.randint(sampling.TIMESTEPS, (self.batch,))
        target = torch.randn_like(clean)
        signal, noise = (levels[times][:, None, None, None] for levels in (self.signal, self.noise))
        self.optimizer.param_groups[0]["lr"] = self.rate * min(1, (self.done + 1) / self.warm_up)
        loss = F.mse_loss(self.call(signal * clean + noise * target, times.float()), target)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        self.done += 1
        kept = min(0.995, (self.done + 1) / (self.done + 10))
        with torch.no_grad():
            torch._foreach_mul_(self.averages, kept)
            torch._foreach_add_(self.averages, self.weights, alpha=1 - kept)


class FeatureNetwork(nn.Module):
    """The digit classifier up to its features (src/metrics/classifier.ts)."""

    def __init__(self, tensors):
        super().__init__()
        self.tensors = {name: values for name, values in tensors.items()}

    def forward(self, images):
        layer = lambda name: (self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])
        h = images + 1
        for name in ("conv1", "conv2"):
            weight, bias = layer(name)
            h = F.avg_pool2d(F.silu(F.conv2d(h, weight, bias, padding=weight.shape[-1] // 2)), 2)
        return F.silu(F.linear(h.flatten(1), *layer("features")))


def moments(features):
    features = features.double()
    mean = features.mean(0)
    centred = features - mean
    return mean, centred.T @ centred / (len(features) - 1)


class FrechetDistance:
    def __init__(self, real):
        self.mean, self.covariance = moments(real)
        values, vectors = torch.linalg.eigh(self.covariance)
        self.root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T

    def __call__(self, features):
        mean, covariance = moments(features)
        shared = torch.linalg.eigvalsh(self.root @ covariance @ self.root).clamp(min=1e-12).sqrt().sum()
        shift = (mean - self.mean).square().sum()
        return shift + covariance.trace() + self.covariance.trace() - 2 * shared


class Tuning:
    """Free levels of DPM-Solver++, by the gradient of the Fréchet distance through the whole sampler; the network is frozen."""

    def __init__(self, network, features, distance, images, steps, form="eager"):
        self.predict, self.features, self.distance = predictor(network, form), features, distance
        self.images, self.times = images, sampling.trailing_times(steps)
        self.start = torch.logit(sampling.cosine_alpha_bar()[self.times])

    def value(self, log_snr):
        x = torch.randn(self.images, 1, 16, 16)
        return self.distance(self.features(sampling.dpm_solver(self.predict, x, log_snr, self.times)))

    def gradient(self, log_snr):
        log_snr = log_snr.detach().requires_grad_(True)
        return torch.autograd.grad(self.value(log_snr), log_snr)[0]

    def best_start(self, powers):
        """The best of alphaBar^power as a start, as the job tries them."""
        alpha_bar = torch.sigmoid(self.start)
        with torch.no_grad():
            starts = [torch.logit(alpha_bar**power) for power in powers]
            return min(starts, key=lambda start: float(self.value(start)))

    def run(self, iterations):
        levels = self.best_start([1, 1.3, 1.6, 2]).clone().requires_grad_(True)
        optimizer = torch.optim.Adam([levels], 0.1)
        for _ in range(iterations):
            levels.grad = self.gradient(levels)
            optimizer.step()
        return levels.detach()


def open_data(path):
    tensors, _ = measuring.read_safetensors(path)
    weights = {name[len("features.") :]: values for name, values in tensors.items() if name.startswith("features.")}
    features = FeatureNetwork(weights)
    with torch.no_grad():
        distance = FrechetDistance(features(tensors["tuning"]))
    return tensors["train"], features, distance


def job(flags):
    train_images, features, distance = open_data(flags.data)
    training = Training(train_images, flags.batch, 3e-3, 100, flags.form)
    clocks = lambda: {"wall": time.perf_counter(), "cpu": time.process_time()}
    marks = [clocks()]
    for _ in range(flags.train_steps):
        training.step()
    marks.append(clocks())
    levels = Tuning(training.averaged, features, distance, flags.images, flags.steps, flags.form).run(flags.iterations)
    marks.append(clocks())
    spent = [{clock: after[clock] - before[clock] for clock in after} for before, after in zip(marks, marks[1:])]
    measuring.say(train=spent[0], tune=spent[1], levels=levels.tolist())


def check(path):
    tensors, metadata = measuring.read_safetensors(path)
    config = json.loads(metadata["config"])
    network = SmallUNet(config["block_out_channels"], config["norm_num_groups"])
    weights = {name[len("state.") :]: values for name, values in tensors.items() if name.startswith("state.")}
    measuring.load_weights(network, weights)
    tensors["t"] = tensors["t"].float()
    measuring.say(parameters=measuring.parameter_count(network), **measuring.derivative_errors(network, tensors))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["sample", "train", "tune", "job", "check"])
    parser.add_argument("file", nargs="?")
    parser.add_argument("--data")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--train-steps", type=int, default=1000)
    parser.add_argument("--iterations", type=int, default=10)
    measuring.add_common_flags(parser)
    flags = parser.parse_args()
    measuring.prepare(flags)
    if flags.what == "check":
        return check(flags.file)
    if flags.what == "job":
        return job(flags)
    if flags.what == "train":
        training = Training(torch.randn(1024, 1, 16, 16), flags.batch, 3e-3, 100, flags.form)
        network, action = training.network, training.step
    elif flags.what == "tune":
        _, features, distance = open_data(flags.data)
        network = SmallUNet().requires_grad_(False)
        tuning = Tuning(network, features, distance, flags.images, flags.steps, flags.form)
        action = lambda: tuning.gradient(tuning.start)
    else:
        network = SmallUNet()
        times = sampling.trailing_times(flags.steps)
        log_snr = torch.logit(sampling.cosine_alpha_bar()[times])
        start = lambda: torch.randn(flags.batch, 1, 16, 16)
        predict = predictor(network, flags.form)
        action = torch.no_grad()(lambda: sampling.ddim(predict, start(), log_snr, times))
    measuring.say(parameters=measuring.parameter_count(network), **measuring.timed(action, flags.runs))


if __name__ == "__main__":
    main()
