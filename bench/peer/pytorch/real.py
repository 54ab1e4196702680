"""A network of a real size in diffusers' own class: the architecture of google/ddpm-cifar10-32, 35.7 million parameters, random weights.

    python3 bench/peer/pytorch/real.py forward --batch 8
    python3 bench/peer/pytorch/real.py derivative --batch 8        forward, and back to x
    python3 bench/peer/pytorch/real.py train --batch 8             AdamW, neither clipping nor an average
    python3 bench/peer/pytorch/real.py check FILE                  outputs and derivatives against those stored in a safetensors file
"""

import argparse
import json

import torch
from diffusers import UNet2DModel
from torch.nn import functional as F

import measuring
import sampling

CONFIG = {
    "sample_size": 32,
    "in_channels": 3,
    "out_channels": 3,
    "layers_per_block": 2,
    "block_out_channels": [128, 256, 256, 256],
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
    "downsample_padding": 0,
    "attention_head_dim": None,
    "norm_num_groups": 32,
    "norm_eps": 1e-6,
    "flip_sin_to_cos": False,
    "freq_shift": 1,
}


def network_of(config):
    """Its answer without the wrapper, as everything else here is called."""
    network = UNet2DModel(**config)
    plain = network.forward
    network.forward = lambda x, time: plain(x, time, return_dict=False)[0]
    return network


def check(path):
    tensors, metadata = measuring.read_safetensors(path)
    network = network_of({key: value for key, value in json.loads(metadata["config"]).items() if key in CONFIG})
    weights = {name[len("state.") :]: values for name, values in tensors.items() if name.startswith("state.")}
    measuring.load_weights(network, weights)
    network.eval()
    measuring.say(parameters=measuring.parameter_count(network), **measuring.derivative_errors(network, tensors))


def training_step(network, call, batch):
    optimizer = torch.optim.AdamW(network.parameters(), 1e-4)
    alpha_bar = sampling.cosine_alpha_bar()
    signal, noise = alpha_bar.sqrt().float(), (1 - alpha_bar).sqrt().float()
    images = torch.randn(64, 3, 32, 32)

    def step():
        clean = images[torch.randint(len(images), (batch,))]
        times = torch.randint(sampling.TIMESTEPS, (batch,))
        target = torch.randn_like(clean)
        scale = lambda levels: levels[times][:, None, None, None]
        loss = F.mse_loss(call(scale(signal) * clean + scale(noise) * target, times), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["forward", "derivative", "train", "check"])
    parser.add_argument("file", nargs="?")
    parser.add_argument("--batch", type=int, default=8)
    measuring.add_common_flags(parser)
    flags = parser.parse_args()
    measuring.prepare(flags)
    if flags.what == "check":
        return check(flags.file)
    network = network_of(CONFIG)
    call = measuring.formed(network, flags.form)
    x = torch.randn(flags.batch, 3, 32, 32)
    time = torch.full((flags.batch,), 421)
    if flags.what == "train":
        action = training_step(network.train(), call, flags.batch)
    else:
        network.eval().requires_grad_(False)
        action = measuring.call_action(flags.what, call, x, time)
    measuring.say(parameters=measuring.parameter_count(network), **measuring.timed(action, flags.runs))


if __name__ == "__main__":
    main()
