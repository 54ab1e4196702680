"""The trained model for use: ONNX files in the layout of Optimum, with configurations, tokenizer and the judges.

    python export.py OUT TARGET

TARGET: `model_index.json`, `unet/`, `text_encoder/`, `scheduler/`, `tokenizer/`; `clip/` (both towers, to score captions by); `judge/` (digit, ink and
ground by a classifier). `unet/` and `text_encoder/` hold their safetensors too, so that diffusers and transformers load the folder.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

from exporting import denoise, encode_text, export, image_embeds, judge_logits, text_embeds
from networks import Judge
from words import ids_of


def main() -> None:
    out, target = Path(sys.argv[1]), Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    unet = UNet2DConditionModel.from_pretrained(out / "unet")
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
        ("judge/model.onnx", judge, judge_logits, {"image": images.clamp(-1, 1)}, "logits"),
    ]
    for name, network, call, taken, given in jobs:
        error = export(network, call, taken, given, target / name)
        print(json.dumps({"file": name, "bytes": (target / name).stat().st_size, "difference": error}), flush=True)

    shutil.copy(out / "model_index.json", target)
    shutil.copytree(out / "scheduler", target / "scheduler", dirs_exist_ok=True)
    shutil.copytree(out / "tokenizer", target / "tokenizer", dirs_exist_ok=True)
    for part in ("unet", "text_encoder"):
        for file in (out / part).iterdir():
            shutil.copy(file, target / part)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(out / "tokenizer" / file, target / "clip")
    settings = {"do_resize": True, "size": {"shortest_edge": 16}, "resample": 3, "do_center_crop": True, "crop_size": {"height": 16, "width": 16}}
    settings |= {"do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (target / "clip" / "preprocessor_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    total = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    print(json.dumps({"bytes": total}), flush=True)


if __name__ == "__main__":
    main()
