/** A network at fixed weights as a `Denoiser`: its weights bound into compiled programs as constants, or fed with every call. */
import type { Tensor } from '../../base/index.ts'
import { filled, float32, inputError, tensor } from '../../base/index.ts'
import type { Graph } from '../../graph/index.ts'
import { bind } from '../../graph/index.ts'
import type { DenoisingNetwork, NetworkState } from '../../nn/index.ts'
import type { BatchProgram, Device } from '../../runtime/index.ts'
import { compileBatch, lanesFor, splitGraph } from '../../runtime/index.ts'
import type { Denoiser, DenoiserGradient, Images, Prediction, Pullback } from '../denoiser.ts'
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
  const lanes = lanesOf(options)
  const predict = await compileAt(options, denoiseGraph(options.network, options.batch / lanes), lanes)
  return new NetworkDenoiser(options, lanes, predict)
}

/** Weights that are fed would be copied to every lane with every call. */
const lanesOf = ({ binding, batch, device }: CompileDenoiserOptions) =>
  binding === 'bound' ? lanesFor(batch, device ? { device } : {}) : 1

/** A graph of a lane's images as a program; its weights bound where they are not fed. */
function compileAt(options: CompileDenoiserOptions, graph: Graph, lanes: number): Promise<BatchProgram> {
  const { device, binding } = options
  return compileBatch(binding === 'bound' ? boundTo(options, graph) : graph, { lanes, ...(device && { device }) })
}

const boundTo = ({ state }: CompileDenoiserOptions, graph: Graph): Graph =>
  bind(graph, stateTensors(state, 'statistics' in graph.inputs))

function stateTensors({ weights, statistics }: NetworkState, withStatistics: boolean): Record<string, Tensor> {
  return { weights: float32(weights), ...(withStatistics && { statistics: float32(statistics) }) }
}

type Derivative = 'input' | 'inputAndWeights'

/** The prediction with what its derivative needs, and the derivative from there. */
interface KeepingPrograms {
  readonly forward: BatchProgram
  readonly backward: BatchProgram
  readonly kept: readonly string[]
  readonly bytes: number
}

class NetworkDenoiser implements CompiledDenoiser {
  readonly prediction: Prediction
  readonly differentiable = true
  readonly times: 'integer' | 'real'
  readonly imageShape: readonly number[]
  readonly conditional: boolean
  readonly classes?: number
  readonly nullClass?: number
  readonly batch: number
  readonly #options: CompileDenoiserOptions
  readonly #lanes: number
  readonly #derivatives = new Map<Derivative, Promise<BatchProgram>>()
  readonly #predict: BatchProgram
  readonly pullback?: Denoiser['pullback']
  #keeping: Promise<KeepingPrograms> | undefined
  #state: NetworkState

  constructor(options: CompileDenoiserOptions, lanes: number, predict: BatchProgram) {
    this.#lanes = lanes
    this.#predict = predict
    this.#options = options
    this.#state = options.state
    this.prediction = options.prediction ?? 'noise'
    this.times = options.network.times
    this.imageShape = options.network.imageShape
    const { classes, nullClass } = options.network
    this.conditional = classes !== undefined
    if (classes !== undefined) this.classes = classes
    if (nullClass !== undefined) this.nullClass = nullClass
    this.batch = options.batch
    // Weights that change are differentiated too, and that needs more activations than are worth keeping.
    if (options.binding === 'bound') this.pullback = (x, time, condition) => this.#pullback(x, time, condition)
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
    const { out_sample } = await this.#predict.run(this.#inputs(this.#predict, copyOf(x), time, condition))
    return out_sample as Images
  }

