/** A CLIP model beside rewards that do not look through it. */
import { expect, test } from 'vitest'
import { jobNamed } from '../jobs.ts'
import { requireClipUsed } from './clipUsed.ts'
import { resolveEntropyConfig } from './settings.ts'

const of = (values: Readonly<Record<string, unknown>>) => resolveEntropyConfig([{ source: 'the flags', values }])

test('is refused before anything is opened, in the plan and in the work', async () => {
  const config = of({ preset: 'tiny', clip: 'nowhere', judge: 'clip-score:captioned-digits/judge' })
  const refused = {
    code: 'config.clip',
    message: expect.stringMatching(
      /got nowhere with 'ink' and 'clip-score:captioned-digits\/judge', none of which looks through it; leave it out \(--clip none\)/,
    ),
  }
  await expect(jobNamed('entropy').plan?.(config, '')).rejects.toMatchObject(refused)
  expect(() => requireClipUsed(config)).toThrow(expect.objectContaining(refused))
})

test('is taken where a reward, the judge or a witness looks through it, or where it is the preset that names it', () => {
  for (const values of [
    { reward: 'ink + .1*clip-head:head.safetensors' },
    { judge: 'clip-score' },
    { witness: 'clip-score' },
    { preset: 'prompts', reward: 'ink', judge: 'symmetry', witness: null, clip: 'captioned-digits/clip' },
  ])
    requireClipUsed(of({ preset: 'tiny', clip: 'folder', ...values }))
})
