#!/usr/bin/env bash
# safetensors 0.8.0: a header in which one tensor name stands twice is read without an error; the last entry counts.
# An informed guess: refused, since the format forbids duplicate keys and the reader checks offsets, gaps and sizes strictly. Seen: two
# entries "a" over the same eight bytes, of shapes [2] and [1, 2]: loaded, of shape [1, 2]. A reader that keeps the first entry gets
# other shapes from the same file.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet safetensors==0.8.0 numpy
"$work/venv/bin/python" - "$work/twice.safetensors" <<'PY'
import struct
import sys

import safetensors
from safetensors.numpy import load_file

assert safetensors.__version__ == "0.8.0"
entry = '"a":{"dtype":"F32","shape":%s,"data_offsets":[0,8]}'
header = ("{" + entry % "[2]" + "," + entry % "[1,2]" + "}").encode()
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(header)) + header + struct.pack("<2f", 1, 2))
tensors = load_file(sys.argv[1])
print(f"safetensors {safetensors.__version__}: {[(name, value.shape) for name, value in tensors.items()]}")
assert [(name, value.shape) for name, value in tensors.items()] == [("a", (1, 2))]
PY
