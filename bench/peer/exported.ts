/** The file that torch's exporter makes, and whether it says here what PyTorch says. */
import { join } from 'node:path'
import { deviceError, failure } from '../../src/base/index.ts'
import { checkOnnx } from '../../src/jobs/onnxCheck/run.ts'
import { resolveOnnxCheckConfig } from '../../src/jobs/onnxCheck/settings.ts'
import type { Python } from './python.ts'
import { has, runPeer } from './python.ts'

/** A network in both, on the same weights: largest differences, relative to the largest value. */
export interface Check {
  readonly network: string
  readonly parameters: number
  readonly error: number
  readonly gradientError: number
}

/** What rounding explains. */
export const TOLERANCE = 1e-4
export const GRADIENT_TOLERANCE = 1e-3

/** @throws `bench.python` (kind `device`) without the exporter's packages; `bench.peer` if outputs or derivatives differ */
export async function exportedFile(
  python: Python,
  folder: string,
): Promise<{ readonly path: string; readonly compared: Check }> {
  const needed = ['onnx', 'onnxscript']
  if (!has(python, needed)) {
    throw deviceError(
      'bench.python',
      `torch's exporter needs ${needed.join(' and ')}, ${python.command} has not both; ${python.command} -m pip install -r scripts/interop/requirements-exporter.txt`,
    )
  }
  const start = join(folder, 'export')
  const { parameters } = runPeer<{ readonly parameters: number }>(python, [
    'bench/peer/pytorch/exported.py',
    'export',
    start,
  ])
  const path = `${start}.onnx`
  const config = resolveOnnxCheckConfig([{ source: 'the comparison', values: { inputs: `${start}.npz` } }])
  const { output, gradient } = (await checkOnnx(path, config)).json
  const [error, gradientError] = [output?.maxRelativeError ?? null, gradient?.maxRelativeError ?? null]
  if (error === null || gradientError === null || error > TOLERANCE || gradientError > GRADIENT_TOLERANCE) {
    const rule = `the export must give PyTorch's outputs within ${TOLERANCE}, its derivatives within ${GRADIENT_TOLERANCE}`
    throw failure('bench.peer', `${rule}, got ${error} and ${gradientError}`)
  }
  return { path, compared: { network: 'UNet2DModel (export)', parameters, error, gradientError } }
}
