"""What the PyTorch programs beside this file share: timing, weights from safetensors files, one line of JSON.

They exist to be raced against (`npm run bench:peer`), so they do what the library does and nothing else: eager PyTorch on the CPU,
the fastest form that a user would write.
"""

import json
import os
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


def parameter_count(network):
    return sum(values.numel() for values in network.parameters())


def largest_error(came, wanted):
    """Largest difference, relative to the largest value."""
    return float((came - wanted).abs().max() / wanted.abs().max())


def add_common_flags(parser):
    parser.add_argument("--runs", type=int, default=5, help="timed runs, after one that is not timed")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=0)


def prepare(flags):
    torch.set_num_threads(flags.threads)
    torch.manual_seed(flags.seed)


def timed(action, runs, warm_up=None):
    """Seconds of each run, by the clock and of processor time, all threads; before them `warm_up`, by default the action itself."""
    (warm_up or action)()
    wall, cpu = [], []
    for _ in range(runs):
        start, before = time.perf_counter(), time.process_time()
        action()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - before)
    return {"wall": wall, "cpu": cpu}


def say(**values):
    print(json.dumps(dict(values, torch=torch.__version__, threads=torch.get_num_threads())), flush=True)
