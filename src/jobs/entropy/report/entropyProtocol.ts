/** How the numbers were made, on what, and how to use what was found. */

import { samplerNamed } from '../../../diffusion/index.ts'
import type { Html } from '../../../report/index.ts'
import { count, html, significant } from '../../../report/index.ts'
import { durationText, isRecord, pathArgument } from '../../../runs/index.ts'
import type { EntropyEstimator, EntropyResult } from '../../../tuners/index.ts'
import { modulesIn } from '../../opening/namedCode.ts'
import { checkingText } from '../../reporting/checkingText.ts'
import { classItems } from '../../reporting/classItems.ts'
import type { EntropyContext } from '../../reporting/context.ts'
import { commands, sampleCommand } from '../../reporting/usage.ts'

const ESTIMATOR_WORDS: Readonly<Record<Exclude<EntropyEstimator, 'auto'>, string>> = {
  importance: 'self-normalised importance sampling from base samples',
  paths: 'pools of guided paths, weighted by their path statistics A and B',
  'score-function': 'score function of the guided chain: the covariance of judge and path statistics',
  'paired-differences': 'the guided chain at neighbouring scales from the same noise',
  smc: 'sequential Monte Carlo with resampling and tempering; standard errors from independent repetitions',
}

export function entropyProtocol(result: EntropyResult, context: EntropyContext): Html {
  const { networkEvaluations: spent, lambdaRange, tolerance, estimator, seconds, featureNetwork } = result
  const { peakMemoryMiB, versions } = context
  const items: [string, string][] = [
    [
      'Problem',
      'maximise the judge E r1 over λ, where samples follow max E r2 − λ KL(p ‖ p0); p0 is what the base sampler draws',
    ],
    [
      'Range and tolerance',
      `λ in [${lambdaRange.map((end) => significant(end)).join(', ')}]; resolved needs high/low within ${significant(tolerance)}`,
    ],
    ['Estimator', `${estimator}: ${ESTIMATOR_WORDS[estimator]}`],
    ['Sampler', samplerText(result)],
    ...classItems(context),
    ['Guided steps', `those with noise and signal² above ${significant(result.minimumAlphaBar)}`],
    [
      'Interval',
      'where the 95 % interval of the gradient in log λ contains 0; decided by images drawn for nothing else, or by pools whose weights are nearly even',
    ],
    [
      'Trusted',
      'points of the curve drawn directly, or weighted with an effective sample size of at least half the images, or by particles of which each population descends from at least 30 effective starts; the others are grey',
    ],
    [
      'Diversity',
      featureNetwork === null ? 'not measured: no features' : `mean pairwise distance in ${featureNetwork}`,
    ],
    [
      'Network evaluations',
      `${count(spent.total)}: explore ${count(spent.explore)}, refine ${count(spent.refine)}, confirm ${count(spent.confirm)}, curve ${count(spent.curve)}; a derivative counts 2${checkingText(context)}`,
    ],
    ['Time', durationText(seconds)],
    ['Peak memory', peakMemoryMiB === null ? 'not measured' : `${count(peakMemoryMiB)} MiB`],
    ['Versions', listed(versions)],
    ...Object.entries(context.sources).flatMap(([name, source]): [string, string][] =>
      isRecord(source) ? [[`Source: ${name}`, listed(source)]] : [],
    ),
  ]
  return html`<dl>${items.map(([term, text]) => html`<dt>${term}</dt><dd>${text}</dd>\n`)}</dl>`
}

const listed = (facts: Readonly<Record<string, unknown>>): string =>
  Object.entries(facts)
    .map(([name, fact]) => `${name} ${String(fact)}`)
    .join(', ')

function samplerText({ sampler: settings, samplingSteps }: EntropyResult): string {
  const { sampler, clip, clippedNoise, noisyLastStep } = settings
  const words = samplerNamed(sampler).words(settings, significant)
  const clipping =
    clip === null ? 'x0Hat not clipped' : `x0Hat clipped to [${clip.join(', ')}], predicted noise: ${clippedNoise}`
  return `${words}, ${samplingSteps} steps, ${clipping}${noisyLastStep ? ', last step with noise' : ''}`
}

/** How to draw with what was found. @param place of its files, as the page names them */
export function entropyUsage({ target }: EntropyResult, context: EntropyContext, place = ''): Html {
  const code = modulesIn([String(context.config.reward)]).length > 0 ? ['--allow-code'] : []
  const guidance = context.guidance === undefined ? [] : ['--guidance', pathArgument(context.guidance)]
  const words =
    target === 'guided'
      ? 'Images guided at the chosen λ, with the same sampler; image i of a seed is the same in any number of them:'
      : 'Images of the tilted distribution at the chosen λ, drawn by weighted particles; an image depends on how many are drawn:'
  return html`<p>${words}</p>
${commands(context, [sampleCommand(context, [...guidance, '--count', '100', ...code])])}
<dl class="files">
<dt><code>${place}guidance.json</code></dt><dd>λ with its interval, reward, sampler and schedule, for <code>bilevel sample --guidance</code></dd>
<dt><code>${place}samples/</code></dt><dd>the grids of this page, and their exact values as safetensors</dd>
<dt><code>${place}result.json</code></dt><dd>the numbers of this page</dd></dl>`
}
