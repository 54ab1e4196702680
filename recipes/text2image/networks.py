"""The networks: a judge of digit, ink and ground; CLIP towers; a UNet that looks at the caption."""

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel, CLIPTokenizer, CLIPVisionConfig

from digits import DIGIT_NAMES, GROUNDS, INKS, SIZE
from words import LENGTH

TEXT_WIDTH = 64
PARTS = [len(DIGIT_NAMES), len(INKS), len(GROUNDS)]
LOGITS = sum(PARTS)


class Judge(nn.Module):
    """[n, 3, 16, 16] in [-1, 1] to [n, 18] logits: 10 of the digit, 4 of the ink, 4 of the ground."""

    def __init__(self):
        super().__init__()

        def stage(taken: int, given: int, stride: int) -> list[nn.Module]:
            return [nn.Conv2d(taken, given, 3, stride, 1, bias=False), nn.BatchNorm2d(given), nn.SiLU()]

        self.look = nn.Sequential(*stage(3, 24, 1), *stage(24, 32, 1), *stage(32, 48, 2), *stage(48, 64, 2))
        self.decide = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(64 * 16, 64), nn.SiLU(), nn.Linear(64, LOGITS))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.decide(self.look(images))


def read(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What the judge sees: digit, ink, ground, [n] each."""
    digit, ink, ground = (part.argmax(1) for part in logits.split(PARTS, 1))
    return digit, ink, ground


def text_config(tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=2 * TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        projection_dim=48,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def make_clip(tokenizer: CLIPTokenizer) -> CLIPModel:
    vision = CLIPVisionConfig(
        hidden_size=96,
        intermediate_size=192,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=SIZE,
        patch_size=4,
        projection_dim=48,
    )
    return CLIPModel(CLIPConfig(text_config=text_config(tokenizer), vision_config=vision, projection_dim=48))


def text_tower(clip: CLIPModel, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """The trained text tower by itself, frozen, as Stable Diffusion has it."""
    tower = CLIPTextModel(text_config(tokenizer))
    own = set(tower.state_dict())
    weights = {}
    for name, value in clip.state_dict().items():
        if name.startswith("text_model."):
            weights[name if name in own else name.removeprefix("text_model.")] = value
    tower.load_state_dict(weights)
    return tower.eval().requires_grad_(False)


def make_unet() -> UNet2DConditionModel:
    """Stable Diffusion's UNet, small. Two changes let it follow a caption after few steps: the pooled text is added to the embedding of the
    time (`addition_embed_type`), and that embedding scales and shifts the features of every block (`scale_shift`)."""
    return UNet2DConditionModel(
        sample_size=SIZE,
        in_channels=3,
        out_channels=3,
        block_out_channels=(16, 48, 64),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=4,
        cross_attention_dim=TEXT_WIDTH,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        resnet_time_scale_shift="scale_shift",
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )


def make_schedule() -> DDPMScheduler:
    return DDPMScheduler(
        num_train_timesteps=1000,
        beta_schedule="linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        variance_type="fixed_small",
        clip_sample=True,
        clip_sample_range=1.0,
    )
