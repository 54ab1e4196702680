"""
Small networks of the kinds that people bring, random weights, exported by both exporters of torch at several operator sets.

    pip install torch==2.13.0 diffusers==0.42.1 transformers==5.24.0 onnx==1.23.2 onnxscript==0.7.2 numpy==2.4.6
    python make.py [NAME ...]

NAME.script-OPSET.onnx is of the older exporter (dynamo=False), NAME.dynamo-OPSET.onnx of the newer; batch dynamic in both. NAME.npz holds what PyTorch
gives for a batch of two: in0, in1, ..., out, a cotangent cot, and grad, the gradient of sum(out * cot) in in0 (empty where in0 is integer).
Comments (doc strings, stack traces, which name folders of the machine) are taken out; nothing else is changed.
"""
import os
import sys
import warnings

import numpy as np
import onnx
import torch
from diffusers import AutoencoderKL, DiTTransformer2DModel, UNet2DConditionModel, UNet2DModel
from transformers import (
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
)

HERE = os.path.dirname(os.path.abspath(__file__))
BATCH = 2


class Of(torch.nn.Module):
    """A module as a function of its inputs in order."""

    def __init__(self, inside, call):
        super().__init__()
        self.inside = inside
        self.call = call

    def forward(self, *inputs):
        return self.call(self.inside, *inputs)


def images(channels, size):
    return torch.randn(BATCH, channels, size, size)


def unet2d():
    net = UNet2DModel(sample_size=8, in_channels=1, out_channels=1, block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4,
                      down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"), add_attention=False)
    return Of(net, lambda n, x, t: n(x, t).sample), (images(1, 8), torch.tensor([7, 411]))


def unet2d_attention():
    net = UNet2DModel(sample_size=4, in_channels=3, out_channels=3, block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4, attention_head_dim=4,
                      down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"), downsample_type="resnet",
                      upsample_type="resnet", time_embedding_type="fourier")
    return Of(net, lambda n, x, t: n(x, t).sample), (images(3, 4), torch.tensor([0.3, 8.5]))


def unet2d_condition():
    net = UNet2DConditionModel(sample_size=4, in_channels=4, out_channels=4, block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4,
                               attention_head_dim=2, cross_attention_dim=8, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                               up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))
    return Of(net, lambda n, x, t, c: n(x, t, encoder_hidden_states=c).sample), (images(4, 4), torch.tensor([3, 950]), torch.randn(BATCH, 5, 8))


def vae_decoder():
    net = AutoencoderKL(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4,
                        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2)
    return Of(net, lambda n, z: n.decode(z).sample), (images(4, 4),)


def clip_text():
    config = CLIPTextConfig(vocab_size=64, hidden_size=16, intermediate_size=32, projection_dim=8, num_hidden_layers=2, num_attention_heads=2,
                            max_position_embeddings=8, bos_token_id=0, eos_token_id=63, pad_token_id=1)
    ids = torch.tensor([[0, 5, 17, 63, 1, 1, 1, 1], [0, 9, 22, 41, 3, 30, 8, 63]])
    return Of(CLIPTextModelWithProjection(config), lambda n, i: n(input_ids=i).text_embeds), (ids,)


def clip_image():
    config = CLIPVisionConfig(hidden_size=16, intermediate_size=32, projection_dim=8, num_hidden_layers=2, num_attention_heads=2, image_size=16,
                              patch_size=8)
    return Of(CLIPVisionModelWithProjection(config), lambda n, x: n(pixel_values=x).image_embeds), (images(3, 16),)


def vit(attention="sdpa"):
    config = ViTConfig(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=16, patch_size=4, num_labels=5,
                       attn_implementation=attention)
    return Of(ViTForImageClassification(config), lambda n, x: n(pixel_values=x).logits), (images(3, 16),)


def dit():
    net = DiTTransformer2DModel(num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=8, num_layers=2, sample_size=8, patch_size=2,
                                num_embeds_ada_norm=10)
    inputs = (images(4, 8), torch.tensor([12, 700]), torch.tensor([4, 9]))
    return Of(net, lambda n, x, t, y: n(x, timestep=t, class_labels=y).sample), inputs


def resnet():
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=5)
    return Of(ResNetForImageClassification(config), lambda n, x: n(pixel_values=x).logits), (images(3, 16),)


