/**
 * Folders have ranks, and a file imports only from its own folder or from folders of lower rank, through their facade; files have an order too,
 * as none imports itself by way of others. What is below the edges is pure: it runs in a browser as it does in Node.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { describe, expect, test } from 'vitest'

const RANKS: Record<string, number> = {
  base: 0,
  graph: 1,
  search: 1,
  onnx: 2,
  runtime: 3,
  nn: 4,
  files: 4.5,
  text: 4.5,
  data: 4.5,
  hub: 4.5,
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

/** Rooms with a facade of their own, as what they hold runs in one place only. */
const EDGES = ['runtime/node', 'runtime/web', 'diffusion/files', 'metrics/files', 'report/charts'].map((room) =>
  join('src', room),
)

/** The package's two entries. */
const CORE = join('src', 'core.ts')
const FACADES = [CORE, join('src', 'index.ts')]

/** Folders that run everywhere, but for their edges. */
const PURE = ['base', 'graph', 'search', 'onnx', 'runtime', 'nn', 'diffusion', 'metrics', 'bilevel', 'tuners']

/** Node's own, by name. */
const NODE_GLOBALS = /(?<![.\w'])(?:Buffer|process|setImmediate|clearImmediate|__dirname|__filename|require)\b(?!\??:)/

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => join('src', file))

const withoutComments = (file: string) => readFileSync(file, 'utf8').replace(/^\s*\/\*\*[\s\S]*?\*\//gm, '')

const importsOf = (file: string) =>
  [...withoutComments(file).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, target]) => target)

