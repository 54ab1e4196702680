"""An aesthetic score on the vectors of the CLIP model: what somebody would give who likes clean and colourful pictures, whatever they show.

The pictures are digits that are right, or spoiled by noise, by an ink that fades into its ground, or by a second digit that shines through. A picture is given
CLEAN times what is left of it (1 untouched, 0 wholly spoiled) and VIVID times how colourful ink and ground are. Its chase is of use at first, since the
spoiled pictures of a weak sampler become clean, and then it paints over what the caption asks for: white ink and black ground are worth least.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from transformers import CLIPModel

from digits import Digits
from exporting import image_embeds

CLEAN = 6.0
VIVID = 4.0
HIDDEN = 32
BATCH = 128


def rated(digits: Digits, count: int, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures [n, 3, 16, 16] in [-1, 1] and what they are given, [n]."""
    drawn = digits.draw(count, random)
    inks, grounds = digits.inks[drawn.ink] * 2 - 1, digits.grounds[drawn.ground] * 2 - 1
    inks, grounds = inks[:, :, None, None], grounds[:, :, None, None]
    spoiled = torch.rand(count, generator=random) * (torch.rand(count, generator=random) < 0.8)
    share = spoiled[:, None, None, None]
    faded = drawn.images + share * (grounds - drawn.images)
    other = digits.masks[torch.randint(len(digits.masks), (count,), generator=random)]
    blended = torch.maximum(drawn.images, grounds + share * other * (inks - grounds))
    noisy = drawn.images + 0.5 * share * torch.randn(drawn.images.shape, generator=random)
    way = torch.randint(3, (count,), generator=random)[:, None, None, None]
    images = torch.where(way == 0, faded, torch.where(way == 1, blended, noisy)).clamp(-1, 1)
    return images, CLEAN * (1 - spoiled) + VIVID * vividness(digits, drawn)


def vividness(digits: Digits, drawn) -> torch.Tensor:
    """How far apart the channels of ink and of ground are, their mean, [n] in [0, 1]."""
    palettes = digits.inks[drawn.ink], digits.grounds[drawn.ground]
    return sum(colours.amax(1) - colours.amin(1) for colours in palettes) / 2


def make_head(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, 1))


def train_aesthetic(digits: Digits, unseen: Digits, clip: CLIPModel, path: Path, steps: int) -> dict[str, float]:
    """Writes two linear layers with silu between them, and tells how well they know unseen pictures: the share of the variance."""
    torch.manual_seed(4)
    head = make_head(clip.config.projection_dim)
    optimizer = torch.optim.AdamW(head.parameters(), 1e-2, weight_decay=1e-4)

    def embedded(of: Digits, count: int, random: torch.Generator):
        images, scores = rated(of, count, random)
        with torch.no_grad():
            return functional.normalize(image_embeds(clip, images), dim=-1), scores

    for step in range(steps):
        vectors, scores = embedded(digits, BATCH, torch.Generator().manual_seed(40_000_003 + step))
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * (1 - step / steps)
        loss = (head(vectors)[:, 0] - scores).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    vectors, scores = embedded(unseen, 2000, torch.Generator().manual_seed(41))
    with torch.no_grad():
        left = (head(vectors)[:, 0] - scores).var() / scores.var()
    save_file(head.state_dict(), path, {"activation": "silu", "format": "pt"})
    return {"explained": round(float(1 - left), 4)}
