/** The head of the page: the claim, and a card for each way of sampling with its distance and its images from the same seeds. */

import type { Html } from '../../../report/index.ts'
import { count, dataUri, fixed, gridImage, html, percent } from '../../../report/index.ts'
import type { SampleGrid, ScheduleResult } from '../../../tuners/index.ts'
import type { ReportContext } from '../../reporting/context.ts'
import { judgeKnowledgeText } from './judgeKnowledge.ts'
import { measureLabel, measureOf, measureSentence } from './measure.ts'
import type { Role } from './roles.ts'
import { ROLES, rowOf } from './roles.ts'
import { decimalsOf, verdictOf } from './verdict.ts'

/** Width to which grids are enlarged, in CSS pixels, and images across. */
const GRID_WIDTH = 230
const GRID_COLUMNS = 4

const LEARNED: Readonly<Record<ScheduleResult['learn'], string>> = {
  tied: 'one schedule for training and sampling',
  sampling: 'sampling schedule',
  both: 'training and sampling schedules',
}

export function headline(result: ScheduleResult, context: ReportContext): Html {
  const { run, preset } = context
  const { outcome, title, sentences } = verdictOf(result)
  const { seed, learn, sampler, samplingSteps, judgeNetwork, objective, objectiveWords } = result
  const job = [
    run,
    preset === null ? 'no preset' : `preset ${preset}`,
    `seed ${seed}`,
    `learned: ${LEARNED[learn]}, for ${sampler} at ${samplingSteps} steps`,
    ...(objective === 'fid' ? [] : [`objective ${objective}: ${objectiveWords}`]),
  ]
  return html`<header>
<p class="kicker">${job.join(' · ')}</p>
<h1 class="${outcome}">${title}</h1>
${sentences.map((sentence) => html`<p>${sentence}</p>\n`)}
<p class="soft">${measureSentence(result)}
${errorText(result)}${
  judgeNetwork !== null &&
  html` Recognised: share of images with more than 0.9 confidence of <code>${judgeNetwork}</code>${judgeKnowledgeText(context)}.`
}</p>
${(context.notes ?? []).map((note) => html`<p class="soft">Note: ${note}.</p>\n`)}</header>`
}

function errorText({ protocol: { samplingSeeds, samplesPerSeed } }: ScheduleResult): string {
  const images = `${count(samplesPerSeed)} images`
  if (samplingSeeds.length === 1) return `One sampling seed of ${images}, so nothing is known about chance.`
  const error = `± is one standard error over ${samplingSeeds.length} sampling seeds of ${images}`
  return `${error}. Better and worse mean a paired difference beyond two standard errors.`
}

export function cards(result: ScheduleResult): Html {
  return html`<section aria-label="Results at a glance"><div class="cards">${ROLES.map((role) => card(result, role))}</div>
<p class="soft">The same seeds in every panel: images at the same place start from the same noise. The first images of one seed, not selected.</p></section>`
}

const TITLES: Readonly<Record<Role, (steps: number) => string>> = {
  default: (steps) => `Default, ${steps} steps`,
  best: (steps) => `Best default, ${steps} steps`,
  start: (steps) => `Start, not tuned, ${steps} steps`,
  learned: (steps) => `Learned, ${steps} steps`,
  many: (steps) => `Default, ${steps} steps`,
}

function card(result: ScheduleResult, role: Role): Html {
  const row = rowOf(result, role)
  const grid = result.grids.find(({ label }) => label === row.label)
  const decimals = decimalsOf(result)
  const { mean, standardError } = measureOf(result, row)
  return html`<article class="card ${role}">
<h3>${TITLES[role](row.steps)}</h3>
<div class="value">${fixed(mean, decimals)} <small>${standardError !== null && `± ${fixed(standardError, decimals)}`} ${measureLabel(result)}</small></div>
<div class="soft">${row.sampler}, ${row.stepList}${row.recognised !== null && `; ${percent(row.recognised)} recognised`}</div>
${grid ? picture(grid, role) : html`<p class="soft">no sample images</p>`}
</article>`
}

function picture(grid: SampleGrid, role: Role): Html {
  const { png, width, height } = gridImage(grid, GRID_COLUMNS)
  const scale = Math.max(1, Math.floor(GRID_WIDTH / width))
  return html`<img data-role="${role}" class="${scale > 1 && 'pixels'}" width="${width * scale}" height="${height * scale}" alt="${
    grid.count
  } samples, ${grid.label}" src="${dataUri(png)}">`
}
