/** ONNX Runtime for browsers: WebAssembly, and WebGPU where the module that is handed over has it. */
import type { Engine } from '../engine.ts'
import { unavailable } from '../engine.ts'
import type { OrtModule } from '../ortSession.ts'
import { openSession } from '../ortSession.ts'
import type { Device } from '../program.ts'

/** What each device is called there; what is missing is not there. */
const PROVIDERS: Partial<Record<Device, string>> = { cpu: 'wasm', webgpu: 'webgpu' }

/**
 * An engine over the module `onnxruntime-web`, which the caller imports, in the build that suits the page, and sets up (`ort.env.wasm.wasmPaths`,
 * `numThreads`). Graphs go there in standard operators; a batch is one lane.
 * @example
 * import * as ort from 'onnxruntime-web/wasm'
 * useEngine(webEngine(ort))
 */
export function webEngine(ort: OrtModule): Engine {
  const engine: Engine = {
    threads: 1,
    remedies: {
      cpu: 'the page needs WebAssembly, and onnxruntime-web its .wasm file: set ort.env.wasm.wasmPaths to the folder that holds it',
      webgpu: "it needs a browser with WebGPU and the module 'onnxruntime-web/webgpu'; or use device 'cpu'",
      cuda: "a browser has none; use 'webgpu' or 'cpu'",
    },
    ownOperators: false,
    async load(model, { device, optimize, memoryPattern = true }) {
      const provider = PROVIDERS[device]
      if (provider === undefined) throw unavailable(engine, device, 'no such device in a browser')
      return openSession(ort, model, {
        executionProviders: [provider],
        enableMemPattern: memoryPattern,
        graphOptimizationLevel: optimize ? 'all' : 'disabled',
        logSeverityLevel: 4,
      })
    },
  }
  return engine
}
