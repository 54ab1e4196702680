/** How ONNX Runtime is asked to load a model in Node: options that were measured, docs/performance.md. */
import type { InferenceSession } from 'onnxruntime-node'
import type { SessionSettings } from '../engine.ts'

/**
 * How long an idle thread looks for work before it sleeps. Long enough for the gaps between operators; the engine's default spins
 * on after a run and halves the speed of a machine that is shared.
 */
const SPIN_MICROSECONDS = '100'

/** The options of a session. */
export function sessionOptions({
  device,
  threads,
  optimize,
  savePath,
  memoryPattern = true,
}: SessionSettings): InferenceSession.SessionOptions {
  return {
    executionProviders: [device],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    enableMemPattern: memoryPattern,
    graphOptimizationLevel: optimize ? 'all' : 'disabled',
    logSeverityLevel: 4,
    ...(savePath !== undefined && { optimizedModelFilePath: savePath }),
    extra: {
      session: {
        intra_op: { spin_duration_us: SPIN_MICROSECONDS },
        ...(savePath !== undefined && { save_model_format: 'ORT' }),
      },
    },
  }
}
