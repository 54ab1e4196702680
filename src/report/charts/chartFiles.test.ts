/** Files of charts stand alone: the page's figures with their titles and legends, no custom properties, pictures that show something. */
import { decode } from 'fast-png'
import { parseHTML } from 'linkedom'
import { expect, test } from 'vitest'
import { renderEntropyReport } from '../../jobs/entropy/report/entropyReport.ts'
import { ENTROPY_CONTEXT, RESOLVED } from '../../jobs/entropy/report/entropyResult.fixture.ts'
import { renderScheduleReport } from '../../jobs/schedule/report/scheduleReport.ts'
import { CONTEXT, WON } from '../../jobs/schedule/report/scheduleResult.fixture.ts'
import { chartFiles } from './chartFiles.ts'

test('one file for each figure of a page, named after its title', async () => {
  const schedule = await chartFiles(await renderScheduleReport(WON, CONTEXT))
  expect(schedule.map(({ name }) => name)).toEqual([
    'fid-against-number-of-steps',
    'fid-over-the-tuning-iterations',
    'noise-level-of-each-step',
    'noise-level-and-told-time',
    ...Object.keys(WON.history[0].parameters).map((name) => `parameter-${name}`),
  ])
  const entropy = await chartFiles(await renderEntropyReport(RESOLVED, ENTROPY_CONTEXT))
  expect(entropy.map(({ name }) => name)).toContain('gradient-in-log-lambda')
  for (const { name, svg, png } of [...schedule, ...entropy]) {
    expect(svg, name).not.toMatch(/var\(|NaN|undefined/)
    const { documentElement: root } = parseHTML(svg).document
    const [width, height] = ['width', 'height'].map((side) => Number(root.getAttribute(side)))
    const image = decode(png)
    expect([image.width, image.height], name).toEqual([2 * width, 2 * height])
    const colours = new Set<string>()
    for (let i = 0; i < image.data.length; i += image.channels) colours.add(image.data.slice(i, i + 3).join())
    expect(colours.size, name).toBeGreaterThan(10)
  }
})

test('title and legend are in the file, one swatch for each series', async () => {
  const [first] = await chartFiles(await renderScheduleReport(WON, CONTEXT))
  const words = [...parseHTML(first.svg).document.querySelectorAll('text')].map((text) => text.textContent)
  for (const word of ['FID against number of steps', 'default DDIM', 'best default', 'learned'])
    expect(words).toContain(word)
})
