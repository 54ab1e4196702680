/** The published faults can still be put into the sources: each edit names a text that is there once. Their proof is slower: proof:faults. */
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { edited, FAULTS } from '../scripts/faults.ts'

test.each(FAULTS)('$fault ($place)', ({ edits, tests }) => {
  expect(edits.length).toBeGreaterThan(0)
  for (const edit of edits) {
    const text = readFileSync(edit.file, 'utf8')
    expect(edited(text, edit)).not.toBe(text)
  }
  for (const file of tests) expect(existsSync(file), file).toBe(true)
})

test('an edit that misses, or hits twice, is refused', () => {
  const edit = { file: 'x.ts', from: 'a', to: 'b' }
  expect(edited('1a2', edit)).toBe('1b2')
  expect(edited('a', { ...edit, to: "$& $'" })).toBe("$& $'")
  expect(() => edited('none', { ...edit, from: 'z' })).toThrow('exactly once')
  expect(() => edited('aa', edit)).toThrow('it does 2 times')
})
