/** What a number depends on besides its settings: versions, and the memory that it took. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** By name: this package, ONNX Runtime, Node. */
export async function versions(): Promise<Readonly<Record<string, string>>> {
  // By the package's own name: this module may be part of a bundle, which lies elsewhere.
  const path = require.resolve('bilevel-diffusion/package.json')
  const { name, version } = JSON.parse(await readFile(path, 'utf8')) as { name: string; version: string }
  return {
    [name]: version,
    'onnxruntime-node': runtimeVersion(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
  }
}

function runtimeVersion(): string {
  return (require('onnxruntime-node/package.json') as { version: string }).version
}

/** Largest resident memory of this process so far, in MiB. */
export const peakMemoryMiB = (): number => Math.round(process.resourceUsage().maxRSS / 1024)