# Not every operator set of every network: each exporter at each set that it writes, and each kind of network by both.
NETWORKS = {
    "unet2d": (unet2d, {"script": [11], "dynamo": [18]}),
    "unet2d-attention": (unet2d_attention, {"script": [14], "dynamo": [23]}),
    "unet2d-condition": (unet2d_condition, {"script": [17], "dynamo": [20]}),
    "vae-decoder": (vae_decoder, {"script": [20], "dynamo": [18]}),
    "clip-text": (clip_text, {"script": [14], "dynamo": [20]}),
    "clip-image": (clip_image, {"script": [17], "dynamo": [23]}),
    "vit": (vit, {"dynamo": [18]}),
    "vit-eager": (lambda: vit("eager"), {"script": [11], "dynamo": [20]}),
    "dit": (dit, {"script": [17], "dynamo": [23]}),
    "resnet": (resnet, {"script": [9, 11], "dynamo": [20]}),
}
# As the newer exporter has it before it optimizes.
UNOPTIMIZED = {("vit-eager", "dynamo", 20)}
# Weights in a file of their own, as exports of large networks have them.
EXTERNAL = {("resnet", "dynamo", 20)}


def randomised(net):
    """Weights that make every layer matter: those of new networks are zero in places, running means 0 and variances 1."""
    for name, value in list(net.named_parameters()) + list(net.named_buffers()):
        if not value.is_floating_point() or "position_ids" in name or "pos_embed" in name:
            continue
        with torch.no_grad():
            if "running_var" in name:
                value.copy_(1 + torch.rand_like(value))
            elif "norm" in name and name.endswith("weight") and value.ndim == 1:
                value.copy_(1 + 0.2 * torch.randn_like(value))
            elif value.ndim <= 1:
                value.copy_(0.2 * torch.randn_like(value))
            else:
                value.copy_(torch.randn_like(value) / np.sqrt(value[0].numel()))
    return net.eval()


def commentless(model):
    """Doc strings and metadata name lines and folders of the machine."""
    def clear(message):
        if "doc_string" in message.DESCRIPTOR.fields_by_name:
            message.ClearField("doc_string")
        if "metadata_props" in message.DESCRIPTOR.fields_by_name:
            message.ClearField("metadata_props")
        for field, value in message.ListFields():
            if field.message_type is None or field.name == "raw_data":
                continue
            for one in value if field.is_repeated else [value]:
                clear(one)
    clear(model)
    return model


def export(net, inputs, exporter, opset, path, external, optimize):
    names = [f"in{i}" for i in range(len(inputs))]
    common = dict(input_names=names, output_names=["out"], opset_version=opset)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "script":
            axes = {name: {0: "batch"} for name in [*names, "out"]}
            torch.onnx.export(net, inputs, path, dynamo=False, dynamic_axes=axes, **common)
        else:
            batch = torch.export.Dim("batch", min=1, max=64)
            shapes = (tuple({0: batch} for _ in inputs),)
            torch.onnx.export(net, inputs, path, dynamo=True, dynamic_shapes=shapes, external_data=False, verbose=False,
                              optimize=optimize, **common)
    model = commentless(onnx.load(path))
    if external:
        onnx.save(model, path, save_as_external_data=True, location=os.path.basename(path) + ".data", size_threshold=64)
    else:
        onnx.save(model, path)
    return model


def main(wanted):
    for index, (name, (make, exporters)) in enumerate(NETWORKS.items()):
        if wanted and name not in wanted:
            continue
        torch.manual_seed(index)
        net, inputs = make()
        net = randomised(net)
        is_float = inputs[0].is_floating_point()
        first = inputs[0].clone().requires_grad_(is_float)
        out = net(first, *inputs[1:])
        cot = torch.randn_like(out)
        grad = torch.autograd.grad((out * cot).sum(), first)[0] if is_float else torch.empty(0)
        arrays = {f"in{i}": value.numpy() for i, value in enumerate(inputs)}
        np.savez(os.path.join(HERE, f"{name}.npz"), **arrays, out=out.detach().numpy(), cot=cot.numpy(), grad=grad.numpy())
        for exporter, opsets in exporters.items():
            for opset in opsets:
                file = f"{name}.{exporter}-{opset}.onnx"
                path = os.path.join(HERE, file)
                external = (name, exporter, opset) in EXTERNAL
                try:
                    model = export(net, inputs, exporter, opset, path, external, (name, exporter, opset) not in UNOPTIMIZED)
                except Exception as error:
                    print(f"{file}: {type(error).__name__} {str(error)[:300]}")
                    continue
                import onnxruntime
                given = {f"in{i}": value.numpy() for i, value in enumerate(inputs)}
                session = onnxruntime.InferenceSession(path)
                got = session.run(None, {i.name: given[i.name] for i in session.get_inputs()})[0]
                off = np.abs(got - out.detach().numpy()).max() / out.abs().max().item()
                sets = {one.domain: one.version for one in model.opset_import}
                print(f"{file}: {os.path.getsize(path)} bytes, {len(model.graph.node)} nodes, {len(model.functions)} functions, opsets {sets}, engine off by {off:.1e}")


main(sys.argv[1:])
