"""Writes test/gold/diffusers.safetensors from diffusers' own UNet2DModel: python test/gold/unetsOfDiffusers.py test/gold/diffusers.safetensors"""
import sys
import tempfile

import torch
from diffusers import UNet2DModel
from diffusers.training_utils import EMAModel
from safetensors.torch import save_file

BASE = dict(
    sample_size=8,
    in_channels=1,
    out_channels=1,
    block_out_channels=(4, 8),
    layers_per_block=1,
    norm_num_groups=2,
    attention_head_dim=4,
    down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"),
)
PLAIN = dict(down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"))
ONE_LEVEL = dict(block_out_channels=(4,), down_block_types=("AttnDownBlock2D",), up_block_types=("AttnUpBlock2D",))
CASES = {
    "classes": dict(num_class_embeds=3, dropout=0.1),
    "variance": dict(in_channels=3, out_channels=6, sample_size=(4, 8), add_attention=False, num_train_timesteps=1000, **PLAIN),
    "averaged": dict(time_embedding_dim=12, attention_head_dim=None, **ONE_LEVEL),
}


def saved(network, averaged):
    folder = tempfile.mkdtemp()
    if not averaged:
        network.save_pretrained(folder)
        return folder
    average = EMAModel(
        network.parameters(), decay=0.9, use_ema_warmup=True, model_cls=UNet2DModel, model_config=network.config
    )
    average.step(network.parameters())
    average.save_pretrained(folder)
    return folder


@torch.no_grad()
def main(path):
    tensors, configs = {}, {}
    for name, changes in CASES.items():
        torch.manual_seed(7)
        network = UNet2DModel(**{**BASE, **changes}).eval()
        for p in network.parameters():
            p.copy_(torch.randn_like(p) * (0.5 if p.ndim > 1 else 0.7) + (0.3 if p.ndim == 1 else 0))
        folder = saved(network, name == "averaged")
        configs[name] = open(f"{folder}/config.json").read()
        network = UNet2DModel.from_pretrained(folder).eval()
        for p in network.parameters():
            p.copy_(p.half())
        for key, value in network.state_dict().items():
            tensors[f"{name}.state.{key}"] = value.half()
        rows = network.config.num_class_embeds or 2
        size = network.config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        x = torch.randn(rows, network.config.in_channels, height, width)
        t = torch.linspace(3, 990, rows).round()
        given = {"class_labels": torch.arange(rows)} if network.config.num_class_embeds else {}
        tensors |= {f"{name}.x": x, f"{name}.t": t, f"{name}.out": network(x, t, **given).sample}
        if given:
            tensors[f"{name}.condition"] = given["class_labels"]
    save_file({key: value.contiguous() for key, value in tensors.items()}, path, metadata=configs)


main(sys.argv[1])
