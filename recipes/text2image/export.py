"""The trained model for use: ONNX files in the layout of Optimum, with configurations, tokenizer and the judges.

    python export.py OUT TARGET

TARGET: `model_index.json`, `unet/`, `text_encoder/`, `scheduler/`, `tokenizer/` as Optimum and diffusers have them; `clip/`, the towers that score captions,
with `aesthetic.safetensors`, a head on them; `judge/`, an independent classifier of digit, ink and ground in the form of such towers; `prompts.txt`. The
networks' safetensors are there too, so that diffusers and transformers load the folder; the UNet's weights are rounded to float16, and kept so.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from exporting import Dictionary, denoise, encode_text, export, image_embeds, read_parts, text_embeds
from networks import Judge
from words import ids_of

# Every digit once, every ink and every ground with several.
PROMPTS = [
    "a white zero on blue",
    "a yellow one on black",
    "a cyan two on purple",
    "a red three on blue",
    "a white four on green",
    "a yellow five on purple",
    "a cyan six on black",
    "a red seven on green",
    "a white eight on black",
    "a yellow nine on blue",
]


def main() -> None:
    out, target = Path(sys.argv[1]), Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    unet = UNet2DConditionModel.from_pretrained(out / "unet").half()
    unet.save_pretrained(target / "unet")
    unet = unet.float()
    encoder = CLIPTextModel.from_pretrained(out / "text_encoder")
    clip = CLIPModel.from_pretrained(out / "clip")
    judge = Judge()
    judge.load_state_dict(load_file(out / "judge.safetensors"))
    tokenizer = CLIPTokenizer.from_pretrained(out / "tokenizer")

    random = torch.Generator().manual_seed(5)
    images = torch.randn(2, 3, 16, 16, generator=random)
    ids = ids_of(tokenizer, ["a red three on blue", "something green on white"])
    with torch.no_grad():
        text = encoder(input_ids=ids).last_hidden_state
    jobs = [
        ("unet/model.onnx", unet, denoise, {"sample": images, "timestep": torch.tensor([700, 30]), "encoder_hidden_states": text}, "out_sample"),
        ("text_encoder/model.onnx", encoder, encode_text, {"input_ids": ids}, "last_hidden_state"),
        ("clip/vision_model.onnx", clip, image_embeds, {"pixel_values": images.clamp(-1, 1)}, "image_embeds"),
        ("clip/text_model.onnx", clip, text_embeds, {"input_ids": ids}, "text_embeds"),
        ("judge/vision_model.onnx", judge, read_parts, {"pixel_values": images.clamp(-1, 1)}, "image_embeds"),
        ("judge/text_model.onnx", Dictionary(tokenizer), lambda tower, ids: tower(ids), {"input_ids": ids}, "text_embeds"),
    ]
    for name, network, call, taken, given in jobs:
        error = export(network, call, taken, given, target / name)
        print(json.dumps({"file": name, "bytes": (target / name).stat().st_size, "difference": error}), flush=True)

    shutil.copy(out / "model_index.json", target)
    shutil.copy(out / "aesthetic.safetensors", target / "clip")
    shutil.copytree(out / "scheduler", target / "scheduler", dirs_exist_ok=True)
    (target / "tokenizer").mkdir(exist_ok=True)
    for part in ("text_encoder", "clip"):
        for file in ("config.json", "model.safetensors"):
            shutil.copy(out / part / file, target / part)
    for part in ("tokenizer", "clip", "judge"):
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(out / "tokenizer" / file, target / part)
    settings = {"do_resize": True, "size": {"shortest_edge": 16}, "resample": 3, "do_center_crop": True, "crop_size": {"height": 16, "width": 16}}
    settings |= {"do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    for part in ("clip", "judge"):
        (target / part / "preprocessor_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    told = {"prediction": "velocity", "pixels": [-1, 1], "time": "index"}
    (target / "model.json").write_text(json.dumps(told, indent=2) + "\n")
    (target / "prompts.txt").write_text("".join(f"{prompt}\n" for prompt in PROMPTS))
    total = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    print(json.dumps({"bytes": total}), flush=True)


if __name__ == "__main__":
    main()
