"""The bilevel paper's UNet (src/nn/shuffleUnet.ts, under the same parameter names) in PyTorch: sampling and training steps.

    python3 bench/peer/pytorch/paper.py sample --base 64 --batch 64 --steps 20
    python3 bench/peer/pytorch/paper.py train --base 64 --batch 64
    python3 bench/peer/pytorch/paper.py published --base 64 [--logging]     the published upper iteration
    python3 bench/peer/pytorch/paper.py check FILE                          outputs against those stored in a safetensors file
"""

import argparse
import json

import torch
from torch import nn
from torch.nn import functional as F

import measuring
import sampling

TIME_WIDTH = 256


def conv_norm(inputs, outputs, kernel=1, stride=1, groups=1):
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)
    return [convolution, nn.BatchNorm2d(outputs)]


class Activated(nn.Module):
    """Convolution, batch norm, SiLU; the published names have them under `module`."""

    def __init__(self, inputs, outputs, kernel=1):
        super().__init__()
        self.module = nn.Sequential(*conv_norm(inputs, outputs, kernel), nn.SiLU(inplace=True))

    def forward(self, x):
        return self.module(x)


class Bottleneck(nn.Module):
    def __init__(self, inputs, outputs, down=False):
        super().__init__()
        self.down = down
        stride = 2 if down else 1
        width = inputs if down else inputs // 2
        middle = outputs // 2 if down else inputs // 2
        self.branch1 = nn.Sequential(*conv_norm(width, width, 3, stride, width), Activated(width, outputs // 2))
        self.branch2 = nn.Sequential(
            Activated(width, middle),
            *conv_norm(middle, middle, 3, stride, middle),
            Activated(middle, outputs // 2),
        )

    def forward(self, x):
        one, two = (x, x) if self.down else x.chunk(2, 1)
        # Halves side by side on an axis of their own, flattened: the channels interleaved.
        return torch.stack([self.branch1(one), self.branch2(two)], 2).flatten(1, 2)


def bottlenecks(*channels):
    return nn.Sequential(*[Bottleneck(i, o) for i, o in zip(channels, channels[1:])])


class TimePerceptron(nn.Module):
    def __init__(self, embedding, hidden, channels):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(embedding, hidden), nn.SiLU(), nn.Linear(hidden, channels))

    def forward(self, x, time):
        return F.silu(x + self.mlp(time)[:, :, None, None])


class EncoderBlock(nn.Module):
    def __init__(self, inputs, outputs, embedding):
        super().__init__()
        self.conv0 = bottlenecks(inputs, inputs, inputs, inputs, outputs // 2)
        self.time_mlp = TimePerceptron(embedding, outputs, outputs // 2)
        self.conv1 = Bottleneck(outputs // 2, outputs, down=True)

    def forward(self, x, time):
        shortcut = self.conv0(x)
        return self.conv1(self.time_mlp(shortcut, time)), shortcut


class DecoderBlock(nn.Module):
    def __init__(self, inputs, outputs, embedding):
        super().__init__()
        self.conv0 = bottlenecks(inputs, inputs, inputs, inputs, inputs // 2)
        self.time_mlp = TimePerceptron(embedding, inputs, inputs // 2)
        self.conv1 = Bottleneck(inputs // 2, outputs // 2)

    def forward(self, x, shortcut, time):
        doubled = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return self.conv1(self.time_mlp(self.conv0(torch.cat([doubled, shortcut], 1)), time))


class PaperUNet(nn.Module):
    def __init__(self, base, multiples=(2, 4), timesteps=sampling.TIMESTEPS, embedding=TIME_WIDTH):
        super().__init__()
        channels = [base] + [base * factor for factor in multiples]
        levels = list(zip(channels, channels[1:]))
        last = channels[-1]
        self.init_conv = Activated(1, base, 3)
        self.time_embedding = nn.Embedding(timesteps, embedding)
        self.encoder_blocks = nn.ModuleList([EncoderBlock(i, o, embedding) for i, o in levels])
        self.mid_block = bottlenecks(last, last, last, last // 2)
        self.decoder_blocks = nn.ModuleList([DecoderBlock(o, i, embedding) for i, o in reversed(levels)])
        self.final_conv = nn.Conv2d(base // 2, 1, 1)

    def forward(self, x, time):
        time = self.time_embedding(time)
        x = self.init_conv(x)
        shortcuts = []
        for block in self.encoder_blocks:
            x, shortcut = block(x, time)
            shortcuts.append(shortcut)
        x = self.mid_block(x)
        for block in self.decoder_blocks:
            x = block(x, shortcuts.pop(), time)
        return self.final_conv(x)


class Loop:
    """The published training loop: AdamW, neither clipping nor an average."""

    def __init__(self, network, batch, size, form="eager"):
        self.network, self.batch = network, batch
        self.call = measuring.formed(network, form)
        self.images = torch.randn(1024, 1, size, size)
        self.optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
        alpha_bar = sampling.cosine_alpha_bar()
        self.signal, self.noise = alpha_bar.sqrt().float(), (1 - alpha_bar).sqrt().float()

    def step(self):
        self.network.train()
        clean = self.images[torch.randint(len(self.images), (self.batch,))]
        times = torch.randint(sampling.TIMESTEPS, (self.batch,))
        target = torch.randn_like(clean)
        signal, noise = (levels[times][:, None, None, None] for levels in (self.signal, self.noise))
        loss = F.mse_loss(self.call(signal * clean + noise * target, times), target)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()


@torch.no_grad()
def sample(loop, images, size, steps):
    loop.network.eval()
    times = sampling.trailing_times(steps)
    log_snr = torch.logit(sampling.cosine_alpha_bar()[times])
    predict = lambda x, time: loop.call(x, torch.full((images,), time))
    return sampling.ddim(predict, torch.randn(images, 1, size, size), log_snr, times)


def published(loop, size, logging):
    """One upper iteration as published: 10 training steps of 128; for each of the two twins a two-point estimate from 2 x 50 steps of 36
    images and one more training step, with --logging also the samples it draws to show a distance (1000 and 100 steps)."""
    for _ in range(10):
        loop.step()
    for shown in (1000, 100):
        for steps in ([shown] if logging else []) + [50, 50]:
            sample(loop, 36, size, steps)
        loop.step()


def check(path):
    tensors, metadata = measuring.read_safetensors(path)
    config = json.loads(metadata["config"])
    network = PaperUNet(config["base_dim"], config["dim_mults"], config["timesteps"], config["time_embedding_dim"])
    weights = {name[len("state.") :]: values for name, values in tensors.items() if name.startswith("state.")}
    measuring.load_weights(network, weights)
    network.eval()
    measuring.say(parameters=measuring.parameter_count(network), **measuring.derivative_errors(network, tensors))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["sample", "train", "published", "check"])
    parser.add_argument("file", nargs="?")
    parser.add_argument("--base", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=28)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--logging", action="store_true")
    measuring.add_common_flags(parser)
    flags = parser.parse_args()
    measuring.prepare(flags)
    if flags.what == "check":
        return check(flags.file)
    network = PaperUNet(flags.base)
    batch = 128 if flags.what == "published" else flags.batch
    loop = Loop(network, batch, flags.size, flags.form)
    action = {
        "sample": lambda: sample(loop, flags.batch, flags.size, flags.steps),
        "train": loop.step,
        "published": lambda: published(loop, flags.size, flags.logging),
    }[flags.what]
    # Minutes long: one step warms up what there is to warm.
    warm_up = loop.step if flags.what == "published" else None
    measuring.say(parameters=measuring.parameter_count(network), **measuring.timed(action, flags.runs, warm_up))


if __name__ == "__main__":
    main()
