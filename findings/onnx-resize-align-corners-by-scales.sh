#!/usr/bin/env bash
# onnx 1.23.2 and onnxruntime 1.30.0: one Resize, two pictures, where align_corners meets scales that give no whole size.
# An informed guess: align_corners puts the first and the last pixel of the output on those of the input, however its size was told. Seen: told by `sizes` both do. Told by
# `scales`, ONNX Runtime still does, as it takes the size of the output that there is (2 of .6 x 4 = 2.4); ONNX's own reference takes the fractional extent, 2.4, so that the
# last pixel of the output lies inside of the input: 11.71 for 16 on a ramp of 1 to 16. Linear, cubic and, for some scales, nearest; enlarging too.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.30.0 numpy
"$work/venv/bin/python" - <<'PY'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

assert onnx.__version__ == "1.23.2" and onnxruntime.__version__ == "1.30.0"
ramp = np.arange(1, 17, dtype=np.float32).reshape(1, 1, 4, 4)


def resized(mode, scale=None, side=None):
    """The last pixel of the ramp, enlarged or reduced: by the reference, by ONNX Runtime."""
    inputs = ["X", "", "told"] if side is None else ["X", "", "", "told"]
    told = helper.make_tensor("told", TensorProto.FLOAT, [4], [1, 1, scale, scale]) if side is None else helper.make_tensor("told", TensorProto.INT64, [4], [1, 1, side, side])
    node = helper.make_node("Resize", inputs, ["Y"], mode=mode, coordinate_transformation_mode="align_corners")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("X", [1, 1, 4, 4]), ("Y", [1, 1, "h", "w"]))]
    model = helper.make_model(helper.make_graph([node], "resize", ends[:1], ends[1:], [told]), opset_imports=[helper.make_opsetid("", 19)])
    model.ir_version = 10
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    both = [ReferenceEvaluator(model).run(None, {"X": ramp})[0], session.run(None, {"X": ramp})[0]]
    assert both[0].shape == both[1].shape
    return [float(y[0, 0, -1, -1]) for y in both], both[0].shape[-1]


for mode in ("linear", "cubic"):
    for scale in (0.6, 0.8, 1.3, 2.1):
        (reference, runtime), side = resized(mode, scale=scale)
        told, _ = resized(mode, side=side)
        print(f"{mode}, 4 to {side}: by scale {scale} reference {reference:.2f}, ONNX Runtime {runtime:.2f}; by size {told[0]:.2f}, {told[1]:.2f}")
        assert abs(runtime - 16) < 1e-4 and reference < 15.6, (reference, runtime)
        assert all(abs(value - 16) < 1e-4 for value in told), told
PY
