"""
A small latent text-to-image pipeline with random weights, in the folders and by the names that Optimum writes, and what diffusers' own pipeline draws.

    pip install torch==2.13.0 diffusers==0.42.1 transformers==5.24.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime numpy==2.4.6
    python make.py TOKENIZER

Beside this file: model_index.json, unet/, vae_decoder/, vae_encoder/, text_encoder/, scheduler/ (batch, height and width of images and latents are open), and
vectors.json: the latents that the pipeline starts from, the pictures that it makes of them (its own postprocessing: clamped to [-1, 1]), a picture with the mean
of its encoding, and the decoder's gradient by autograd.
"""
import json
import sys
import warnings
from pathlib import Path

import numpy
import onnx
import onnxruntime
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch.export import Dim
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

HERE = Path(__file__).parent
PROMPTS = ["a red three on blue", "the number 7, white on black"]
SCALE = 2.5
STEPS = 4
SHIFT = 0.1


class Call(torch.nn.Module):
    """A network with what is to be called of it."""

    def __init__(self, network, call):
        super().__init__()
        self.network, self.call = network, call

    def forward(self, *taken):
        return self.call(self.network, *taken)


def export(network, call, taken, given, path, axes):
    path.parent.mkdir(parents=True, exist_ok=True)
    module = Call(network, call).eval().requires_grad_(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(module, tuple(taken.values()), input_names=list(taken), output_names=[given], dynamo=True, external_data=False,
                                    verbose=False, dynamic_shapes=(tuple(axes),))
    proto = program.model_proto
    del proto.graph.value_info[:]
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*proto.graph.input, *proto.graph.output, *proto.graph.initializer]:
        value.doc_string = ""
        del value.metadata_props[:]
    del proto.metadata_props[:]
    del proto.graph.metadata_props[:]
    onnx.save(proto, path)
    session = onnxruntime.InferenceSession(path)
    found = session.run(None, {name: value.numpy() for name, value in taken.items()})[0]
    print(f"{path.relative_to(HERE)}: {path.stat().st_size} bytes, off by {numpy.abs(found - module(*taken.values()).numpy()).max():.1e}")


def write_config(network, folder, keys):
    """Of a config what says how it is used."""
    config = {key: network.config[key] for key in ["_class_name", *keys] if key in network.config}
    config = {"_class_name": type(network).__name__, "_diffusers_version": "0.42.1"} | config
    (HERE / folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def main():
    tokenizer = CLIPTokenizer.from_pretrained(sys.argv[1])
    torch.manual_seed(5)
    encoder = CLIPTextModel(CLIPTextConfig(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, vocab_size=len(tokenizer),
        max_position_embeddings=tokenizer.model_max_length, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id)).eval()
    unet = UNet2DConditionModel(
        sample_size=4, in_channels=4, out_channels=4, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2, attention_head_dim=2,
        cross_attention_dim=8, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
        mid_block_type=None).eval()
    vae = AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, scaling_factor=0.7, shift_factor=SHIFT,
        sample_size=8).eval()
    with torch.no_grad():
        for value in [*unet.parameters(), *encoder.parameters()]:
            if value.dim() > 1:
                value.mul_(2)
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1)
    pipeline = StableDiffusionPipeline(vae=vae, text_encoder=encoder, tokenizer=tokenizer, unet=unet, scheduler=scheduler, safety_checker=None,
                                       feature_extractor=None, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    noise = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(4))
    common = dict(num_inference_steps=STEPS, guidance_scale=SCALE, latents=noise)
    latents = pipeline(PROMPTS, output_type="latent", **common).images
    # The pipeline of this family leaves the shift to others of its kind.
    shifted = vae.decode(latents / vae.config.scaling_factor + SHIFT).sample
    vae.register_to_config(shift_factor=None)
    plain = torch.from_numpy(pipeline(PROMPTS, output_type="np", **common).images).permute(0, 3, 1, 2) * 2 - 1
    picture = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(6)) * 2 - 1
    moments = vae.encode(picture).latent_dist
    z = latents.detach().clone().requires_grad_(True)
    cotangent = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(8))
    (vae.decode(z / vae.config.scaling_factor).sample.clamp(-1, 1) * cotangent).sum().backward()

    ids = tokenizer([*PROMPTS, ""], padding="max_length", truncation=True, return_tensors="pt").input_ids
    with torch.no_grad():
        told = encoder(input_ids=ids).last_hidden_state
    b, h, w, s = Dim.DYNAMIC, Dim.DYNAMIC, Dim.DYNAMIC, Dim.DYNAMIC
    open_image = {0: b, 2: h, 3: w}
    export(unet, lambda n, x, t, c: n(x, t, encoder_hidden_states=c).sample,
           {"sample": torch.randn(2, 4, 6, 4), "timestep": torch.tensor([700, 30]), "encoder_hidden_states": told[:2]}, "out_sample",
           HERE / "unet" / "model.onnx", [open_image, {0: s}, {0: b}])
    export(vae, lambda n, z: n.decode(z).sample, {"latent_sample": torch.randn(2, 4, 6, 4)}, "sample", HERE / "vae_decoder" / "model.onnx", [open_image])
    export(vae, lambda n, x: n.encode(x).latent_dist.parameters, {"sample": torch.randn(2, 3, 12, 8)}, "latent_parameters",
           HERE / "vae_encoder" / "model.onnx", [open_image])
    export(encoder, lambda n, i: n(input_ids=i).last_hidden_state, {"input_ids": ids[:2]}, "last_hidden_state", HERE / "text_encoder" / "model.onnx",
           [{0: b}])
    write_config(unet, "unet", ["sample_size", "in_channels", "out_channels", "cross_attention_dim"])
    for folder in ("vae_decoder", "vae_encoder"):
        write_config(vae, folder, ["latent_channels", "block_out_channels", "sample_size", "scaling_factor"])
    scheduler.save_pretrained(HERE / "scheduler")
    index = {"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1", "scheduler": ["diffusers", "DDIMScheduler"],
             "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
             "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}
    (HERE / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")

    def rounded(values):
        return [float(f"{value:.6g}") for value in values.detach().flatten().tolist()]

    vectors = {"prompts": PROMPTS, "scale": SCALE, "steps": STEPS, "shift": SHIFT, "noise": rounded(noise), "latents": rounded(latents),
               "pictures": rounded(plain), "shifted": rounded(shifted), "picture": rounded(picture), "mean": rounded(moments.mean),
               "cotangent": rounded(cotangent), "gradient": rounded(z.grad)}
    print({name: (min(v), max(v)) for name, v in vectors.items() if isinstance(v, list) and isinstance(v[0], float)})
    (HERE / "vectors.json").write_text(json.dumps(vectors, separators=(",", ":")) + "\n")


main()
