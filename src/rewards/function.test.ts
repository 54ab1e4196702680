/** Plain functions, and modules written to a folder of their own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { tensor } from '../base/index.ts'
import type { RatedImages } from './function.ts'
import { functionReward } from './function.ts'
import { moduleReward } from './module.ts'

const images = tensor('float32', [2, 1, 1, 2], Float32Array.of(-1, 0.5, 0, 1))
const folder = mkdtempSync(join(tmpdir(), 'reward-module-'))
afterAll(() => rmSync(folder, { recursive: true }))
const written = (name: string, text: string) => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const sums = ({ data, shape: [n] }: RatedImages) => Array.from({ length: n }, (_, i) => data[2 * i] + data[2 * i + 1])

describe('a plain function', () => {
  test('gets pixels in its range, and may spoil them', async () => {
    const seen: unknown[] = []
    const reward = functionReward({
      name: 'spoiler',
      values(rated, classes) {
        seen.push([...rated.data], rated.shape, classes && [...classes])
        const values = sums(rated)
        rated.data.fill(9)
        return Float64Array.from(values)
      },
    })
    expect([...(await reward.values(images, Int32Array.of(4, 5)))]).toEqual([-0.5, 1])
    expect(seen).toEqual([
      [-1, 0.5, 0, 1],
      [2, 1, 1, 2],
      [4, 5],
      // The second half once more: is it a function of the image?
      [0, 1],
      [1, 1, 1, 2],
      [5],
    ])
    expect([...images.data]).toEqual([-1, 0.5, 0, 1])
    expect(reward.differentiable).toBe(false)
    await expect(reward.gradient(images)).rejects.toThrow(
      /plain function; give it a function gradient too, or use target tilt/,
    )
  })

  test('with a derivative, in a range of its own', async () => {
    const reward = functionReward({
      name: 'bright',
      range: [0, 1],
      valueRange: [0, 2],
      values: async (rated) => sums(rated),
      gradient: async (rated) => ({ values: sums(rated), gradient: new Float32Array(4).fill(1) }),
    })
    const { values, gradient } = await reward.gradient(images)
    expect([...values]).toEqual([0.75, 1.5])
    expect([...gradient.data]).toEqual([0.5, 0.5, 0.5, 0.5])
  })

  /** r = sum u^3, with a derivative that says it is `factor` times what it is. */
  const cubes = (factor: number, checkDerivative?: boolean) =>
    functionReward({
      name: 'cubes',
      values: ({ data, shape: [n] }) => Array.from({ length: n }, (_, i) => data[2 * i] ** 3 + data[2 * i + 1] ** 3),
      gradient: ({ data, shape: [n] }) => ({
        values: Array.from({ length: n }, (_, i) => data[2 * i] ** 3 + data[2 * i + 1] ** 3),
        gradient: data.map((u) => factor * 3 * u * u),
      }),
      ...(checkDerivative !== undefined && { checkDerivative }),
    })

  test.each(['float32', 'float64'] as const)('a derivative of something else is found, in %s', async (dtype) => {
    const rated = dtype === 'float32' ? images : tensor('float64', [2, 1, 1, 2], Float64Array.from(images.data))
    expect([...(await cubes(1).gradient(rated)).gradient.data]).toEqual([3, 0.75, 0, 3])
    for (const factor of [0, 1.1, -1]) {
      await expect(cubes(factor).gradient(rated)).rejects.toMatchObject({
        code: 'reward.differences',
        message: expect.stringMatching(
          /'cubes' must give the derivative .* image \d it gives \S+, differences of values \S+; mend it, or say checkDerivative: false/,
        ),
      })
    }
    expect([...(await cubes(2, false).gradient(rated)).gradient.data]).toEqual([6, 1.5, 0, 6])
  })

  test('its hash is that of its text, its range, or as given', () => {
    const hash = functionReward({ name: 'a', values: sums }).hash
    expect(functionReward({ name: 'b', values: sums }).hash).toBe(hash)
    expect(functionReward({ name: 'a', values: sums, range: [0, 1] }).hash).not.toBe(hash)
    expect(functionReward({ name: 'a', values: () => [0, 0] }).hash).not.toBe(hash)
    expect(functionReward({ name: 'a', values: sums, hash: 'mine' }).hash).toBe('mine')
  })
})

test('what a function throws is its own mistake, and named', async () => {
  const broken = functionReward({
    name: 'broken',
    values: () => {
      throw new TypeError('x is undefined')
    },
    gradient: () => Promise.reject('no words'),
  })
  const said = (message: string) => ({
    kind: 'input',
    code: 'reward.function',
    message: expect.stringContaining(message),
  })
  await expect(broken.values(images)).rejects.toMatchObject(
    said("reward 'broken' must return numbers, but it threw: x is"),
  )
  await expect(broken.gradient(images)).rejects.toMatchObject(said('no words'))
})

const BRIGHT =
  'export default ({ data, shape: [n] }) => Array.from({ length: n }, (_, i) => data[2 * i] + data[2 * i + 1])'

