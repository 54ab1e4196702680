"""What the PyTorch programs beside this file share: timing, weights from safetensors files, one line of JSON.

They exist to be raced against (`npm run bench:peer`), so they do what the library does and nothing else, on the CPU, in each of the forms
that a user would try: eager, channels last in memory, compiled, and both.
"""

import json
import os
import resource
import struct
import time

import torch

TYPES = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64, "I32": torch.int32}


def read_safetensors(path):
    """Tensors by name, and the metadata."""
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    body = memoryview(bytearray(content[8 + length :]))
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = torch.frombuffer(body[begin:end], dtype=TYPES[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return tensors, metadata


def load_weights(network, tensors):
    """Weights by name, each of them used; PyTorch's counters of batches are its own affair."""
    missing, unknown = network.load_state_dict(tensors, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unknown:
        raise SystemExit(f"weights do not fit: missing {missing}, unknown {unknown}")


FORMS = ["eager", "channels_last", "compiled", "compiled_channels_last"]


def formed(network, form):
    """The network as it is called in a form; its weights are put as the form wants them."""
    last = "channels_last" in form
    if last:
        network.to(memory_format=torch.channels_last)
    call = torch.compile(network) if "compiled" in form else network
    if not last:
        return call
    return lambda x, *rest: call(x.contiguous(memory_format=torch.channels_last), *rest)


def derivative_errors(network, tensors):
    """How far outputs and the derivative in x are from those that are stored, for the stored cotangent."""
    x = tensors["x"].requires_grad_(True)
    out = network(x, tensors["t"])
    out.backward(tensors["cotangent"])
    return {"error": largest_error(out.detach(), tensors["out"]), "gradientError": largest_error(x.grad, tensors["dx"])}


def parameter_count(network):
    return sum(values.numel() for values in network.parameters())


def largest_error(came, wanted):
    """Largest difference, relative to the largest value."""
    return float((came - wanted).abs().max() / wanted.abs().max())


def add_common_flags(parser):
    parser.add_argument("--runs", type=int, default=5, help="timed runs, after one that is not timed")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--form", choices=FORMS, default="eager")


def prepare(flags):
    torch.set_num_threads(flags.threads)
    torch.manual_seed(flags.seed)


def timed(action, runs, warm_up=None):
    """Seconds of each run, by the clock and of processor time, all threads; before them `warm_up` twice (what is compiled may be compiled
    once more at the second call), by default the action itself."""
    for _ in range(2):
        (warm_up or action)()
    wall, cpu = [], []
    for _ in range(runs):
        start, before = time.perf_counter(), time.process_time()
        action()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - before)
    return {"wall": wall, "cpu": cpu}


def call_action(what, call, x, time):
    """What is timed of a frozen network: `forward`, or `derivative`, forward and back to x."""
    cotangent = torch.randn_like(x)

    def derivative():
        at = x.detach().requires_grad_(True)
        return torch.autograd.grad(call(at, time), at, cotangent)[0]

    return derivative if what == "derivative" else torch.no_grad()(lambda: call(x, time))


def say(**values):
    """With the most memory that was ever resident."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(dict(values, torch=torch.__version__, threads=torch.get_num_threads(), peakMemoryMiB=peak)), flush=True)