  async vjp(
    x: Images,
    time: number,
    condition: Int32Array | undefined,
    cotangent: Images,
    { weights = false }: { readonly weights?: boolean } = {},
  ): Promise<DenoiserGradient> {
    const [own, classes, back] = [copyOf(x), condition?.slice(), copyOf(cotangent)]
    const program = await this.#derivative(weights ? 'inputAndWeights' : 'input')
    const result = await program.run({ ...this.#inputs(program, own, time, classes), cotangent: back })
    return { ...gradientOf(result), ...(weights && { dweights: result.dweights.data as Float32Array }) }
  }

  async #pullback(x: Images, time: number, condition?: Int32Array): Promise<Pullback> {
    const [own, classes] = [copyOf(x), condition?.slice()]
    this.#keeping ??= this.#compileKeeping()
    const { forward, backward, kept, bytes } = await this.#keeping
    const inputs = this.#inputs(forward, own, time, classes)
    const { outputs, held } = await forward.runHolding(inputs, kept)
    return {
      prediction: outputs.out_sample as Images,
      bytes,
      vjp: async (cotangent) => gradientOf(await backward.runFrom(held, { ...inputs, cotangent: copyOf(cotangent) })),
      release: () => held.release(),
    }
  }

  async #compileKeeping(): Promise<KeepingPrograms> {
    const graph = denoiseVjpGraph(this.#options.network, this.batch / this.#lanes, { weights: false, prediction: true })
    const { first, second, kept, keptBytes } = splitGraph(boundTo(this.#options, graph), ['cotangent'])
    const { device } = this.#options
    const options = { lanes: this.#lanes, ...(device && { device }) }
    const [forward, backward] = await Promise.all([first, second].map((part) => compileBatch(part, options)))
    return { forward, backward, kept, bytes: keptBytes * this.#lanes }
  }

  async dispose(): Promise<void> {
    const derivatives = await Promise.all(this.#derivatives.values())
    const keeping = await this.#keeping
    const programs = [this.#predict, ...derivatives, ...(keeping ? [keeping.forward, keeping.backward] : [])]
    await Promise.all(programs.map((program) => program.dispose()))
  }

  #derivative(kind: Derivative): Promise<BatchProgram> {
    let program = this.#derivatives.get(kind)
    if (!program) {
      const weights = kind === 'inputAndWeights'
      // A derivative in the weights needs them as inputs, bound or not, and is a sum over all images.
      const lanes = weights ? 1 : this.#lanes
      const graph = denoiseVjpGraph(this.#options.network, this.batch / lanes, { weights })
      program = compileAt(weights ? { ...this.#options, binding: 'fed' } : this.#options, graph, lanes)
      this.#derivatives.set(kind, program)
    }
    return program
  }

  #inputs(program: BatchProgram, x: Tensor<'float32'>, time: number, condition?: Int32Array): Record<string, Tensor> {
    const { batch, times } = this
    if (times === 'integer' && !Number.isInteger(time)) {
      throw inputError('times.integerOnly', `this network has a learned table of times and takes integers, got ${time}`)
    }
    const labels = this.#labels(condition)
    return {
      ...(program.inputs.has('weights') && stateTensors(this.#state, program.inputs.has('statistics'))),
      sample: x,
      timestep:
        times === 'integer'
          ? tensor('int64', [batch], new BigInt64Array(batch).fill(BigInt(time)))
          : filled([batch], time),
      ...(labels && { class_labels: tensor('int64', [batch], BigInt64Array.from(labels, BigInt)) }),
    }
  }

  /** A class per image, all the null class where none are given; undefined: the network takes none. @throws `nn.condition` */
  #labels(condition: Int32Array | undefined): Int32Array | undefined {
    const { classes, nullClass } = this.#options.network
    if (classes === undefined) return undefined
    const range = `0 to ${classes - 1}${nullClass === undefined ? ' (it has no null class)' : `, or the null class ${nullClass}`}`
    if (!condition) {
      if (nullClass !== undefined) return new Int32Array(this.batch).fill(nullClass)
      throw inputError('nn.condition', `this network takes a class per image, ${range}, got none; give one`)
    }
    const odd = condition.find((label) => !(label >= 0 && (label < classes || label === nullClass)))
    if (odd === undefined) return condition
    throw inputError('nn.condition', `this network takes classes ${range}, got ${odd}; give one of those`)
  }
}

function gradientOf({ dx, dtime }: Readonly<Record<string, Tensor>>): DenoiserGradient {
  return {
    dx: dx as Images,
    dtime: dtime ? (dtime.data as Float32Array).reduce((sum, value) => sum + value, 0) : null,
  }
}

/** Images in float32, the element type of compiled programs. A copy: programs read them later, and the caller may fill them anew at once. */
const copyOf = ({ shape, data }: Images): Tensor<'float32'> => tensor('float32', shape, new Float32Array(data))