describe('a module', () => {
  test('whose default export is a function, by a relative path', async () => {
    const reward = await moduleReward(relative(process.cwd(), written('bright.mjs', BRIGHT)))
    expect([reward.name, reward.imageRange, reward.differentiable]).toEqual(['bright.mjs', [-1, 1], false])
    expect([...(await reward.values(images))]).toEqual([-0.5, 1])
    const given = await moduleReward(join(folder, 'bright.mjs'), [0, 1])
    expect([...(await given.values(images))]).toEqual([0.75, 1.5])
    expect(given.hash).not.toBe(reward.hash)
    // A pixel range that nobody declared is one that was assumed.
    expect(reward.notes?.()).toEqual([expect.stringMatching(/^reward 'bright.mjs' does not say which pixel range/)])
    expect(given.notes?.()).toEqual([])
  })

  test('whose default export is an object with a derivative; its own range wins', async () => {
    const path = written(
      'object.mjs',
      `export default {
        name: 'twice', range: [0, 255], valueRange: [0, 1020],
        values: async ({ data }) => [0, 2].filter((i) => i < data.length).map((i) => 2 * data[i]),
        gradient: ({ data }) => ({ values: [2 * data[0], 2 * data[2]], gradient: [2, 0, 2, 0] }),
      }`,
    )
    const reward = await moduleReward(path, [0, 1])
    expect([reward.name, reward.imageRange, reward.valueRange]).toEqual(['twice', [0, 255], [0, 1020]])
    expect(reward.notes?.()).toEqual([])
    const { values, gradient } = await reward.gradient(images)
    expect([...values]).toEqual([0, 255])
    expect([...gradient.data]).toEqual([255, 0, 255, 0])
  })

  test('an object made of a class', async () => {
    const path = written(
      'made.mjs',
      `class Bright { range = [0, 1]; slope = 3
        values({ data, shape: [n] }) { return Array.from({ length: n }, (_, i) => this.slope * data[2 * i]) } }
      export default new Bright()`,
    )
    const reward = await moduleReward(path)
    expect(reward.imageRange).toEqual([0, 1])
    expect([...(await reward.values(images))]).toEqual([0, 1.5])
    await reward.dispose()
  })

  test('CommonJS', async () => {
    const path = written(
      'plain.cjs',
      'module.exports = { needsClasses: true, values: (images, classes) => Array.from(classes) }',
    )
    const reward = await moduleReward(path)
    expect([...(await reward.values(images, Int32Array.of(6, 1)))]).toEqual([6, 1])
    await expect(reward.values(images)).rejects.toMatchObject({ code: 'reward.classes' })
  })

  test.each([
    ['syntax.mjs', 'export default (', /'.*syntax.mjs' must load, but: /],
    ['throws.mjs', "throw new Error('at home')", /must load, but: at home/],
    ['nothing.mjs', 'export const values = () => [1]', /got no default export/],
    ['number.mjs', 'export default 3', /got number/],
    ['null.mjs', 'export default null', /got null/],
    ['empty.mjs', 'export default { name: "x" }', /got values undefined/],
    ['typo.mjs', 'export default { value: () => [1] }', /got 'value'; did you mean 'values'\?/],
    ['range.mjs', 'export default { values: () => [1], range: [0] }', /got range \[0\]/],
    [
      'class.mjs',
      'export default class Mine { values() {} }',
      /got a class; make one of it .* export default new Name\(\)/,
    ],
    ['check.mjs', 'export default { values: () => [1], checkDerivative: 0 }', /got checkDerivative 0/],
    ['gradient.mjs', 'export default { values: () => [1], gradient: true }', /got gradient true/],
    ['classes.mjs', 'export default { values: () => [1], needsClasses: 3 }', /got needsClasses 3/],
  ])('%s is refused', async (name, text, message) => {
    await expect(moduleReward(written(name, text))).rejects.toMatchObject({
      code: 'reward.module',
      message: expect.stringMatching(message),
    })
  })

  test('no file', async () => {
    await expect(moduleReward(join(folder, 'none.mjs'))).rejects.toThrow(
      /must be a readable file, '.*none.mjs' is none/,
    )
  })
})

/** Rates the two images with a module of this text. The limit only matters where there is nothing to wait for. */
async function rated(
  name: string,
  text: string,
  { call = 'values', timeout = null }: { call?: 'values' | 'gradient'; timeout?: number | null } = {},
): Promise<unknown> {
  const reward = await moduleReward(written(name, text), [-1, 1], timeout)
  try {
    await reward[call](images)
    return await reward[call](images)
  } finally {
    await reward.dispose()
  }
}

/** Seconds after which a thread that waits for nothing is given up. */
const SOON = 1

