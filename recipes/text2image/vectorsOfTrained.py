"""What real diffusers and transformers make of the trained model, for the tests of the shipped folder.

    python vectorsOfTrained.py FOLDER VECTORS.json

Each part is loaded by its own class; two prompts, guided DDIM from given noise, in a loop of their classes; both towers' cosine with their prompts.
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch.nn import functional
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from exporting import image_embeds, text_embeds
from words import ids_of

PROMPTS = ["a red three on blue", "the number 7, white on black"]
SCALE = 1.5
STEPS = 5


def main() -> None:
    folder = Path(sys.argv[1])
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    encoder = CLIPTextModel.from_pretrained(folder / "text_encoder").eval()
    unet = UNet2DConditionModel.from_pretrained(folder / "unet").eval()
    clip = CLIPModel.from_pretrained(folder / "clip").eval()
    scheduler = DDIMScheduler.from_pretrained(folder / "scheduler")
    scheduler.set_timesteps(STEPS)
    ids = ids_of(tokenizer, [*PROMPTS, ""])
    noise = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        told = encoder(input_ids=ids).last_hidden_state
        images = noise
        for timestep in scheduler.timesteps:
            towards = unet(images, timestep, told[:2]).sample
            without = unet(images, timestep, told[2:].expand(2, -1, -1)).sample
            images = scheduler.step(without + SCALE * (towards - without), timestep, images).prev_sample
        image = functional.normalize(image_embeds(clip, images), dim=-1)
        text = functional.normalize(text_embeds(clip, ids[:2]), dim=-1)

    def rounded(values):
        return [float(f"{value:.6g}") for value in values.flatten().tolist()]

    vectors = {"prompts": PROMPTS, "scale": SCALE, "steps": STEPS, "shape": list(noise.shape)}
    vectors |= {"noise": rounded(noise), "images": rounded(images), "cosine": rounded((image * text).sum(1))}
    Path(sys.argv[2]).write_text(json.dumps(vectors, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
