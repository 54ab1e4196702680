/** Text-to-image folders as jobs open them: prompts are classes, and what a CLIP score rates by. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openEntropyInputs } from '../entropy/open.ts'
import { resolveEntropyConfig } from '../entropy/settings.ts'

let folder: string
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prompt-model-'))
  await cp('src/diffusion/files/fixtures/prompts', at('model'), { recursive: true })
  await cp('src/rewards/clip/fixtures', at('clip'), { recursive: true })
  for (const part of ['model', 'clip'])
    await cp('src/text/fixtures/tokenizer', at(`${part}/tokenizer`), { recursive: true })
  await writeFile(at('prompts.txt'), 'a red three on blue\nthe number 7, white on black\n')
})
afterAll(() => rm(folder, { recursive: true }))

const open = (values: Record<string, unknown>) =>
  openEntropyInputs(
    resolveEntropyConfig([
      {
        source: 'the test',
        values: {
          model: at('model'),
          data: null,
          trustConvention: true,
          judge: 'ink',
          reward: 'clip-score',
          clip: at('clip'),
          prompts: at('prompts.txt'),
          class: 'the number 7, white on black',
          guidanceScale: 3,
          steps: 3,
          chunk: 2,
          ...values,
        },
      },
    ]),
  )

test('a prompt is asked for by its words, guided to, rated by, and has a derivative', async () => {
  const inputs = await open({})
  const { denoiser, reward, condition } = inputs.subject
  expect(inputs.model).toMatchObject({
    classes: 2,
    nullClass: 2,
    classNames: ['a red three on blue', 'the number 7, white on black'],
  })
  expect(condition?.(5)).toBe(1)
  expect([denoiser.evaluationsEach, denoiser.differentiable, reward.differentiable]).toEqual([2, true, true])
  expect(reward).toMatchObject({ name: 'clip-score[clip]', needsClasses: true })
  await inputs.close()
})

test('without prompts it is refused, and so is a score without a model', async () => {
  await expect(open({ prompts: null })).rejects.toThrow(/makes images of prompts: give them with --prompts FILE/)
  await expect(open({ clip: null })).rejects.toThrow(/clip-score looks through a CLIP model, there is none/)
})