describe("somebody's module runs in a thread of its own", () => {
  test.each([
    ['exits', 'export default () => process.exit(0)', /'.*exits.mjs' must go on .* but ended with process.exit\(0\)/],
    [
      'throws later',
      "export default () => { setTimeout(() => { throw new Error('later') }, 1); return new Promise(() => {}) }",
      /'.*throws later.mjs' must catch what it starts, but threw outside of a call, .*: later;/,
    ],
    [
      'rejects later',
      'export default () => { Promise.reject(new Error(500)); return new Promise(() => {}) }',
      /threw outside of a call, .*500/,
    ],
    [
      'never settles',
      'export default () => new Promise(() => {})',
      /must (load|answer each call) within 1 s, .*--reward-timeout/,
    ],
    ['never ends', 'export default () => { for (;;); }', /must (load|answer each call) within 1 s/],
    [
      'rejects',
      'export default () => Promise.reject({ status: 500 })',
      /it threw: \{"status":500\} \(it is called with/,
    ],
    ['throws nothing', 'export default () => { throw undefined }', /it threw: undefined/],
    ['maps images', 'export default (images) => images.map((one) => one[0])', /it threw: images.map is not a function/],
    ['generates', 'export default function* () { yield 1 }', /no list of numbers: .* could not be cloned/],
    ['gives functions', 'export default () => [() => 1, () => 2]', /no list of numbers: .* could not be cloned/],
    [
      'guesses',
      // Made like random numbers, and the same in every run: two that are drawn may be near each other.
      `let state = 7; const next = () => (state = (16807 * state) % 2147483647) / 2147483647
        export default ({ shape: [n] }) => Array.from({ length: n }, next)`,
      /must depend on the image alone/,
    ],
    [
      'counts',
      'let c = 0; export default ({ shape: [n] }) => Array.from({ length: n }, () => c++)',
      /the same batch, rated twice, got 0 and then 3 for image 0; take out what is random or counted/,
    ],
    [
      'numbers',
      'export default ({ shape: [n] }) => Array.from({ length: n }, (_, i) => i + 1)',
      /must depend on the image alone/,
    ],
    [
      'compares',
      `export default ({ data, shape: [n] }) => { const mean = data.reduce((a, b) => a + b) / data.length
        return Array.from({ length: n }, (_, i) => data[2 * i] - mean) }`,
      /taken over the batch, or comes from other images: the pixels of image i are/,
    ],
  ])('one that %s is named', async (name, text, message) => {
    const timeout = name.startsWith('never') ? SOON : null
    await expect(rated(`${name}.mjs`, text, { timeout })).rejects.toMatchObject({
      name: 'BilevelError',
      kind: expect.stringMatching(/input|failed/),
      message: expect.stringMatching(message),
    })
  })

  test('one that throws between two calls is named at the next', async () => {
    const text = "export default ({ shape: [n] }) => { setTimeout(() => { throw 'between' }); return Array(n).fill(1) }"
    const reward = await moduleReward(written('between.mjs', text), [-1, 1])
    const again = async () => {
      for (;;) {
        await reward.values(images)
        await new Promise((wake) => setTimeout(wake, 5))
      }
    }
    await expect(again()).rejects.toThrow(/between.mjs' .* threw outside of a call, .*between/)
    await reward.dispose()
  })

  test('and one that does so while it loads', async () => {
    await expect(rated('exit.mjs', 'process.exit(3)')).rejects.toThrow(/exit.mjs' .* process.exit\(3\)/)
    const waiting = rated('wait.mjs', 'await new Promise(() => setTimeout(() => {}, 1e6))', { timeout: SOON })
    await expect(waiting).rejects.toThrow(/wait.mjs' must load within 1 s/)
  })

  test('a derivative without its values', async () => {
    const text = 'export default { values: ({ shape: [n] }) => Array(n).fill(1), gradient: ({ data }) => data }'
    await expect(rated('bare.mjs', text, { call: 'gradient' })).rejects.toMatchObject({
      code: 'reward.shape',
      message: expect.stringMatching(/must return an object \{ values, gradient \}, .* got a Float32Array of 4/),
    })
  })

  test('what it prints is no output of the process', async () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    const error = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    try {
      const text =
        "console.log('chatter'); export default ({ shape: [n] }) => { console.log('more'); return Array(n).fill(1) }"
      expect(await rated('prints.mjs', text)).toEqual(Float64Array.of(1, 1))
      expect(write).not.toHaveBeenCalled()
      expect(String(error.mock.calls.flat())).toContain('chatter')
    } finally {
      write.mockRestore()
      error.mockRestore()
    }
  })

  test('infinite ends of a range arrive, and so do classes and what it keeps between calls', async () => {
    const path = written(
      'keeps.mjs',
      `const seen = new Map()
      export default { valueRange: [-Infinity, 0], values: ({ data }, classes) => Array.from(classes, (one, i) => {
        if (!seen.has(one)) seen.set(one, -one - data[2 * i])
        return seen.get(one)
      }) }`,
    )
    const reward = await moduleReward(path, [0, 1])
    expect(reward.valueRange).toEqual([-Infinity, 0])
    expect([...(await reward.values(images, Int32Array.of(3, 5)))]).toEqual([-3, -5.5])
    expect([...(await reward.values(images, Int32Array.of(5, 3)))]).toEqual([-5.5, -3])
    await reward.dispose()
    await expect(reward.values(images, Int32Array.of(5, 3))).rejects.toThrow(/is closed/)
  })
})
