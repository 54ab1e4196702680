import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { describedAtOnce, describedModel } from './modelSettings.ts'

it('what is given by hand counts over the JSON file beside the model, defaults too; what is not given does not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'described-'))
  const path = join(folder, 'm.onnx')
  await writeFile(join(folder, 'm.model.json'), JSON.stringify({ timeScale: 0.001, pixels: [0, 1], classes: 3 }))
  try {
    for (const described of [describedModel, describedAtOnce]) {
      const none = await described(path, { timeScale: null, modelPixels: null, modelClasses: null })
      expect(none).toEqual({ timeScale: 0.001, pixels: [0, 1], classes: 3 })
      const given = await described(path, { timeScale: 1, modelPixels: [-1, 1] })
      expect(given).toEqual({ timeScale: 1, pixels: [-1, 1], classes: 3 })
    }
  } finally {
    await rm(folder, { recursive: true })
  }
})
