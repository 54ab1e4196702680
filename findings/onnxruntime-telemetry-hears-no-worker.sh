#!/usr/bin/env bash
# onnxruntime-node 1.30.0 on Linux: ORT_DISABLE_TELEMETRY set by a worker thread for itself does not turn telemetry off.
# An informed guess: process.env.ORT_DISABLE_TELEMETRY = "1" before the import does, in whichever thread imports the library. Seen: set in
# the main thread, also after the import and before the first session, no file is written; set in a worker, where process.env is a copy
# that native code does not see, a device id and a database of events appear in the home folder's cache as before.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset ORT_DISABLE_TELEMETRY XDG_CACHE_HOME
npm init --yes >/dev/null
npm install --silent --ignore-scripts onnxruntime-node@1.30.0
cat > model.py <<'PY'
def field(number, wire, payload):
    return bytes([number << 3 | wire]) + payload
def blob(number, payload):
    return field(number, 2, bytes([len(payload)]) + payload)
def value(number, name):
    dimension = blob(1, field(1, 0, b"\x01"))
    tensor = field(1, 0, b"\x01") + blob(2, dimension)
    return blob(number, blob(1, name) + blob(2, blob(1, tensor)))
node = blob(1, b"x") + blob(2, b"y") + blob(4, b"Identity")
graph = blob(1, node) + blob(2, b"g") + value(11, b"x") + value(12, b"y")
open("model.onnx", "wb").write(field(1, 0, b"\x08") + blob(8, field(2, 0, b"\x0d")) + blob(7, graph))
PY
python3 model.py
cat > open.cjs <<'JS'
const { Worker, isMainThread, workerData } = require('node:worker_threads')
const place = isMainThread ? process.argv[2] : workerData
async function open(after) {
  if (!after) process.env.ORT_DISABLE_TELEMETRY = '1'
  const { InferenceSession } = require('onnxruntime-node')
  if (after) process.env.ORT_DISABLE_TELEMETRY = '1'
  const session = await InferenceSession.create('model.onnx')
  await session.release()
}
if (isMainThread && place === 'worker') new Worker(__filename, { workerData: place })
else if (place !== 'unset') open(place === 'main-late')
else require('onnxruntime-node').InferenceSession.create('model.onnx').then((session) => session.release())
JS
left() {
  local home="$work/home-$1"
  mkdir "$home"
  HOME="$home" node open.cjs "$1" >/dev/null
  find "$home" -type f | wc -l
}
unset_files=$(left unset)
main_files=$(left main)
late_files=$(left main-late)
worker_files=$(left worker)
echo "onnxruntime-node $(node -p "require('onnxruntime-node/package.json').version"): files left in the home folder: unset $unset_files, set in the main thread $main_files, there after the import $late_files, set in a worker $worker_files"
[ "$unset_files" -gt 0 ] && [ "$main_files" -eq 0 ] && [ "$late_files" -eq 0 ] && [ "$worker_files" -gt 0 ]
