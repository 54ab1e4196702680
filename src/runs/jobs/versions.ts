/** What a number depends on besides its settings: versions, and the memory that it took. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

const ROOT = new URL('../../../package.json', import.meta.url)

/** By name: this package, ONNX Runtime, Node. */
export async function versions(): Promise<Readonly<Record<string, string>>> {
  const { name, version } = JSON.parse(await readFile(ROOT, 'utf8')) as { name: string; version: string }
  return {
    [name]: version,
    'onnxruntime-node': runtimeVersion(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
  }
}

function runtimeVersion(): string {
  const require = createRequire(import.meta.url)
  return (require('onnxruntime-node/package.json') as { version: string }).version
}

/** Largest resident memory of this process so far, in MiB. */
export const peakMemoryMiB = (): number => Math.round(process.resourceUsage().maxRSS / 1024)
