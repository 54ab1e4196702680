import { mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { float32, int64, tensor } from '../base/index.ts'
import { checkpointSteps, loadCheckpoint, newestCheckpoint, saveCheckpoint } from './checkpoint.ts'
import type { Json } from './json.ts'
import { jsonHash } from './json.ts'

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
  log: `{"type":"x","step":${step}}\n`.repeat(2 * step),
})

const version = '1.2.3'

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
          await saveCheckpoint(
            folder,
            {
              step: 3,
              state,
              tensors: { v: tensor('float64', [values.length], values) },
              events: 1,
              log: '',
            },
            { version },
          )
          const back = await loadCheckpoint(folder, 3)
          expect(back.state).toEqual(state)
          expect(back.tensors.v.data).toEqual(values)
        },
      ),
      { numRuns: 12 },
    )
  })

  it('keeps the last ones only', async () => {
    for (const step of [1, 20, 3, 100]) await saveCheckpoint(folder, at(step), { version, keep: 2 })
    expect(await checkpointSteps(folder)).toEqual([100, 3])
    const { checkpoint, passedOver } = await newestCheckpoint(folder)
    expect(checkpoint).toEqual(at(100))
    expect(passedOver).toEqual([])
  })

  it('passes over what is damaged or half written', async () => {
    for (const step of [10, 20, 30, 35, 40, 45]) await saveCheckpoint(folder, at(step), { version, keep: 9 })
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
    await saveCheckpoint(folder, at(15), { version, keep: 1 })
    expect(await readdir(folder)).toEqual(['15'])
    expect(await newestCheckpoint(join(folder, 'absent'))).toMatchObject({ checkpoint: null, passedOver: [] })
  })

  it.runIf(process.platform === 'linux')('leaves the last good one on a full disk', async () => {
    await saveCheckpoint(folder, at(1), { version })
    const partial = join(folder, `2.${process.pid}.partial`)
    await mkdir(partial)
    await symlink('/dev/full', join(partial, 'state.json'))
    await expect(saveCheckpoint(folder, at(2), { version })).rejects.toMatchObject({
      code: 'disk.write',
      kind: 'failed',
    })
    expect(await readdir(folder)).toEqual(['1'])
    expect((await newestCheckpoint(folder)).checkpoint).toEqual(at(1))
  })

  it('passes over one in which a bit is flipped, wherever, and names it', async () => {
    for (const step of [1, 2]) await saveCheckpoint(folder, at(step), { version })
    const path = join(folder, '2')
    for (const name of await readdir(path)) {
      const file = join(path, name)
      const whole = await readFile(file)
      // Steps that reach every place of a byte in turn.
      for (let bit = 0; bit < 8 * whole.length; bit += name === 'state.json' ? 5 : 25) {
        const damaged = Uint8Array.from(whole)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        await writeFile(file, damaged)
        const { checkpoint, passedOver } = await newestCheckpoint(folder)
        // A flip that JSON reads as the same (a blank for a line's end) leaves the same checkpoint.
        if (checkpoint?.step === 2) expect(checkpoint).toEqual(at(2))
        else expect([checkpoint, passedOver]).toEqual([at(1), [expect.stringContaining(path)]])
      }
      await writeFile(file, whole)
    }
  })

  it('passes over one that cannot be decoded', async () => {
    for (const step of [1, 2]) await saveCheckpoint(folder, at(step), { version })
    const found = await newestCheckpoint(folder, ({ step }) => {
      if (step === 2) throw new Error('no such tensor')
      return { step }
    })
    expect(found).toMatchObject({ checkpoint: { step: 1 }, decoded: { step: 1 } })
    expect(found.passedOver).toEqual([`${join(folder, '2')} is not a whole checkpoint: no such tensor`])
  })

  it('of an earlier release are read; of a later one they are not passed over', async () => {
    await saveCheckpoint(folder, at(1), { version })
    const path = join(folder, '1', 'state.json')
    const { state, events, tensors } = JSON.parse(await readFile(path, 'utf8'))
    await writeFile(path, JSON.stringify({ format: 1, step: 1, events, tensors, state }))
    await rm(join(folder, '1', 'events.jsonl'))
    expect((await newestCheckpoint(folder)).checkpoint).toEqual({ ...at(1), log: null })
    const later = { format: 3, version: '9.8.7', step: 1, everything: 'new' }
    await writeFile(path, JSON.stringify({ ...later, sha256: jsonHash(later) }))
    await expect(newestCheckpoint(folder)).rejects.toMatchObject({
      code: 'runs.checkpointFormat',
      message: expect.stringMatching(/format 3, written by version 9\.8\.7, .* up to 2; go on with that version/),
    })
  })

  it('refuses a state that JSON would change', async () => {
    for (const bad of [Number.NaN, undefined, new Float32Array(2), new Map()]) {
      const state = { list: [1, { bad }] } as unknown as Json
      await expect(saveCheckpoint(folder, { ...at(1), state }, { version })).rejects.toThrow(
        /internal: state\.list\[1\]\.bad/,
      )
    }
  })
})
