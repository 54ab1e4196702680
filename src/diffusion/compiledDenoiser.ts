/** A network at fixed weights as a `Denoiser`: its weights bound into compiled programs as constants, or fed with every call. */
import type { Tensor } from '../base/index.ts'
import { filled, float32, inputError, tensor } from '../base/index.ts'
import type { Graph } from '../graph/index.ts'
import { bind } from '../graph/index.ts'
import type { DenoisingNetwork, NetworkState } from '../nn/index.ts'
import type { Device, Program } from '../runtime/index.ts'
import { compile } from '../runtime/index.ts'
import type { Denoiser, DenoiserGradient, Images, Prediction } from './denoiser.ts'
import { denoiseGraph, denoiseVjpGraph } from './programs.ts'

export interface CompileDenoiserOptions {
  readonly network: DenoisingNetwork
  readonly state: NetworkState
  /** Images per program run. */
  readonly batch: number
  /**
   * `bound`: weights are constants of the program (frozen networks; dense convolutions are much faster). `fed`: weights are
   * inputs, so that `setState` costs nothing (networks that still train).
   */
  readonly binding: 'bound' | 'fed'
  /** What the network was trained to predict. Default `noise`. */
  readonly prediction?: Prediction
  readonly device?: Device
}

/** A compiled `Denoiser`. */
export interface CompiledDenoiser extends Denoiser {
  readonly batch: number
  /** Other weights and statistics, from the next call on. `fed` only. @throws `denoiser.bound` */
  setState(state: NetworkState): void
  dispose(): Promise<void>
}

/**
 * Compiles the prediction at once and its derivative on first use.
 * @param options see {@link CompileDenoiserOptions}
 */
export async function compileDenoiser(options: CompileDenoiserOptions): Promise<CompiledDenoiser> {
  const predict = await compileAt(options, denoiseGraph(options.network, options.batch), options.binding === 'bound')
  return new NetworkDenoiser(options, predict)
}

/** A graph as a program; `bound`: with the state as constants. */
function compileAt({ state, device }: CompileDenoiserOptions, graph: Graph, bound: boolean): Promise<Program> {
  return compile(bound ? bind(graph, stateTensors(state, graph.inputs)) : graph, device ? { device } : {})
}

function stateTensors({ weights, statistics }: NetworkState, inputs: object): Record<string, Tensor> {
  return { weights: float32(weights), ...('statistics' in inputs && { statistics: float32(statistics) }) }
}

type Derivative = 'input' | 'inputAndWeights'

class NetworkDenoiser implements CompiledDenoiser {
  readonly prediction: Prediction
  readonly differentiable = true
  readonly times: 'integer' | 'real'
  readonly imageShape: readonly number[]
  readonly batch: number
  readonly #options: CompileDenoiserOptions
  readonly #derivatives = new Map<Derivative, Promise<Program>>()
  readonly #predict: Program
  #state: NetworkState

  constructor(options: CompileDenoiserOptions, predict: Program) {
    this.#predict = predict
    this.#options = options
    this.#state = options.state
    this.prediction = options.prediction ?? 'noise'
    this.times = options.network.times
    this.imageShape = options.network.imageShape
    this.batch = options.batch
  }

  setState(state: NetworkState): void {
    if (this.#options.binding === 'bound') {
      throw inputError(
        'denoiser.bound',
        'a bound denoiser keeps its weights; compile with binding "fed" to change them',
      )
    }
    this.#state = state
  }

  async predict(x: Images, time: number, condition?: Int32Array): Promise<Images> {
    const { out_sample } = await this.#predict.run(this.#inputs(this.#predict, x, time, condition))
    return out_sample as Images
  }

  async vjp(
    x: Images,
    time: number,
    condition: Int32Array | undefined,
    cotangent: Images,
    { weights = false }: { readonly weights?: boolean } = {},
  ): Promise<DenoiserGradient> {
    const program = await this.#derivative(weights ? 'inputAndWeights' : 'input')
    const inputs = this.#inputs(program, x, time, condition)
    const result = await program.run({ ...inputs, cotangent: single(cotangent) })
    return {
      dx: result.dx as Images,
      dtime: result.dtime ? (result.dtime.data as Float32Array).reduce((sum, value) => sum + value, 0) : null,
      ...(weights && { dweights: result.dweights.data as Float32Array }),
    }
  }

  async dispose(): Promise<void> {
    const programs = await Promise.all(this.#derivatives.values())
    await Promise.all([this.#predict, ...programs].map((program) => program.dispose()))
  }

  #derivative(kind: Derivative): Promise<Program> {
    let program = this.#derivatives.get(kind)
    if (!program) {
      const graph = denoiseVjpGraph(this.#options.network, this.batch, { weights: kind === 'inputAndWeights' })
      // A derivative in the weights needs them as inputs, bound or not.
      program = compileAt(this.#options, graph, this.#options.binding === 'bound' && kind === 'input')
      this.#derivatives.set(kind, program)
    }
    return program
  }

  #inputs(program: Program, x: Images, time: number, condition?: Int32Array): Record<string, Tensor> {
    const { batch, times } = this
    const { classes } = this.#options.network
    if (times === 'integer' && !Number.isInteger(time)) {
      throw inputError('times.integerOnly', `this network has a learned table of times and takes integers, got ${time}`)
    }
    const labels = condition ?? new Int32Array(batch).fill(classes ?? 0)
    return {
      ...('weights' in program.inputs && stateTensors(this.#state, program.inputs)),
      sample: single(x),
      timestep:
        times === 'integer'
          ? tensor('int64', [batch], new BigInt64Array(batch).fill(BigInt(time)))
          : filled([batch], time),
      ...(classes !== undefined && { class_labels: tensor('int64', [batch], BigInt64Array.from(labels, BigInt)) }),
    }
  }
}

/** Images in float32, the element type of compiled programs. */
function single(images: Images): Tensor<'float32'> {
  return images.dtype === 'float32' ? images : tensor('float32', images.shape, Float32Array.from(images.data))
}
