/** Modules that were moved are known by their hash; another one is refused wherever it lies. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { codeHashes, requireRecordedCode } from './namedCode.ts'

test('a moved module, a changed one, and one that nothing is recorded of', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bilevel-code-'))
  try {
    const [old, moved, other] = ['old.js', 'moved.js', 'other.js'].map((name) => join(folder, name))
    for (const path of [old, moved]) await writeFile(path, 'export default () => [1]\n')
    await writeFile(other, 'export default () => [2]\n')
    const recorded = await codeHashes([old])
    await requireRecordedCode('manifest.json', [old], recorded)
    await requireRecordedCode('manifest.json', [`2*${moved}`], recorded)
    await expect(requireRecordedCode('manifest.json', [other], recorded)).rejects.toMatchObject({
      code: 'code.changed',
    })
    await expect(requireRecordedCode('manifest.json', [moved], undefined)).rejects.toMatchObject({
      code: 'code.changed',
    })
    // At the recorded place it must be the recorded module, whatever else is recorded.
    await writeFile(old, 'export default () => [2]\n')
    const both = { ...recorded, ...(await codeHashes([other])) }
    await expect(requireRecordedCode('manifest.json', [old], both)).rejects.toMatchObject({ code: 'code.changed' })
  } finally {
    await rm(folder, { recursive: true })
  }
})
