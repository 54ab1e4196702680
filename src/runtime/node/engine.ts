/** ONNX Runtime for Node: the one place where it is called in this thread. */
import './telemetry.ts'
import { open, stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import * as ort from 'onnxruntime-node'
import { inputError, STAND_IN_BYTES, standInError } from '../../base/index.ts'
import type { Engine } from '../engine.ts'
import { unavailable } from '../engine.ts'
import { openSession } from '../ortSession.ts'
import { loadInLane } from './lanes.ts'
import { loadKept } from './modelCache.ts'
import { readModelFiles } from './modelFiles.ts'
import { sessionOptions } from './sessionOptions.ts'
import { keepTelemetryOff } from './telemetry.ts'

// The engine repeats on stderr what its exceptions say.
ort.env.logLevel = 'fatal'

/** Version of the engine. */
const version = ort.env.versions.node ?? ort.env.versions.common

/** CPU, WebGPU and CUDA; lanes are threads of this process, models are kept on disk. */
export const nodeEngine: Engine = {
  threads: availableParallelism(),
  remedies: {
    cpu: 'reinstall onnxruntime-node: its CPU library comes with the package',
    webgpu:
      'WebGPU comes with the package and needs a graphics driver with Vulkan (and its loader, libvulkan1), Metal or Direct3D 12; ' +
      'without a graphics card use --device cpu, or a software driver through VK_DRIVER_FILES',
    cuda:
      'CUDA is opt-in: install the CUDA libraries of onnxruntime-node (its install script with ' +
      '--onnxruntime-node-install=cuda12) and the NVIDIA driver, or use --device cpu or webgpu',
  },
  ownOperators: true,
  // No promise of the engine's: of the version that it was found in alone.
  endsAtSequence: version === '1.30.0',
  async load(model, settings) {
    const backends = ort.listSupportedBackends?.() ?? []
    if (!backends.some(({ name }) => name === settings.device))
      throw unavailable(nodeEngine, settings.device, 'not built into this onnxruntime-node')
    await keepTelemetryOff()
    return openSession(ort, model, sessionOptions(settings))
  },
  checkFile,
  readModelFiles,
  loadInLane,
  loadKept: (graph, how, make, load) => loadKept(version, graph, how, make, load),
}

async function checkFile(path: string): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    throw inputError('onnx.open', `an ONNX model must be a readable file, '${path}' is none`, { cause })
  })
  if (!found.isFile()) throw inputError('onnx.open', `an ONNX model must be a file, '${path}' is a folder`)
  const standIn = standInError(await startOf(path), `the ONNX model '${path}'`)
  if (standIn) throw standIn
}

/** The first bytes of a file; none where it cannot be read, which the engine then says. */
async function startOf(path: string): Promise<Uint8Array> {
  const file = await open(path).catch(() => null)
  if (!file) return new Uint8Array(0)
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(STAND_IN_BYTES), 0, STAND_IN_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
