"""A small untrained text-to-image pipeline with torch's own numbers, for the tests of `src/jobs/opening`.

    python pipelineVectors.py TOKENIZER FOLDER

FOLDER: `model_index.json`, `unet/model.onnx`, `text_encoder/model.onnx`, `scheduler/`, and `vectors.json`: what real diffusers and transformers make of
two prompts by guided DDIM, from given noise, in a loop of their own classes.
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from exporting import denoise, encode_text, export
from networks import make_schedule
from train import write_index
from words import ids_of

PROMPTS = ["a red three on blue", "the number 7, white on black"]
SCALE = 2.5
STEPS = 4


def make_unet(width: int) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=3,
        out_channels=3,
        block_out_channels=(8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=2,
        cross_attention_dim=width,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        mid_block_type=None,
    )


def main() -> None:
    tokenizer = CLIPTokenizer.from_pretrained(sys.argv[1])
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(3)
    config = CLIPTextConfig(
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        vocab_size=len(tokenizer),
        max_position_embeddings=tokenizer.model_max_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    encoder, unet = CLIPTextModel(config).eval(), make_unet(8).eval()
    with torch.no_grad():
        for value in [*unet.parameters(), *encoder.parameters()]:
            if value.dim() > 1:
                value.mul_(2)
    ids = ids_of(tokenizer, [*PROMPTS, ""])
    scheduler = DDIMScheduler.from_config(make_schedule().config)
    scheduler.set_timesteps(STEPS)
    noise = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        told = encoder(input_ids=ids).last_hidden_state
        first = unet(noise, torch.tensor(500), told[:2]).sample
        images = noise
        for timestep in scheduler.timesteps:
            towards = unet(images, timestep, told[:2]).sample
            without = unet(images, timestep, told[2:].expand(2, -1, -1)).sample
            images = scheduler.step(without + SCALE * (towards - without), timestep, images).prev_sample
    taken = {"sample": noise, "timestep": torch.tensor([700, 30]), "encoder_hidden_states": told[:2]}
    export(unet, denoise, taken, "out_sample", folder / "unet" / "model.onnx")
    export(encoder, encode_text, {"input_ids": ids[:2]}, "last_hidden_state", folder / "text_encoder" / "model.onnx")
    make_schedule().save_pretrained(folder / "scheduler")
    write_index(folder)

    def rounded(values):
        return [float(f"{value:.7g}") for value in values.detach().flatten().tolist()]

    vectors = {"prompts": PROMPTS, "scale": SCALE, "steps": STEPS, "shape": list(noise.shape), "time": 500}
    vectors |= {"noise": rounded(noise), "prediction": rounded(first), "images": rounded(images)}
    (folder / "vectors.json").write_text(json.dumps(vectors, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
