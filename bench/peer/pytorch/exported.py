"""An export: diffusers' UNet2DModel without attention, as torch's exporter writes it, and the same network in PyTorch.

    python3 bench/peer/pytorch/exported.py export FILE             FILE.onnx, and FILE.npz with what PyTorch gives: in0, in1, out, cot, grad
    python3 bench/peer/pytorch/exported.py forward --batch 64
    python3 bench/peer/pytorch/exported.py derivative --batch 64   forward, and back to x
"""

import argparse
import contextlib
import os

import numpy
import torch
from diffusers import UNet2DModel

import measuring

SIZE = 16


def network_of():
    network = UNet2DModel(
        sample_size=SIZE,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(16, 32, 64),
        norm_num_groups=8,
        down_block_types=("DownBlock2D",) * 3,
        up_block_types=("UpBlock2D",) * 3,
        add_attention=False,
    )
    plain = network.forward
    network.forward = lambda x, time: plain(x, time, return_dict=False)[0]
    return network.eval().requires_grad_(False)


def inputs_of(batch):
    return torch.randn(batch, 1, SIZE, SIZE), torch.full((batch,), 421)


def export(path):
    network = network_of()
    x, time = inputs_of(3)
    batch = torch.export.Dim("batch")
    with contextlib.redirect_stdout(open(os.devnull, "w")):
        torch.onnx.export(
            network,
            (x, time),
            path + ".onnx",
            dynamo=True,
            input_names=["in0", "in1"],
            output_names=["out"],
            dynamic_shapes={"x": {0: batch}, "time": {0: batch}},
            external_data=False,
        )
    cotangent = torch.randn_like(x)
    x.requires_grad_(True)
    out = network(x, time)
    (gradient,) = torch.autograd.grad(out, x, cotangent)
    tensors = {"in0": x, "in1": time, "out": out, "cot": cotangent, "grad": gradient}
    numpy.savez(path + ".npz", **{name: value.detach().numpy() for name, value in tensors.items()})
    measuring.say(parameters=measuring.parameter_count(network))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["export", "forward", "derivative"])
    parser.add_argument("file", nargs="?")
    parser.add_argument("--batch", type=int, default=64)
    measuring.add_common_flags(parser)
    flags = parser.parse_args()
    measuring.prepare(flags)
    if flags.what == "export":
        return export(flags.file)
    network = network_of()
    call = measuring.formed(network, flags.form)
    x, time = inputs_of(flags.batch)
    action = measuring.call_action(flags.what, call, x, time)
    measuring.say(parameters=measuring.parameter_count(network), **measuring.timed(action, flags.runs))


if __name__ == "__main__":
    main()