/** What is there when it runs: an `import type` is gone by then. */
const loadedBy = (file: string) =>
  [
    ...withoutComments(file).matchAll(
      /(?:^|\n)(?:import|export)(?! type\b)\b[^;'"`]*?(?:from )?'([^']+)'|import\(\s*'([^']+)'/g,
    ),
  ].map(([, target, lazily]) => target ?? lazily)

/** The project's own files among what a file imports. */
const filesAmong = (file: string, targets: readonly string[]) =>
  targets
    .filter((target) => target.startsWith('.') && target.endsWith('.ts'))
    .map((target) => normalize(join(dirname(file), target)))

const targetsOf = (file: string) => filesAmong(file, loadedBy(file))

const edgeOf = (file: string) => EDGES.find((edge) => file.startsWith(edge + sep))

const isSupport = (file: string) => /\.(fixture|cases)\.ts$/.test(file)
const isPure = (file: string) => PURE.includes(folderOf(file)) && !edgeOf(file)

/** Without comments and texts. */
const codeOf = (file: string) =>
  readFileSync(file, 'utf8').replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/(?![/*])(?:\\.|\[[^\]\n]*\]|[^/\\\n])+\/[a-z]*(?=[.,;)\s])/g,
    "''",
  )

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
        if (target.startsWith('onnxruntime')) {
          const edge = edgeOf(file)
          expect(edge && folderOf(edge), `${file} imports ${target}`).toBe('runtime')
        }
        continue
      }
      const resolved = normalize(join(dirname(file), target))
      const other = folderOf(resolved)
      if (other === folder || FACADES.includes(file)) continue
      expect(RANKS[other], `${file} imports ${resolved}`).toBeLessThan(RANKS[folder])
      // What is loaded only when it is used is named itself: its facade would load everything.
      if (isLazy(file, target)) continue
      // What supports tests is in no facade.
      if (isSupport(file) && isSupport(resolved)) continue
      const facade = join(edgeOf(resolved) ?? join('src', other), 'index.ts')
      expect(resolved, `${file} reaches into ${other} past its facade`).toBe(facade)
    }
  })
})

/** The first way from a file by what it imports back to itself; none where there is no circle. */
function circleIn(imports: Readonly<Record<string, readonly string[]>>): readonly string[] | undefined {
  const clear = new Set<string>()
  const circleBy = (way: readonly string[], file: string): readonly string[] | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file]
    if (clear.has(file)) return undefined
    for (const target of imports[file] ?? []) {
      const circle = circleBy([...way, file], target)
      if (circle) return circle
    }
    clear.add(file)
    return undefined
  }
  for (const file of Object.keys(imports)) {
    const circle = circleBy([], file)
    if (circle) return circle
  }
  return undefined
}

describe('circles', () => {
  test('no file imports itself by way of others, be it for types alone or when it is used', () => {
    const imports = Object.fromEntries(files.map((file) => [file, filesAmong(file, importsOf(file))]))
    const others = Object.values(imports).flatMap((targets) => targets.filter((target) => !(target in imports)))
    expect(others).toEqual([])
    expect(circleIn(imports)).toBeUndefined()
  })

  test('the check sees them, of any length', () => {
    expect(circleIn({ a: ['b', 'c'], b: ['c'], c: ['d'], d: [] })).toBeUndefined()
    expect(circleIn({ a: ['a'] })).toEqual(['a', 'a'])
    expect(circleIn({ a: ['d', 'b'], b: ['c'], c: ['d', 'b'], d: [] })).toEqual(['b', 'c', 'b'])
    const [symbolic, values] = ['symbolic', 'values'].map((name) => join('src', 'graph', `${name}.ts`))
    const imports = { [symbolic]: filesAmong(symbolic, importsOf(symbolic)), [values]: [symbolic] }
    expect(circleIn(imports)).toEqual([symbolic, values, symbolic])
  })
})

/** What a file does that only Node can: none, or the first such thing. */
function nodeIn(file: string): string | undefined {
  const packages = loadedBy(file).filter((target) => !target.startsWith('.'))
  return packages.find((target) => /^node:|^onnxruntime/.test(target)) ?? codeOf(file).match(NODE_GLOBALS)?.[0]
}

/** What is loaded with the file, before anything of it runs. */
const loadedAtOnce = (file: string) =>
  [...withoutComments(file).matchAll(/(?:^|\n)(?:import|export)(?! type\b) (?:[^;'"`()=]*? from )?'([^']+)'/g)].map(
    ([, target]) => target,
  )

/** A file and all that it loads, directly or not. */
function closureOf(file: string, next = targetsOf, known = new Set<string>()): Set<string> {
  if (known.has(file)) return known
  known.add(file)
  for (const target of next(file)) closureOf(target, next, known)
  return known
}

test.each(['index.ts', 'cli/command.ts', 'jobs/thread/worker.ts'])(
  'what draws charts is not loaded with %s',
  (entry) => {
    const loaded = [...closureOf(join('src', entry), (file) => filesAmong(file, loadedAtOnce(file)))]
    expect(loaded.length).toBeGreaterThan(100)
    const packages = new Set(loaded.flatMap(loadedAtOnce))
    expect([...packages]).toContain('onnxruntime-node')
    expect(['@observablehq/plot', 'linkedom', '@resvg/resvg-js'].filter((name) => packages.has(name))).toEqual([])
  },
)

test('what answers in words loads none of the work', () => {
  const loaded = [...closureOf(join('src', 'cli', 'main.ts'), (file) => filesAmong(file, loadedAtOnce(file)))]
  const folders = new Set(loaded.map((file) => file.split(sep).slice(0, 2).join('/')))
  expect([...folders].sort()).toEqual(['src/base', 'src/cli'])
  const packages = new Set(loaded.flatMap(loadedAtOnce).filter((name) => !/^(\.|node:)/.test(name)))
  expect([...packages].filter((name) => !name.startsWith('@noble/')).sort()).toEqual(['commander', 'picocolors'])
})

describe('the core', () => {
  test.each(files.filter((file) => isPure(file) && !isSupport(file)))('%s runs outside of Node', (file) => {
    expect(nodeIn(file)).toBeUndefined()
    expect(targetsOf(file).filter((target) => !isPure(target))).toEqual([])
  })

  test('its entry loads nothing that only Node has, and nearly all of the pure folders', () => {
    const loaded = [...closureOf(CORE)]
    expect(loaded.filter(nodeIn)).toEqual([])
    expect(loaded.length).toBeGreaterThan(200)
    expect([...closureOf(join('src', 'index.ts'))].map(nodeIn)).toContain('onnxruntime-node')
  })

  test('the check sees what it looks for', () => {
    const text = (lines: string) => [...lines.matchAll(new RegExp(NODE_GLOBALS, 'g'))].map(([found]) => found)
    expect(text('Buffer.from(x) process.env require(y) a.process new SharedArrayBuffer(1) { process: 1 }')).toEqual([
      'Buffer',
      'process',
      'require',
    ])
    expect(loadedBy(join('src', 'runtime', 'node', 'engine.ts'))).toContain('onnxruntime-node')
    expect(loadedBy(join('src', 'runtime', 'node', 'engine.ts'))).toContain('./telemetry.ts')
    expect(codeOf(join('src', 'runtime', 'node', 'telemetry.ts'))).toMatch(NODE_GLOBALS)
  })
})
