/** Folders have ranks, and a file imports only from its own folder or from folders of lower rank, through their facade. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { describe, expect, test } from 'vitest'

const RANKS: Record<string, number> = {
  base: 0,
  graph: 1,
  onnx: 2,
  runtime: 3,
  nn: 4,
  data: 4,
  diffusion: 5,
  metrics: 5,
  bilevel: 5,
  rewards: 6,
  tuners: 7,
  runs: 8,
  report: 8,
  jobs: 9,
  cluster: 10,
  server: 10,
  cli: 11,
}

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => join('src', file))

const importsOf = (file: string) =>
  [...readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, target]) => target)

const isLazy = (file: string, target: string) => readFileSync(file, 'utf8').includes(`await import('${target}')`)

const folderOf = (file: string) => relative('src', file).split(sep)[0]

describe('layers', () => {
  test('every folder of src has a rank', () => {
    const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(folders.map(({ name }) => name).filter((name) => !(name in RANKS))).toEqual([])
  })

  test.each(files)('%s imports downwards only', (file) => {
    const folder = folderOf(file)
    for (const target of importsOf(file)) {
      if (!target.startsWith('.')) {
        if (target.startsWith('onnxruntime')) expect(folder, `${file} imports ${target}`).toBe('runtime')
        continue
      }
      const resolved = normalize(join(dirname(file), target))
      const other = folderOf(resolved)
      if (other === folder || file === join('src', 'index.ts')) continue
      expect(RANKS[other], `${file} imports ${resolved}`).toBeLessThan(RANKS[folder])
      // What is loaded only when it is used is named itself: its facade would load everything.
      if (isLazy(file, target)) continue
      expect(resolved, `${file} reaches into ${other} past its facade`).toBe(join('src', other, 'index.ts'))
    }
  })
})
