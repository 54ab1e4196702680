/** Finding a Python with PyTorch, and where there is one, that the PyTorch networks are ours. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { BilevelError } from '../../src/base/index.ts'
import { flatSize } from '../../src/nn/index.ts'
import { paperNetwork, smallNetwork } from '../subjects.ts'
import { CASES } from './cases.ts'
import { writeCheck } from './files.ts'
import type { Python } from './python.ts'
import { plainEnvironment, pythonAmong, runPeer } from './python.ts'

const folder = mkdtempSync(join(tmpdir(), 'bilevel-peer-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function pythonHere(): Python | BilevelError {
  try {
    return pythonAmong(process.env.PYTHON ? [process.env.PYTHON] : ['/usr/bin/python3', 'python3'])
  } catch (error) {
    if (error instanceof BilevelError) return error
    throw error
  }
}

test('a Python without PyTorch, or none at all: what is missing and what to install', () => {
  for (const command of [join(folder, 'nowhere'), process.execPath]) {
    expect(() => pythonAmong([command])).toThrow(expect.objectContaining({ code: 'bench.python', kind: 'device' }))
    expect(() => pythonAmong([command])).toThrow(/has none; leave PYTHON out.*PYTHON=/)
  }
})

test('a program that fails says so in its own words', () => {
  const python = { command: process.execPath, torch: '', build: '' }
  expect(() => runPeer(python, ['-e', 'throw new Error("no such layer")'])).toThrow(/got 1: .*no such layer/s)
})

test('nothing of the surroundings changes threads, allocator or instructions', () => {
  const tuned = {
    OMP_NUM_THREADS: '1',
    MALLOC_TRIM_THRESHOLD_: '1',
    OPENBLAS_CORETYPE: 'x',
    ONEDNN_MAX_CPU_ISA: 'AVX2',
  }
  expect(plainEnvironment({ ...tuned, PATH: 'a', HOME: 'b' })).toEqual({ PATH: 'a', HOME: 'b' })
})

test('networks in PyTorch: as many parameters, the same outputs and derivatives; without PyTorch the comparison says what to install', async () => {
  const python = pythonHere()
  if (python instanceof BilevelError) {
    expect(python.code).toBe('bench.python')
    return
  }
  const sizes = { base: 8, size: 8, tiny: true }
  for (const [program, network] of [
    ['paper', paperNetwork(sizes)],
    ['small', smallNetwork(sizes)],
  ] as const) {
    const file = await writeCheck(network, folder)
    const said = runPeer<{ parameters: number; error: number; gradientError: number }>(python, [
      `bench/peer/pytorch/${program}.py`,
      'check',
      file,
    ])
    expect(said.parameters).toBe(flatSize(network.parameters))
    expect(said.error).toBeLessThan(1e-5)
    expect(said.gradientError).toBeLessThan(1e-4)
  }
})

test('what is required is not more than what is aimed at', () => {
  for (const { required, aim } of CASES) expect(required).toBeLessThanOrEqual(aim)
})
