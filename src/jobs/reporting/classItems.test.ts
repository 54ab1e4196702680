import { expect, test } from 'vitest'
import { classItems } from './classItems.ts'

test.each([
  [{}, null],
  [{ class: null, guidanceScale: null }, null],
  [{ class: 'unconditional', guidanceScale: 1 }, null],
  [{ class: 3, guidanceScale: 1 }, 'generated images are of class 3'],
  [
    { class: null, guidanceScale: 2.5 },
    /^generated images are of the classes in turn, by classifier-free guidance at scale 2.5: /,
  ],
])('of %j it is said %s', (config, wanted) => {
  const items = classItems({ config })
  if (wanted === null) expect(items).toEqual([])
  else expect(items).toEqual([['Classes', wanted instanceof RegExp ? expect.stringMatching(wanted) : wanted]])
})
