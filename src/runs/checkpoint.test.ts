import { mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { float32, int64, tensor } from '../base/index.ts'
import { checkpointSteps, loadCheckpoint, newestCheckpoint, saveCheckpoint } from './checkpoint.ts'
import type { Json } from './json.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoint-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const at = (step: number) => ({
  step,
  state: { q: [step / 3, 1e-300], phase: 'tuning' },
  tensors: { weights: float32([step, 0.1, Number.NaN]), seen: int64([7]) },
  events: 2 * step,
})

describe('checkpoints', () => {
  it('come back exactly', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc
          .jsonValue({ noUnicodeString: false } as object)
          .filter((value) => !JSON.stringify(value).includes('__proto__')),
        fc.float64Array({ maxLength: 6 }),
        async (json, values) => {
          const state = JSON.parse(JSON.stringify(json)) as Json
          await saveCheckpoint(folder, {
            step: 3,
            state,
            tensors: { v: tensor('float64', [values.length], values) },
            events: 1,
          })
          const back = await loadCheckpoint(folder, 3)
          expect(back.state).toEqual(state)
          expect(back.tensors.v.data).toEqual(values)
        },
      ),
      { numRuns: 12 },
    )
  })

  it('keeps the last ones only', async () => {
    for (const step of [1, 20, 3, 100]) await saveCheckpoint(folder, at(step), 2)
    expect(await checkpointSteps(folder)).toEqual([100, 3])
    const { checkpoint, passedOver } = await newestCheckpoint(folder)
    expect(checkpoint).toEqual(at(100))
    expect(passedOver).toEqual([])
  })

  it('passes over what is damaged or half written', async () => {
    for (const step of [10, 20, 30, 35, 40, 45]) await saveCheckpoint(folder, at(step), 9)
    await truncate(join(folder, '40', 'tensors.safetensors'), 30)
    await rm(join(folder, '30', 'state.json'))
    const state = await readFile(join(folder, '20', 'state.json'), 'utf8')
    await writeFile(join(folder, '20', 'state.json'), state.slice(0, 40))
    for (const [step, part] of [
      [35, '['.repeat(99_999) + ']'.repeat(99_999)],
      [45, '1e999'],
    ] as const) {
      const file = join(folder, String(step), 'state.json')
      await writeFile(file, (await readFile(file, 'utf8')).replace('"tuning"', part))
    }
    await mkdir(join(folder, '50.123.partial'))
    const { checkpoint, passedOver } = await newestCheckpoint(folder)
    expect(checkpoint).toEqual(at(10))
    expect(passedOver.map((text) => /(\d+) is not a whole checkpoint/.exec(text)![1])).toEqual([
      '45',
      '40',
      '35',
      '30',
      '20',
    ])
    await saveCheckpoint(folder, at(15), 1)
    expect(await readdir(folder)).toEqual(['15'])
    expect(await newestCheckpoint(join(folder, 'absent'))).toEqual({ checkpoint: null, passedOver: [] })
  })

  it.runIf(process.platform === 'linux')('leaves the last good one on a full disk', async () => {
    await saveCheckpoint(folder, at(1))
    const partial = join(folder, `2.${process.pid}.partial`)
    await mkdir(partial)
    await symlink('/dev/full', join(partial, 'state.json'))
    await expect(saveCheckpoint(folder, at(2))).rejects.toMatchObject({ code: 'disk.write', kind: 'failed' })
    expect(await readdir(folder)).toEqual(['1'])
    expect((await newestCheckpoint(folder)).checkpoint).toEqual(at(1))
  })

  it('refuses a state that JSON would change', async () => {
    for (const bad of [Number.NaN, undefined, new Float32Array(2), new Map()]) {
      const state = { list: [1, { bad }] } as unknown as Json
      await expect(saveCheckpoint(folder, { ...at(1), state })).rejects.toThrow(/internal: state\.list\[1\]\.bad/)
    }
  })
})
