"""How often the images follow their captions, by the judge."""

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel

from digits import DIGIT_NAMES, FULL_FORMS, GROUNDS, INKS, Drawn, captions_of
from networks import Judge, make_schedule, read


def captions_to_follow(count: int, random: torch.Generator) -> tuple[Drawn, list[str]]:
    """Captions that say everything, every digit equally often."""
    digit = torch.arange(count) % len(DIGIT_NAMES)
    ink = torch.randint(len(INKS), (count,), generator=random)
    ground = torch.randint(len(GROUNDS), (count,), generator=random)
    wanted = Drawn(torch.empty(0), digit, ink, ground)
    return wanted, captions_of(wanted, torch.randint(FULL_FORMS, (count,), generator=random))


@torch.no_grad()
def sample(unet: UNet2DConditionModel, text: torch.Tensor, empty: torch.Tensor, scale: float, steps: int, random: torch.Generator):
    """DDIM with classifier-free guidance against the empty caption: [n, 16, width] to [n, 3, 16, 16]."""
    scheduler = DDIMScheduler.from_config(make_schedule().config)
    scheduler.set_timesteps(steps)
    both = torch.cat([empty.expand_as(text), text])
    images = torch.randn(len(text), unet.config.in_channels, unet.config.sample_size, unet.config.sample_size, generator=random)
    for timestep in scheduler.timesteps:
        without, told = unet(torch.cat([images, images]), timestep, both).sample.chunk(2)
        images = scheduler.step(without + scale * (told - without), timestep, images).prev_sample
    return images


@torch.no_grad()
def followed(images: torch.Tensor, wanted: Drawn, judge: Judge) -> dict[str, float]:
    digit, ink, ground = (seen == said for seen, said in zip(read(judge(images)), (wanted.digit, wanted.ink, wanted.ground)))
    parts = {"digit": digit, "ink": ink, "ground": ground, "all": digit & ink & ground}
    return {name: round(float(right.float().mean()), 4) for name, right in parts.items()}
