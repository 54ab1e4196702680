/** A judge that somebody brings, as `bilevel evaluate` takes it: what it recognises of the model's images stands beside what it recognises of real ones. */
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { bilevelHere, newFolder } from './cli.fixture.ts'

vi.setConfig({ testTimeout: 60_000 })

let folder = ''
beforeAll(async () => {
  folder = await newFolder()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const FEW = ['--samples', '80', '--seeds', '1', '--steps', '2', '--features', 'pixels']
const evaluate = (...words: string[]) => bilevelHere(['evaluate', 'digits-16', ...FEW, ...words], folder)
const judge = (name: string) => ['--judge', resolve('test/found/judges', `${name}.onnx`)]

test('its accuracy and the recognised share of real images are printed', async () => {
  const { code, stdout, stderr } = await evaluate(...judge('several'), '--judge-output', 'scores')
  expect(code, stderr).toBe(0)
  expect(stdout).toMatch(/^real images {5}FID \d+\.\d+, recognised 0\.78\d+$/m)
  expect(stdout).toMatch(/judge several.onnx, right about 93\.8 % of 500 real images/)
  const json = JSON.parse((await evaluate(...judge('several'), '--judge-output', 'scores', '--json')).stdout)
  expect(json.real.recognised).toBeCloseTo(0.781, 2)
  expect(json.recognised.mean).toBeLessThan(json.real.recognised)
  expect(json.judgeNetwork.accuracy).toBeCloseTo(0.938, 2)
})

test('no judge: no such share; a wrong one is refused', async () => {
  const none = JSON.parse((await evaluate('--judge', 'none', '--json')).stdout)
  expect([none.real.recognised, none.recognised]).toEqual([null, null])
  const wrong = await evaluate(...judge('logits'), '--judge-range=-1,1')
  expect([wrong.code, wrong.stdout, wrong.stderr]).toEqual([2, '', expect.stringMatching(/names 48\.6 % of 500 real/)])
})
