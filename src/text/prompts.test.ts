import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { promptSetsOf } from './index.ts'

const TEXT = `\ufeff# two sets
[warm]
a red three on blue

  a yellow nine, [sic]
[ cold colours ]
a cyan two`
const SETS = [
  { name: 'warm', prompts: ['a red three on blue', 'a yellow nine, [sic]'] },
  { name: 'cold colours', prompts: ['a cyan two'] },
]

describe('sets of prompts', () => {
  test('of a text by headings, of JSON by names, or one without a name', () => {
    expect(promptSetsOf(TEXT.slice(1), 'p.txt')).toEqual(SETS)
    const byName = Object.fromEntries(SETS.map(({ name, prompts }) => [name, prompts]))
    expect(promptSetsOf(JSON.stringify(byName), 'P.JSON')).toEqual(SETS)
    expect(promptSetsOf('a\n\n# b\nc [d]\n', 'p.txt')).toEqual([{ name: null, prompts: ['a', 'c [d]'] }])
    expect(promptSetsOf('["a", "# b"]', 'p.json')).toEqual([{ name: null, prompts: ['a', '# b'] }])
  })

  test('what is written as JSON is read back, whatever the prompts hold', () => {
    const prompt = fc.string({ minLength: 1 }).map((text) => `x${text}x`)
    const sets = fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), fc.array(prompt, { minLength: 1 }), { minKeys: 1 })
    fc.assert(
      fc.property(sets, (byName) => {
        const read = promptSetsOf(JSON.stringify(byName), 'p.json')
        expect(read).toEqual(Object.entries(byName).map(([name, prompts]) => ({ name, prompts })))
      }),
    )
  })

  test.each([
    ['[a]\nx\n[b]\n', 'p.txt', /every set of 'p.txt' must hold a prompt, 'b' holds none/],
    ['{"a":["x"],"b":[" "]}', 'p.json', /every set of 'p.json' must hold a prompt, 'b' holds none/],
    ['[a]\nx\n[A]\ny\n', 'p.txt', /must have names of their own, 'A' is there twice/],
    ['{"a":["x"],"b":["{\\"b\\":"],"\\u0061":["y"]}', 'p.json', /must have names of their own, 'a' is there twice/],
    ['x\n[a]\ny\n', 'p.txt', /'x' stands above \[a\]; move it below a heading/],
    ['[]\nx\n', 'p.txt', /name of a set is a folder's too.*has ''/],
    ['[../a]\nx\n', 'p.txt', /name of a set is a folder's too.*has '..\/a'/],
    ['{"a":"x"}', 'p.json', /'a' is no list of texts/],
    ['3', 'p.json', /it is neither/],
    ['{"a":["x"]', 'p.json', /'p.json' must be JSON, as its name says/],
    ['# nothing\n', 'p.txt', /must hold a prompt a line, it holds none/],
    ['[]', 'p.json', /must hold a prompt a line, it holds none/],
  ])('%j is refused', (text, path, error) => {
    expect(() => promptSetsOf(text, path)).toThrow(error)
  })
})
