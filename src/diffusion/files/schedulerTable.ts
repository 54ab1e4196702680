/** What is read of every scheduler class of diffusers, as a page (docs/schedulers.md), from the tables that the readers go by. */
import { BilevelError } from '../../base/index.ts'
import { readScheduler } from './diffusersScheduler.ts'
import { OWN_SAMPLER } from './foreignScheduler.ts'
import { FLOW_CLASSES, OTHER_CLASSES, SCHEDULER_CLASSES } from './schedulerClasses.ts'

/** `exactly`: a run of the class by itself is reproduced; `read`: its levels and times, with other steps; `refused`. */
export type Reading = 'exactly' | 'read' | 'refused'

export interface ClassRow {
  readonly name: string
  readonly reading: Reading
  /** How it is sampled, what differs, or why it is refused. */
  readonly words: string
}

/** Every class, in the order of their names. */
export function classRows(): readonly ClassRow[] {
  const betas = Object.entries(SCHEDULER_CLASSES).map(([name, { steps, ownSteps, sampler, eta }]): ClassRow => {
    const here = eta === 1 ? `${sampler}, eta 1` : sampler
    if (steps === null) {
      const own = `its own steps, ${ownSteps}, are not here`
      return {
        name,
        reading: 'read',
        words: `levels, told times and clipping; ${own}: sampled with ${here} or another`,
      }
    }
    const other = ownSteps === null ? `with ${here}, which takes its steps in most settings` : `with ${here} by default`
    return { name, reading: 'exactly', words: `${OWN_SAMPLER}; or its levels and times ${other}` }
  })
  const flows = Object.keys(FLOW_CLASSES).map((name): ClassRow => {
    const shift = name.includes('Heun') ? '' : '; a dynamic shift is that of the image, in patches of 2 x 2'
    return {
      name,
      reading: 'exactly',
      words: `a flow: ${OWN_SAMPLER}; or its levels and times with ddim, which is Euler there${shift}`,
    }
  })
  const others = Object.entries(OTHER_CLASSES).map(
    ([name, reason]): ClassRow => ({ name, reading: 'refused', words: reason }),
  )
  return [...betas, ...flows, ...others].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Settings that are refused, each with the number of steps at which it is. */
const REFUSED: readonly (readonly [string, Readonly<Record<string, unknown>>, number])[] = [
  ['DPMSolverMultistepScheduler', { algorithm_type: 'dpmsolver' }, 10],
  [
    'DPMSolverMultistepScheduler',
    { algorithm_type: 'sde-dpmsolver', solver_order: 3, final_sigmas_type: 'sigma_min' },
    10,
  ],
  ['DPMSolverMultistepScheduler', { use_karras_sigmas: true, beta_schedule: 'squaredcos_cap_v2' }, 10],
  ['DPMSolverMultistepScheduler', { use_flow_sigmas: true, use_karras_sigmas: true }, 10],
  ['DPMSolverMultistepScheduler', { use_flow_sigmas: true, use_dynamic_shifting: true }, 10],
  ['UniPCMultistepScheduler', { solver_type: 'bh1' }, 10],
  ['UniPCMultistepScheduler', { predict_x0: false }, 10],
  ['UniPCMultistepScheduler', { lower_order_final: false }, 10],
  ['UniPCMultistepScheduler', { shift_terminal: 0.1 }, 10],
  ['UniPCMultistepScheduler', { prediction_type: 'flow_prediction' }, 10],
  ['EulerDiscreteScheduler', { use_karras_sigmas: true, use_beta_sigmas: true }, 10],
  ['EulerDiscreteScheduler', { timestep_type: 'continuous' }, 10],
  ['EulerAncestralDiscreteScheduler', { prediction_type: 'sample' }, 10],
  ['DDPMScheduler', { variance_type: 'fixed_large_log' }, 10],
  ['PNDMScheduler', { beta_schedule: 'sigmoid' }, 10],
  ['DDIMScheduler', { rescale_betas_zero_snr: true }, 10],
  ['DDIMScheduler', { timestep_spacing: 'trailing' }, 61],
  ['DDIMScheduler', { trained_betas: [0.1, 0.2] }, 10],
  ['FlowMatchEulerDiscreteScheduler', { invert_sigmas: true }, 10],
  ['FlowMatchEulerDiscreteScheduler', { shift_terminal: 0.1 }, 1],
]

/** What is said of a setting. */
function refusalOf(name: string, config: Readonly<Record<string, unknown>>, steps: number): string {
  try {
    readScheduler(JSON.stringify({ _class_name: name, ...config }), 'FILE').planOf({ steps })
  } catch (error) {
    if (error instanceof BilevelError) return error.message
    throw error
  }
  throw new Error(`internal: ${name} with ${JSON.stringify(config)} is refused no more`)
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

/** The page. */
export function schedulerPage(): string {
  const rows = classRows()
  const counted = (['exactly', 'read', 'refused'] as const).map(
    (reading) => `${rows.filter((row) => row.reading === reading).length} ${reading}`,
  )
  return `# Scheduler files

What becomes of a \`scheduler_config.json\` of diffusers 0.42.1, class by class: ${counted.join(', ')}. A class that is not in this table is refused, never sampled
as another one. This page is made by \`npm run docs:schedulers\` from the tables that the reader goes by.

*exactly*: a run of the class by itself, every state of it, to 1e-5 of the real class's in all the settings of \`test/gold/schedulers.json\` and \`test/gold/schedulerRuns.json\`:
\`bilevel sample MODEL --scheduler FILE --sampler ${OWN_SAMPLER}\`. Without \`--sampler\`, its levels, told times and clipping, with DDIM's steps. *read*: levels, told times and clipping as the class
has them, its steps not. In both, a field that is absent has the default of its class, null is Python's None, and Infinity and NaN are read as Python writes them.

${table(
  ['class', 'read', 'how'],
  rows.map(({ name, reading, words }) => [`\`${name}\``, reading, words]),
)}

## Settings that are refused

They raise in the real class, end in NaN there, or say of the network what no sampler here goes by.

${table(
  ['class', 'setting', 'steps', 'what is said'],
  REFUSED.map((one) => [
    `\`${one[0]}\``,
    `\`${JSON.stringify(one[1])}\``,
    String(one[2]),
    refusalOf(...one).replaceAll('|', '\\|'),
  ]),
)}

## Other files

\`{"betas": [...]}\`, and alphaBar as \`alphas_cumprod\`, \`alphasCumprod\`, \`alpha_bars\`, \`abars\` or \`acp\`, as demos in browsers ship it: levels alone, noise prediction. Where it is rounded so far that
levels are uncertain, that is said. The first half of an output of twice the channels of an image (a learned variance) is the prediction.
`
}
