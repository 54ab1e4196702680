"""CLIP scores and their derivatives by torch, for the tests of `src/rewards/clip`.

    python clipVectors.py TOKENIZER FOLDER

Writes small untrained towers into FOLDER, as people have them (`vision_model.onnx`, `text_model.onnx`, `preprocessor_config.json`), with the numbers
of transformers' own CLIPModel in FOLDER/vectors.json: images in [-1, 1], larger than the tower's and not square, resized by torch's antialiased bicubic
interpolation, cut to [0, 1] as the bytes of the processor are, cropped and normalised; cosines with every prompt and d(cosine)/d(image).
"""

import json
import sys
from pathlib import Path

import torch
from torch.nn import functional
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

from exporting import export, image_embeds, text_embeds
from words import ids_of

MEAN = [0.48145466, 0.4578275, 0.40821073]
DEVIATION = [0.26862954, 0.26130258, 0.27577711]
SIZE = 12
PROMPTS = ["a red three on blue", "", "the number 7, white on black", "a red three on blue " * 4]


def make(tokenizer: CLIPTokenizer) -> CLIPModel:
    torch.manual_seed(21)
    shared = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = CLIPTextConfig(
        **shared,
        vocab_size=len(tokenizer),
        max_position_embeddings=tokenizer.model_max_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    vision = CLIPVisionConfig(**shared, image_size=SIZE, patch_size=4)
    clip = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).eval()
    with torch.no_grad():
        for value in clip.parameters():
            if value.dim() > 1:
                value.mul_(4)
    return clip


def processed(images):
    """[n, 3, h, w] in [-1, 1] as CLIP's processor has it, without rounding to bytes."""
    height, width = images.shape[2:]
    short = min(height, width)
    sides = (SIZE * height // short, SIZE * width // short)
    pixels = functional.interpolate((images + 1) / 2, sides, mode="bicubic", antialias=True).clamp(0, 1)
    top, left = (sides[0] - SIZE) // 2, (sides[1] - SIZE) // 2
    pixels = pixels[:, :, top : top + SIZE, left : left + SIZE]
    return (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]


def main() -> None:
    tokenizer = CLIPTokenizer.from_pretrained(sys.argv[1])
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    clip = make(tokenizer)
    ids = ids_of(tokenizer, PROMPTS)
    random = torch.Generator().manual_seed(5)
    images = (torch.rand(3, 3, 18, 25, generator=random) * 2 - 1).requires_grad_()
    image = functional.normalize(image_embeds(clip, processed(images)), dim=-1)
    text = functional.normalize(text_embeds(clip, ids), dim=-1)
    own = clip(input_ids=ids, pixel_values=processed(images))
    cosine = image @ text.T
    assert torch.allclose(own.logits_per_image / clip.logit_scale.exp(), cosine, atol=1e-5)
    gradients = [torch.autograd.grad(cosine[i, i], images, retain_graph=True)[0][i] for i in range(len(images))]

    for name, embed, example, taken, given in [
        ("vision_model", image_embeds, processed(images).detach(), "pixel_values", "image_embeds"),
        ("text_model", text_embeds, ids, "input_ids", "text_embeds"),
    ]:
        export(clip, embed, {taken: example}, given, folder / f"{name}.onnx")
    settings = {
        "crop_size": {"height": SIZE, "width": SIZE},
        "do_center_crop": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": MEAN,
        "image_std": DEVIATION,
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"shortest_edge": SIZE},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=2) + "\n")

    def rounded(values):
        return [float(f"{value:.7g}") for value in values.detach().flatten().tolist()]

    vectors = {
        "prompts": PROMPTS,
        "shape": list(images.shape),
        "images": rounded(images),
        "embeds": rounded(image),
        "cosine": rounded(cosine),
        "gradient": rounded(torch.stack(gradients)),
    }
    (folder / "vectors.json").write_text(json.dumps(vectors, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
