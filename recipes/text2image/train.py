"""A small, real text-to-image model: captioned coloured digits, 16x16, in the layout of Stable Diffusion, by diffusers and transformers.

    python train.py FOLDER_OF_MNIST OUT [--steps 12000] [--batch 64] [--threads 2]

In OUT: `tokenizer`, `clip` (both towers), `judge.safetensors`, `text_encoder` (the tower, frozen), `unet` (the averaged weights), `scheduler`,
`model_index.json` and `checkpoint.safetensors`. Cut off at any moment, the same command goes on from the last checkpoint; the batch of a step
depends on the seed and the step alone. Another --steps on the way is right as long as the rate has not begun to fall (--fall).
"""

import argparse
import copy
import json
import math
import os
import time
from pathlib import Path

import diffusers
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional
from transformers import CLIPModel, CLIPTokenizer

from aesthetic import make_head, rated, train_aesthetic
from digits import FORMS, FULL_FORMS, Digits, Drawn, captions_of, every_caption, fits, says
from exporting import image_embeds
from follow import captions_to_follow, followed, sample
from networks import LOGITS, PARTS, TEXT_WIDTH, Judge, make_clip, make_schedule, make_unet, read, text_tower
from words import ids_of, make_tokenizer

SNR_LIMIT = 5.0
NULL_SHARE = 0.1
CLIP_BATCH = 96
QUALITY = 0.3


def say(**values) -> None:
    print(json.dumps(values), flush=True)


def random_of(seed: int, step: int) -> torch.Generator:
    """The random numbers of one step: going on after a cut needs no state of a generator."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)


def rate_at(step: int, steps: int, warm: int, fall: float) -> float:
    """Linear from zero, constant, over the last share `fall` a quarter of a cosine's period to zero."""
    left = (steps - step) / max(1.0, fall * steps)
    return min(1.0, (step + 1) / warm) * (0.5 - 0.5 * math.cos(math.pi * min(1.0, left)))


def train(what: str, parameters, rate: float, steps: int, decay: float, loss_of) -> None:
    optimizer = torch.optim.AdamW(parameters, rate, weight_decay=decay)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * rate_at(step, steps, 200, 0.8)
        loss = loss_of(step)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if (step + 1) % 250 == 0:
            say(**{what: step + 1}, loss=round(loss.item(), 4))


