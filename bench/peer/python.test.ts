/** Finding a Python with PyTorch, and where there is one, that both PyTorch networks are ours. */
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
import { findPython, runPeer } from './python.ts'

const folder = mkdtempSync(join(tmpdir(), 'bilevel-peer-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function pythonHere(): Python | BilevelError {
  try {
    return findPython()
  } catch (error) {
    if (error instanceof BilevelError) return error
    throw error
  }
}

test('a Python without PyTorch, or none at all: what is missing and what to install', () => {
  for (const command of [join(folder, 'nowhere'), process.execPath]) {
    expect(() => findPython(command)).toThrow(expect.objectContaining({ code: 'bench.python', kind: 'device' }))
    expect(() => findPython(command)).toThrow(/python3-torch libopenblas0.*PYTHON=/)
  }
})

test('a program that fails says so in its own words', () => {
  const python = { command: process.execPath, torch: '', blas: '' }
  expect(() => runPeer(python, ['-e', 'throw new Error("no such layer")'])).toThrow(/got 1: .*no such layer/s)
  expect(runPeer(python, ['-e', 'console.log(JSON.stringify({ a: process.env.MALLOC_TRIM_THRESHOLD_ }))'])).toEqual({
    a: '10000000000',
  })
})

test('both networks in PyTorch: as many parameters, the same outputs; without PyTorch the comparison says what to install', async () => {
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
    const said = runPeer<{ parameters: number; error: number }>(python, [
      `bench/peer/pytorch/${program}.py`,
      'check',
      file,
    ])
    expect(said.parameters).toBe(flatSize(network.parameters))
    expect(said.error).toBeLessThan(1e-5)
  }
})

test('what is required is not more than what is aimed at', () => {
  for (const { required, aim } of CASES) expect(required).toBeLessThanOrEqual(aim)
})
