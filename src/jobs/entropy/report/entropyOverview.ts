/** The head of the page: what came out, and a card for each strength of guidance with its rewards and its images from the same seeds. */

import { sizeOf } from '../../../base/index.ts'
import { samplerNamed } from '../../../diffusion/index.ts'
import type { MeanAndStandardError } from '../../../metrics/index.ts'
import type { Html } from '../../../report/index.ts'
import { dataUri, gridImage, html, significant, toItsError } from '../../../report/index.ts'
import type { EntropyGrid, EntropyResult } from '../../../tuners/index.ts'
import type { EntropyContext } from '../../reporting/context.ts'
import { believedAt, entropyVerdict, lambdaText, ownCurve, TARGET_WORDS } from './entropyVerdict.ts'

/** Width to which grids are enlarged, in CSS pixels, and images across. */
const GRID_WIDTH = 230
const GRID_COLUMNS = 4
/** Images of a card at most: the first ones. All are in samples/. */
const MOST_SHOWN = 40

export function entropyHeadline(result: EntropyResult, { run, preset, model, notes }: EntropyContext): Html {
  const { outcome, title, sentences } = entropyVerdict(result)
  const { seed, target, gamma, samplingSteps, sampler } = result
  const job = [
    run,
    preset === null ? 'no preset' : `preset ${preset}`,
    `seed ${seed}`,
    `${model}, ${samplingSteps} steps of ${sampler.sampler}${samplerNamed(sampler.sampler).takes.includes('eta') ? ` with eta ${significant(sampler.eta)}` : ''}`,
    `target ${target}${gamma === null ? '' : ` at gamma ${significant(gamma)}`}: ${TARGET_WORDS[target]}`,
  ]
  return html`<header>
<p class="kicker">${job.join(' · ')}</p>
<h1 class="${outcome}">${title}</h1>
${sentences.map((sentence) => html`<p>${sentence}</p>\n`)}
<p class="soft">λ weighs the KL divergence from the pretrained model against the reward; 1/λ is the guidance scale. Judge (r1): <code>${
    result.judgeName
  }</code>. Chased reward (r2): <code>${result.rewardName}</code>. ± is one standard error; better and worse mean more than three.</p>
${notes.map((note) => html`<p class="soft">Note: ${note}.</p>\n`)}</header>`
}

const ROLE_CLASS: Readonly<Record<EntropyGrid['label'], string>> = {
  base: 'default',
  weak: 'best',
  chosen: 'many',
  strongest: 'learned',
}

const CARD_TITLES: Readonly<Record<EntropyGrid['label'], string>> = {
  base: 'Base',
  weak: 'Weak',
  chosen: 'Chosen',
  strongest: 'Strongest',
}

interface CardNumbers {
  readonly upper: MeanAndStandardError
  readonly lower: MeanAndStandardError
  readonly diversity: MeanAndStandardError | null
  readonly trusted: boolean
}

export function entropyCards(result: EntropyResult): Html {
  const { grids, target } = result
  const same =
    target === 'guided'
      ? 'Images at the same place start from the same noise and get the same noise at each step. The first images of the seed, not selected.'
      : 'Images of the tilted distribution are resampled by weight; those of one source repeat.'
  return html`<section aria-label="Results at a glance"><div class="cards">${grids.map((grid) => card(result, grid))}</div>
<p class="soft">${same}</p></section>`
}

function card(result: EntropyResult, grid: EntropyGrid): Html {
  const numbers = numbersAt(result, grid)
  const lambda = grid.lambda === null ? 'λ → ∞' : `λ = ${lambdaText(grid.lambda)}`
  return html`<article class="card ${ROLE_CLASS[grid.label]}">
<h3>${CARD_TITLES[grid.label]}, ${lambda}</h3>
${numbers ? values(numbers) : html`<div class="soft">not on the curve</div>`}
${picture(grid)}
</article>`
}

function values({ upper, lower, diversity, trusted }: CardNumbers): Html {
  const [mean, error] = toItsError(upper).split('\u00a0±\u00a0')
  return html`<div class="value">${mean} <small>${error !== undefined && `± ${error}`} judge</small></div>
<div class="soft">reward ${toItsError(lower)}${diversity && html`<br>diversity ${toItsError(diversity)}`}${
    !trusted && html`<br>not to be believed: few effective images`
  }</div>`
}

/** The numbers that stand beside a grid; null where nothing was measured at its lambda. */
function numbersAt(result: EntropyResult, { label, lambda }: EntropyGrid): CardNumbers | null {
  const place = { base: 'base', chosen: 'tuned', strongest: 'lambdaMin', weak: null } as const
  const key = place[label]
  if (key !== null) {
    const trusted = lambda === null || believedAt(result, lambda)
    return { upper: result.upper[key], lower: result.lower[key], diversity: result.diversity?.[key] ?? null, trusted }
  }
  const kind = ownCurve(result.target)
  const near = (other: number) => lambda !== null && Math.abs(Math.log(other / lambda)) < 1e-6
  return result.curve.find((point) => point.target === kind && near(point.lambda)) ?? null
}

function picture(grid: EntropyGrid): Html {
  const count = Math.min(grid.count, MOST_SHOWN)
  const images = grid.images.subarray(0, count * sizeOf(grid.shape))
  const { png, width, height } = gridImage({ ...grid, count, images }, GRID_COLUMNS)
  const scale = Math.max(1, Math.floor(GRID_WIDTH / width))
  return html`<img data-grid="${grid.label}" class="${scale > 1 && 'pixels'}" width="${width * scale}" height="${height * scale}" alt="${
    count
  } samples, ${CARD_TITLES[grid.label]}" src="${dataUri(png)}">`
}