def noised(images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """With noise of a deviation between 0 and .15, image by image: what is asked about images of a model must not stumble over it."""
    level = 0.15 * torch.rand(len(images), 1, 1, 1, generator=random)
    return images + level * torch.randn(images.shape, generator=random)


def naming(logits: torch.Tensor, drawn: Drawn, said: torch.Tensor | None) -> torch.Tensor:
    """Cross entropy of digit, ink and ground by logits [n, 18], of those alone that a caption says ([n, 3], booleans)."""
    loss = torch.zeros(())
    for column, (part, right) in enumerate(zip(logits.split(PARTS, 1), (drawn.digit, drawn.ink, drawn.ground))):
        each = functional.cross_entropy(part, right, label_smoothing=0.02, reduction="none")
        loss = loss + (each if said is None else each * said[:, column]).mean()
    return loss


def train_judge(digits: Digits, unseen: Digits, path: Path, steps: int) -> Judge:
    """Digit, ink and ground of noised images; its accuracy on unseen digits is the ceiling of what can be measured."""
    torch.manual_seed(1)
    judge = Judge()

    def loss_of(step: int) -> torch.Tensor:
        random = random_of(1, step)
        drawn = digits.draw(128, random)
        return naming(judge(noised(drawn.images, random)), drawn, None)

    train("judge", list(judge.parameters()), 3e-3, steps, 1e-3, loss_of)
    judge.eval()
    drawn = unseen.draw(4000, random_of(1, steps))
    with torch.no_grad():
        seen = read(judge(drawn.images))
    say(judge={name: float((a == b).float().mean()) for name, a, b in zip(("digit", "ink", "ground"), seen, (drawn.digit, drawn.ink, drawn.ground))})
    save_file(judge.state_dict(), path)
    return judge


def train_clip(digits: Digits, unseen: Digits, tokenizer: CLIPTokenizer, folder: Path, steps: int, known: CLIPModel | None = None) -> CLIPModel:
    """Contrastive; a caption that leaves something open is right for every image it is true of. Beside it, linear layers (thrown away afterwards)
    name digit, ink and ground from the image's vector, from the caption's and from the mean of its tokens, so that the network that draws finds
    them there. Of a `known` model the image tower alone is trained on: the text tower stays the one that the UNet was trained with."""
    torch.manual_seed(2)
    clip = known or make_clip(tokenizer)
    width = clip.config.projection_dim
    from_image, from_text, from_tokens = nn.Linear(width, LOGITS), nn.Linear(width, LOGITS), nn.Linear(TEXT_WIDTH, LOGITS)
    seed = 2 if known is None else 3
    learned = [*clip.parameters()] if known is None else [*clip.vision_model.parameters(), *clip.visual_projection.parameters(), clip.logit_scale]
    quality = make_head(width)
    for layer in (from_image, from_text, from_tokens, quality):
        learned.extend(layer.parameters())

    def loss_of(step: int) -> torch.Tensor:
        random = random_of(seed, step)
        drawn = digits.draw(CLIP_BATCH, random)
        forms = forms_of(CLIP_BATCH, 0.6, random)
        images = drawn.images if known is None else noised(drawn.images, random)
        seen = clip(input_ids=ids_of(tokenizer, captions_of(drawn, forms)), pixel_values=images)
        true = fits(drawn, forms).float()
        logits = seen.logits_per_image
        told = torch.tensor([says(form) for form in forms.tolist()])
        contrast = -(true / true.sum(1, keepdim=True) * logits.log_softmax(1)).sum(1).mean()
        contrast = contrast - (true / true.sum(0, keepdim=True) * logits.log_softmax(0)).sum(0).mean()
        tokens = functional.normalize(seen.text_model_output.last_hidden_state.mean(1), dim=-1)
        named = naming(10 * from_image(seen.image_embeds), drawn, None) + naming(10 * from_text(seen.text_embeds), drawn, told)
        if known is None:
            return contrast + named + naming(10 * from_tokens(tokens), drawn, told)
        pictures, scores = rated(digits, CLIP_BATCH // 2, random)
        vectors = functional.normalize(image_embeds(clip, pictures), dim=-1)
        return contrast + named + QUALITY * (quality(vectors)[:, 0] - scores).square().mean()

    train("clip" if known is None else "image_tower", learned, 1.5e-3, steps, 1e-3, loss_of)
    clip.eval()
    drawn = unseen.draw(400, random_of(2, steps))
    forms = torch.randint(FULL_FORMS, (400,), generator=random_of(2, steps + 1))
    with torch.no_grad():
        best = clip(input_ids=ids_of(tokenizer, captions_of(drawn, forms)), pixel_values=drawn.images).logits_per_image.argmax(1)
    say(clip_right_of_400=float(fits(drawn, forms)[torch.arange(400), best].float().mean()), scale=float(clip.logit_scale.detach().exp()))
    clip.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return clip


def forms_of(count: int, full: float, random: torch.Generator) -> torch.Tensor:
    """Forms of captions, with the probability `full` one that says everything."""
    forms = torch.randint(len(FORMS), (count,), generator=random)
    return torch.where(torch.rand(count, generator=random) < full, forms % FULL_FORMS, forms)


class Run:
    """The UNet, its running average and Adam's two moments: all that a checkpoint holds."""

    def __init__(self, rate: float):
        torch.manual_seed(0)
        self.unet = make_unet()
        self.average = copy.deepcopy(self.unet).eval().requires_grad_(False)
        self.parameters = dict(self.unet.named_parameters())
        self.optimizer = torch.optim.AdamW(self.parameters.values(), rate, betas=(0.9, 0.99), weight_decay=0)
        self.step = 0

    def save(self, path: Path) -> None:
        tensors = {}
        for name, value in self.parameters.items():
            state = self.optimizer.state[value]
            tensors["unet." + name] = value.detach()
            tensors["first." + name] = state["exp_avg"]
            tensors["second." + name] = state["exp_avg_sq"]
        for name, value in self.average.named_parameters():
            tensors["average." + name] = value
        save_file(tensors, path.with_suffix(".new"), {"step": str(self.step)})
        os.replace(path.with_suffix(".new"), path)

    def load(self, path: Path) -> None:
        with safe_open(path, "pt") as file:
            self.step = int(file.metadata()["step"])
            with torch.no_grad():
                for name, value in self.parameters.items():
                    value.copy_(file.get_tensor("unet." + name))
                    self.optimizer.state[value] = {
                        "step": torch.tensor(float(self.step)),
                        "exp_avg": file.get_tensor("first." + name),
                        "exp_avg_sq": file.get_tensor("second." + name),
                    }
                for name, value in self.average.named_parameters():
                    value.copy_(file.get_tensor("average." + name))

    @torch.no_grad()
    def follow(self) -> None:
        keep = min(0.999, (self.step + 1) / (self.step + 10))
        for mean, value in zip(self.average.parameters(), self.parameters.values()):
            mean.lerp_(value, 1 - keep)


def weight_of(alpha_bar: torch.Tensor) -> torch.Tensor:
    """Of the squared error of v. Plain v weighs the squared error of the image by 1 + SNR; here that is cut at 1 + SNR_LIMIT (min-SNR), so that
    the steps of little noise, where the caption says nothing more, do not carry most of the loss."""
    snr = alpha_bar / (1 - alpha_bar)
    return (1 + SNR_LIMIT) / (1 + snr).clamp(min=1 + SNR_LIMIT)


def train_unet(digits: Digits, judge: Judge, clip: CLIPModel, tokenizer: CLIPTokenizer, out: Path, options) -> None:
    tower = text_tower(clip, tokenizer)
    schedule = make_schedule()
    tower.save_pretrained(out / "text_encoder")
    schedule.save_pretrained(out / "scheduler")
    write_index(out)
    texts = every_caption()
    place = {text: index for index, text in enumerate(texts)}
    with torch.no_grad():
        told = torch.cat([tower(part).last_hidden_state for part in ids_of(tokenizer, texts).split(256)])

    run = Run(options.rate)
    checkpoint = out / "checkpoint.safetensors"
    if checkpoint.exists():
        run.load(checkpoint)
        say(going_on_from=run.step)
    say(parameters=sum(value.numel() for value in run.parameters.values()))
    began, first, losses = time.time(), run.step, []
    while run.step < options.steps:
        random = random_of(options.seed, run.step)
        drawn = digits.draw(options.batch, random)
        forms = forms_of(options.batch, 0.5, random)
        index = torch.tensor([place[text] for text in captions_of(drawn, forms)])
        index = torch.where(torch.rand(options.batch, generator=random) < NULL_SHARE, 0, index)
        # one level of noise in each of `batch` equal parts of the time
        timestep = ((torch.arange(options.batch) + torch.rand(options.batch, generator=random)) / options.batch * 1000).long()
        noise = torch.randn(drawn.images.shape, generator=random)
        noisy = schedule.add_noise(drawn.images, noise, timestep)
        velocity = schedule.get_velocity(drawn.images, noise, timestep)

        error = (run.unet(noisy, timestep, told[index]).sample - velocity).square().mean((1, 2, 3))
        loss = (weight_of(schedule.alphas_cumprod[timestep]) * error).mean()
        for group in run.optimizer.param_groups:
            group["lr"] = options.rate * rate_at(run.step, options.steps, 300, options.fall)
        run.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(run.unet.parameters(), 1.0)
        run.optimizer.step()
        run.follow()
        run.step += 1
        losses.append(loss.item())

        if run.step % 500 == 0 or run.step == options.steps:
            run.save(checkpoint)
            run.average.save_pretrained(out / "unet")
            random = random_of(77, 0)
            wanted, captions = captions_to_follow(100 if run.step < options.steps else 1000, random)
            text = told[torch.tensor([place[text] for text in captions])]
            images = sample(run.average, text, told[:1], options.guidance, 20, random)
            say(
                step=run.step,
                loss=round(sum(losses) / len(losses), 5),
                seconds_a_step=round((time.time() - began) / (run.step - first), 3),
                follows=followed(images, wanted, judge),
            )
            losses = []


def write_index(out: Path) -> None:
    """Stable Diffusion's own pipeline loads the folder; without an autoencoder its latents are the pixels (output_type="latent")."""
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": diffusers.__version__,
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDPMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": [None, None],
    }
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mnist", help="folder of MNIST's four IDX files, packed or not")
    parser.add_argument("out")
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--fall", type=float, default=0.5, help="share of the steps over which the rate falls to zero")
    parser.add_argument("--guidance", type=float, default=1.5, help="scale at which the following of captions is measured")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--judge-steps", type=int, default=1000)
    parser.add_argument("--clip-steps", type=int, default=2000)
    parser.add_argument("--image-steps", type=int, default=2500, help="further steps of CLIP's image tower alone, when all else is trained")
    parser.add_argument("--aesthetic-steps", type=int, default=500)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    diffusers.utils.logging.set_verbosity_error()
    transformers.logging.set_verbosity_error()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)

    digits, unseen = Digits(options.mnist, "train"), Digits(options.mnist, "t10k")
    tokenizer = make_tokenizer(out / "tokenizer")
    say(tokens=len(tokenizer), example=ids_of(tokenizer, ["a red three on blue"]).tolist())
    if (out / "judge.safetensors").exists():
        judge = Judge()
        judge.load_state_dict(load_file(out / "judge.safetensors"))
        judge.eval()
    else:
        judge = train_judge(digits, unseen, out / "judge.safetensors", options.judge_steps)
    if (out / "clip" / "model.safetensors").exists():
        clip = CLIPModel.from_pretrained(out / "clip").eval()
    else:
        clip = train_clip(digits, unseen, tokenizer, out / "clip", options.clip_steps)
    train_unet(digits, judge, clip, tokenizer, out, options)
    finished = out / "clip" / "finished"
    if not finished.exists():
        train_clip(digits, unseen, tokenizer, out / "clip", options.image_steps, clip.train())
        finished.touch()
    clip = CLIPModel.from_pretrained(out / "clip").eval()
    say(aesthetic=train_aesthetic(digits, unseen, clip, out / "aesthetic.safetensors", options.aesthetic_steps))


if __name__ == "__main__":
    main()
