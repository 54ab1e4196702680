import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { zipSync } from 'fflate'
import { describe, expect, test } from 'vitest'
import { readStatistics, writeStatistics } from './files/index.ts'
import { referenceFromStatistics, referenceMoments } from './frechetReference.ts'
import { randomFeatures } from './gold.fixture.ts'
import { encodeStatistics, parseStatistics } from './npz.ts'

const FIXTURES = 'src/metrics/fixtures'
const mu = [0.5, -1.25, 3e-9, 7]
const rows = Array.from({ length: 4 }, (_, i) => Array.from({ length: 4 }, (_, j) => (4 * i + j) / 7))
const sigma = rows.flatMap((a) => rows.map((b) => a.reduce((sum, value, l) => sum + value * b[l], 0)))

describe('files that NumPy wrote', () => {
  test('stored, float64', async () => {
    const { mean, covariance, count } = await readStatistics(`${FIXTURES}/numpy-stored.npz`)
    expect([...mean]).toEqual(mu)
    covariance.forEach((value, i) => {
      expect(value).toBeCloseTo(sigma[i], 12)
    })
    expect(count).toBeNull()
  })

  test('deflated, mu in float32, sigma in column order, an array that is not ours', async () => {
    const { mean, covariance } = await readStatistics(`${FIXTURES}/numpy-deflated.npz`)
    expect([...mean]).toEqual(mu.map(Math.fround))
    covariance.forEach((value, i) => {
      expect(value).toBeCloseTo(sigma[i], 12)
    })
  })

  test('arrays of integers are refused by their header', async () => {
    await expect(readStatistics(`${FIXTURES}/numpy-integers.npz`)).rejects.toThrow(/mu: its header is .*<i8/)
  })
})

test('what is written is read back to the bit', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'npz-'))
  try {
    const reference = referenceMoments(randomFeatures(30, 7, 1))
    const path = join(folder, 'reference.npz')
    await writeStatistics(path, reference)
    const back = await readStatistics(path)
    expect([...back.mean]).toEqual([...reference.mean])
    expect([...back.covariance]).toEqual([...reference.covariance])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

describe('bad files', () => {
  const good = encodeStatistics(referenceFromStatistics(Float64Array.of(1, 2), Float64Array.of(1, 0, 0, 1)))

  test.each([
    ['missing file', () => readStatistics('no/such.npz'), /it cannot be read \(ENOENT/],
    [
      'no archive',
      async () => parseStatistics(new TextEncoder().encode('hello'), 'x.npz'),
      /x\.npz: it is no \.npz archive/,
    ],
    ['no sigma', async () => parseStatistics(renamed(good), 'x.npz'), /it has no array 'sigma'/],
    [
      'not square',
      async () => parseStatistics(patched(good, '(2, 2)', '(1, 4)'), 'x.npz'),
      /mu \[2\] and sigma \[1,4\]/,
    ],
    [
      'a claim of more than there is',
      async () => parseStatistics(claiming(good, 0xffff_fff0), 'x.npz'),
      /mu\.npy says that it holds 4294967280 bytes, in \d+/,
    ],
    ['a bomb', async () => parseStatistics(bomb(), 'x.npz'), /mu\.npy says that it holds 600000000 bytes/],
    ['a shape of many', async () => parseStatistics(patched(good, '(2, 2)', '(9,9e)'), 'x.npz'), /header/],
    [
      'numbers that are not there',
      async () => parseStatistics(patched(good, '(2,), }         ', '(1000000000000,)'), 'x.npz'),
      /must hold 1000000000000 numbers/,
    ],
    ['too few numbers', async () => parseStatistics(patched(good, '(2, 2)', '(3, 3)'), 'x.npz'), /must hold 9 numbers/],
  ])('%s', async (_, call, message) => {
    await expect(call()).rejects.toThrow(message)
  })

  test('cut or flipped bytes never give a crash of another kind', () => {
    const bytes = readFileSync(`${FIXTURES}/numpy-deflated.npz`)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), (at, value, cut) => {
        const bad = cut ? bytes.subarray(0, at) : Uint8Array.from(bytes, (byte, i) => (i === at ? value : byte))
        try {
          parseStatistics(bad, 'x.npz')
        } catch (error) {
          expect(error).toHaveProperty('code', expect.stringMatching(/^metrics\.(statistics|reference)$/))
        }
      }),
      { numRuns: 300, seed: 1 },
    )
  })
})

/** Replaces text in an uncompressed archive by text of the same length. */
function patched(bytes: Uint8Array, from: string, to: string): Uint8Array {
  return Buffer.from(Buffer.from(bytes).toString('latin1').replaceAll(from, to), 'latin1')
}

/** The archive's directory says another size of its first file. */
function claiming(bytes: Uint8Array, size: number): Uint8Array {
  const changed = Buffer.from(bytes)
  changed.writeUInt32LE(size, changed.indexOf('PK\x01\x02') + 24)
  return changed
}

/** An archive whose first file says 600 MB, in as many bytes as could inflate to it. */
function bomb(): Uint8Array {
  const files = { 'mu.npy': new Uint8Array(700_000), 'sigma.npy': new Uint8Array(1) }
  return claiming(zipSync(files, { level: 0 }), 600_000_000)
}

function renamed(bytes: Uint8Array): Uint8Array {
  return patched(bytes, 'sigma.npy', 'other.npy')
}
