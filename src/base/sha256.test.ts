import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { machine, PLAIN_MACHINE, useMachine } from './machine.ts'
import { sha256, sha256Stream } from './sha256.ts'

const usual = machine()

describe.each([
  ['of plain JavaScript', PLAIN_MACHINE],
  ['of the machine that tests run on', usual],
])('SHA-256 %s', (_, own) => {
  const using = <T>(work: () => T): T => {
    useMachine(own)
    try {
      return work()
    } finally {
      useMachine(usual)
    }
  }

  // FIPS 180-4, examples of NIST.
  it.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
  ])("of '%s'", (text, hash) => {
    expect(using(() => sha256(text))).toBe(hash)
  })

  it('takes texts as UTF-8 and views of bytes, in parts or at once', () => {
    const bytes = randomBytes(1000)
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset + 3, 700)
    const truth = createHash('sha256').update('größer λ 😀\n').update(view).digest('hex')
    expect(using(() => sha256('größer λ 😀\n', view))).toBe(truth)
    const inParts = using(() => sha256Stream().update('größer').update(' λ 😀\n').update(view.subarray(0, 65)))
    expect(inParts.update(view.subarray(65)).hex()).toBe(truth)
  })
})
