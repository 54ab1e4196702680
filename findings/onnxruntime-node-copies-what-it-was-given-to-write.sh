#!/usr/bin/env bash
# onnxruntime-node 1.30.0, CPU: session.run(feeds, fetches) with a tensor for each output writes into those tensors, and returns others: a copy of every output, in new memory.
# An informed guess: the tensors that were handed over for the outputs come back, so that a loop over a large output (kept activations, an upscaled image) allocates nothing. Seen: after each run the
# given tensor holds the result, and the returned one holds it too, in memory of its own: every run still allocates all of its outputs. Who wants to save memory reads the given
# tensor and lets go of the returned one. In onnxruntime for Python, run_with_iobinding with a bound output gives back the memory that was bound.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet onnx==1.23.2 onnxruntime==1.30.0 numpy
venv/bin/python - <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, save

ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1 << 20]) for name in "xy"]
model = helper.make_model(helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "neg", ends[:1], ends[1:]), opset_imports=[helper.make_opsetid("", 21)])
model.ir_version = 10
save(model, "neg.onnx")
session = onnxruntime.InferenceSession("neg.onnx", providers=["CPUExecutionProvider"])
given = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(1 << 20, np.float32))
binding = session.io_binding()
binding.bind_cpu_input("x", np.full(1 << 20, 3, np.float32))
binding.bind_ortvalue_output("y", given)
session.run_with_iobinding(binding)
(returned,) = binding.get_outputs()
print("Python, bound output: the same memory", returned.data_ptr() == given.data_ptr(), given.numpy()[0])
assert returned.data_ptr() == given.data_ptr() and given.numpy()[0] == -3
PY
npm init -y >npm.log
npm install --silent --ignore-scripts onnxruntime-node@1.30.0 >>npm.log
cat >copies.mjs <<'JS'
import assert from 'node:assert'
import * as ort from 'onnxruntime-node'

assert.equal(ort.env.versions.node, '1.30.0')
const SIZE = 1 << 20
const session = await ort.InferenceSession.create('neg.onnx')
const given = new ort.Tensor('float32', new Float32Array(SIZE), [SIZE])
const seen = new Set([given.data.buffer])
for (const value of [3, 4, 5]) {
  const x = new ort.Tensor('float32', new Float32Array(SIZE).fill(value), [SIZE])
  const { y } = await session.run({ x }, { y: given })
  console.log(`given ${given.data[7]}, returned ${y.data[7]}, the same tensor ${y === given}, the same memory ${y.data.buffer === given.data.buffer}`)
  assert.equal(given.data[7], -value)
  assert.equal(y.data[7], -value)
  y.data[7] = 99
  assert.equal(given.data[7], -value)
  seen.add(y.data.buffer)
}
assert.equal(seen.size, 4)
JS
node copies.mjs
