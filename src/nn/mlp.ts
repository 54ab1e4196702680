/**
 * A time-conditioned perceptron for points and very small images: y = last(silu(W h + time)) over the flattened sample, the time
 * (and class) added at every hidden layer. The smallest network on which the whole method runs.
 */
import { z } from 'zod'
import { inputError, MOST, sizeOf } from '../base/index.ts'
import type { SymbolicTensor } from '../graph/index.ts'
import { add, div, reshape, silu } from '../graph/index.ts'
import type { Pass } from './layers.ts'
import { embeddingLayer, gathered, linearLayer } from './layers.ts'
import type { DenoisingNetwork, NetworkInputs } from './network.ts'
import { sinusoidalFeatures } from './timeEmbedding.ts'

const count = z.int().positive()
const side = count.max(MOST.side)

const schema = z.strictObject({
  /** [channels, height, width]; points in d dimensions are [d, 1, 1]. */
  image_shape: z.tuple([side, side, side]),
  /** Widths of the hidden layers. */
  hidden: z.array(count.max(MOST.channels)).nonempty().max(MOST.entries).default([128, 128]),
  /** `sinusoidal`: as the UNet's. `raw`: the one number time / time_scale, for told log-SNR or other smooth levels. */
  time_features: z.enum(['sinusoidal', 'raw']).default('sinusoidal'),
  /** Sinusoidal features, even; with `raw` only the width of the time embedding. */
  time_width: count.multipleOf(2).default(32),
  /** Unit of `raw` times. */
  time_scale: z.number().positive().default(1000),
  /** Number of classes, or null: unconditional. */
  classes: count.nullable().default(null),
})

export type MlpConfig = Readonly<z.output<typeof schema>>
export type MlpOptions = z.input<typeof schema>

/**
 * A time-conditioned MLP. Sample [b, ...image_shape] and float32 times [b] to a prediction of the sample's shape.
 * @throws `nn.config` on an unknown or impossible field
 */
export function mlp(options: MlpOptions): DenoisingNetwork {
  const config = parse(options)
  const width = config.time_width
  const inputs = sizeOf(config.image_shape)
  const widths = [inputs, ...config.hidden]
  const timeIn = linearLayer('time_embedding.linear_1', config.time_features === 'raw' ? 1 : width, width)
  const timeOut = linearLayer('time_embedding.linear_2', width, width)
  const tables = config.classes === null ? [] : [embeddingLayer('class_embedding', config.classes + 1, width)]
  const hidden = config.hidden.map((size, i) => ({
    linear: linearLayer(`layers.${i}`, widths[i], size),
    time: linearLayer(`time_projections.${i}`, width, size),
  }))
  const last = linearLayer('out', widths[widths.length - 1], inputs)
  const embed = (pass: Pass, { timestep, condition }: NetworkInputs): SymbolicTensor => {
    if ((condition !== undefined) !== (config.classes !== null)) {
      const wanted = config.classes === null ? 'no condition' : 'a condition (a class per image, or the null class)'
      throw inputError('nn.condition', `this network needs ${wanted}, got ${condition ? 'one' : 'none'}`)
    }
    const features =
      config.time_features === 'raw'
        ? reshape(div(timestep, config.time_scale), [timestep.size, 1])
        : sinusoidalFeatures(timestep, { width })
    const time = timeOut.apply(pass, silu(timeIn.apply(pass, features)))
    return silu(tables.reduce((sum, table) => (condition ? add(sum, table.apply(pass, condition)) : sum), time))
  }
  return {
    kind: 'MLP',
    config: { _class_name: 'MLP', ...config },
    imageShape: config.image_shape,
    times: 'real',
    ...(config.classes !== null && { classes: config.classes, nullClass: config.classes }),
    ...gathered([timeIn, timeOut, ...tables, ...hidden.flatMap(({ linear, time }) => [linear, time]), last]),
    apply(weights, statistics, networkInputs, mode) {
      const pass: Pass = { weights, statistics, mode, updated: {} }
      const { sample } = networkInputs
      const time = embed(pass, networkInputs)
      let h = reshape(sample, [sample.shape[0], inputs])
      for (const layer of hidden) h = silu(add(layer.linear.apply(pass, h), layer.time.apply(pass, time)))
      return { prediction: reshape(last.apply(pass, h), sample.shape), statistics: {} }
    },
  }
}

function parse(options: Readonly<Record<string, unknown>>): MlpConfig {
  const fields = Object.fromEntries(Object.entries(options).filter(([key]) => !key.startsWith('_')))
  const parsed = schema.safeParse(fields)
  if (parsed.success) return parsed.data
  throw inputError('nn.config', `an MLP config must be valid: ${z.prettifyError(parsed.error)}`)
}
