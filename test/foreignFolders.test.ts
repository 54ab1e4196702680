/** Model folders of other people through every command that opens one: side by side, without a schedule, under a prefix, without a null class. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { decodeSafetensors, encodeSafetensors } from '../src/nn/index.ts'
import { bilevel, bilevelHere, newFolder, untrainedModel } from './cli.fixture.ts'

/** Whole processes on a machine that may be busy. */
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

const WEIGHTS = 'diffusion_pytorch_model.safetensors'
let folder = ''
/** What a saved network alone needs said. */
const GIVEN = ['--scheduler', 'own/scheduler/scheduler_config.json', '--weights-prefix', 'module.'] as const

beforeAll(async () => {
  folder = await newFolder()
  const at = (...path: string[]) => join(folder, ...path)
  // Four rows in the table of classes: three classes and the null class here, four classes as diffusers counts them.
  await untrainedModel(at('own'), 3)
  const { _null_class, _producer, ...config } = JSON.parse(await readFile(at('own', 'unet', 'config.json'), 'utf8'))
  const { tensors } = decodeSafetensors(await readFile(at('own', 'unet', WEIGHTS)))
  const wrapped = Object.fromEntries(Object.entries(tensors).map(([name, value]) => [`module.${name}`, value]))
  await mkdir(at('theirs'))
  await writeFile(at('theirs', 'config.json'), JSON.stringify({ ...config, dropout: 0.1, decay: 0.999 }))
  await writeFile(at('theirs', WEIGHTS), encodeSafetensors(wrapped))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('sample draws all its classes, the fourth as the null class of the same weights', async () => {
  const drawn = ['--count', '1', '--steps', '2', '--json']
  const theirs = await bilevel(
    ['sample', 'theirs', ...GIVEN, ...drawn, '--trust-convention', '--class', '3', '--out', 'a'],
    folder,
  )
  const own = await bilevelHere(['sample', 'own', ...drawn, '--class', 'unconditional', '--out', 'b'], folder)
  const bare = await bilevelHere(['sample', 'theirs', GIVEN[0], GIVEN[1], ...drawn, '--out', 'c'], folder)
  expect([theirs.code, own.code], theirs.stderr).toEqual([0, 0])
  const [a, b] = await Promise.all(['a', 'b'].map((out) => readFile(join(folder, out, 'samples.safetensors'))))
  expect(a.equals(b)).toBe(true)
  expect(bare.code).toBe(2)
  expect(bare.stderr).toMatch(/under 'module.' \(as DistributedDataParallel names them\).*--weights-prefix module\./)
  expect((await readdir(folder)).includes('c')).toBe(false)
})

test('schedule and entropy plan with it; without a null class, what is unconditional is refused', async () => {
  const dry = ['--model', 'theirs', ...GIVEN, '--trust-convention', '--dry-run']
  const schedule = await bilevelHere(['schedule', ...dry], folder)
  const entropy = await bilevelHere(['entropy', ...dry, '--steps', '4', '--class', 'none'], folder)
  const unconditional = await bilevelHere(['entropy', ...dry, '--steps', '4'], folder)
  // Its weights are random.
  const given = [...GIVEN, '--trust-convention']
  const evaluate = await bilevelHere(['evaluate', 'theirs', ...given, '--class', 'unconditional', '--json'], folder)
  const strength = await bilevelHere(['entropy', '--model', 'theirs', ...given, '--steps', '4'], folder)
  for (const { code, stdout, stderr } of [schedule, entropy]) {
    expect(code, stderr).toBe(0)
    expect(stdout + stderr).toMatch(/plan: .*network evaluations/)
    expect(stdout).toMatch(/weightsPrefix: module\./)
  }
  for (const { code, stderr } of [evaluate, strength, unconditional]) {
    expect(code).toBe(2)
    expect(stderr).toMatch(/takes a class, 0 to 3; got unconditional, but it has no null class.*--class none/)
  }
})
