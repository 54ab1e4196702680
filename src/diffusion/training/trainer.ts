/**
 * Denoising score matching: one compiled step. The state is flat vectors and a step number; the minibatch of step k is a pure function of (seed, k), so
 * a resumed run repeats an uninterrupted one.
 */
import type { Tensor } from '../../base/index.ts'
import { failure, float32, inputError, int64, randomStream, sizeOf } from '../../base/index.ts'
import type { NetworkState } from '../../nn/index.ts'
import { batches, flatSize, initialState } from '../../nn/index.ts'
import type { BatchProgram, Program } from '../../runtime/index.ts'
import { compile, compileBatch } from '../../runtime/index.ts'
import {
  lossGradientGraph,
  lossPredictionGraph,
  lowerGradientGraph,
  nextOf,
  statisticsGraph,
} from '../denoisers/programs.ts'
import type { LogSnrDensity } from '../schedules/logSnrDensity.ts'
import { slopeOfTime } from '../schedules/logSnrDensity.ts'
import type { LossDraw } from './forward.ts'
import { drawLoss, levelsOfDraw } from './forward.ts'
import { targetsOfPrediction } from './ownTargets.ts'
import type { StepProgram } from './stepProgram.ts'
import { compileStep, DividedStep, only } from './stepProgram.ts'
import type { TrainerOptions } from './trainerOptions.ts'
import { checkOptions, dropShare, firstTime, lossForm, requireProcess } from './trainerOptions.ts'
import type { TrainingSchedule } from './trainingSchedule.ts'
import { isDensity } from './trainingSchedule.ts'
import { checkImportance, importanceRatio, isWeighted, lossWeight } from './weighting.ts'

/** All that training has learned so far. */
export interface TrainingState extends NetworkState {
  /** Optimizer moments by slot, each as long as the weights. */
  readonly slots: Readonly<Record<string, Float32Array>>
  /** Steps done. */
  readonly step: number
}

/** One minibatch: clean images and noise [b,c,h,w], the level and told time of each image, its class. */
export interface Minibatch {
  readonly images: Float32Array
  readonly noise: Float32Array
  /** Index of the training timestep of each image, 0..T-1; also the time told. */
  readonly times: Int32Array
  /** In their place where the levels are of a density: the share of its levels below, in [0, 1). */
  readonly shares: Float64Array
  /** Class of each image, or the null class. */
  readonly condition?: Int32Array
}

/** Loss of a minibatch and its derivatives in the level of each image. */
export interface LowerGradient {
  readonly loss: number
  readonly dSignal: Float64Array
  readonly dNoise: Float64Array
  /** What else of the loss moves with the log-SNR of an image: its weight, and where levels are of a density the time that is told. Absent: nothing. */
  readonly dLogSnr?: Float64Array
}

/** Batches after which running statistics (momentum .1) hold less than half a percent of what was before. */
export const SETTLING_BATCHES = 50

/** A compiled training step and lower gradient over one data set. Holds no state: states go in and come out. */
export class Trainer {
  readonly options: TrainerOptions
  readonly batch: number
  readonly #zeros: Float32Array
  readonly #step: StepProgram
  readonly #rows: (step: number) => Int32Array
  readonly #lower = new Map<boolean, Promise<Program>>()
  #statistics: Promise<Program> | undefined
  #gradient: Promise<BatchProgram> | undefined
  #prediction: Promise<Program> | undefined
  /** The density that importance sampling was checked for. */
  #checked: TrainingSchedule | undefined

  private constructor(options: TrainerOptions, batch: number, step: StepProgram) {
    this.options = options
    this.batch = batch
    this.#step = step
    this.#rows = batches({ seed: options.seed, batch, count: options.data.count })
    this.#zeros = new Float32Array(flatSize(options.network.parameters))
  }

  /** Compiles the training step. @throws `training.images`, `training.labels`, `training.timesteps` on data that do not fit the network */
  static async create(options: TrainerOptions): Promise<Trainer> {
    checkOptions(options)
    return new Trainer(options, options.batch ?? 64, await compileStep(options))
  }

  /** Freshly initialised weights, zero moments. */
  initialState(): TrainingState {
    const { network, optimizer, seed } = this.options
    return {
      ...initialState(network, seed),
      slots: Object.fromEntries(optimizer.slots.map((slot) => [slot, new Float32Array(this.#zeros.length)])),
      step: 0,
    }
  }

  /** The minibatch of a step: images, times and noise depend on (seed, step, place in the batch) alone, never on the schedule. */
  draw(step: number): Minibatch {
    const { data, network, timesteps, seed } = this.options
    const size = sizeOf(network.imageShape)
    const { batch } = this
    const rows = this.#rows(step)
    const images = new Float32Array(batch * size)
    rows.forEach((row, i) => {
      images.set(data.images.subarray(row * size, (row + 1) * size), i * size)
    })
    const { times, shares, eps } = drawLoss({
      seed,
      step,
      batch,
      imageSize: size,
      timesteps,
      first: firstTime(this.options),
    })
    if (network.classes === undefined) return { images, noise: eps, times, shares }
    const drop = randomStream({ seed, purpose: 'train.drop', step })
    const share = dropShare(this.options)
    // Without a null class none are dropped, and every image has a label: both checked at the start.
    const nullClass = network.nullClass ?? 0
    const condition = Int32Array.from(rows, (row) =>
      drop.uniform() < share ? nullClass : (data.labels?.[row] ?? nullClass),
    )
    return { images, noise: eps, times, shares, condition }
  }

  /**
   * One optimizer step.
   * @param extraGradient flat vector added to the gradient after clipping (grad FID / gamma for the twin z)
   * @throws `training.nan`, naming the step, if the loss or a new weight is not finite
   */
  async step(
    state: TrainingState,
    schedule: TrainingSchedule,
    minibatch: Minibatch,
    learningRate: number,
    extraGradient: Float32Array = this.#zeros,
  ): Promise<TrainingState & { readonly loss: number }> {
    const { optimizer, network } = this.options
    const slots = Object.fromEntries(optimizer.slots.map((slot) => [slot, float32(state.slots[slot])]))
    const out = await this.#step.run({
      ...this.#inputs(state, schedule, minibatch),
      ...slots,
      learningRate: float32([learningRate], []),
      step: float32([state.step + 1], []),
      extraGradient: float32(extraGradient),
    })
    const loss = (out.loss.data as Float32Array)[0]
    const vectorOf = (name: string) => out[nextOf(name)].data as Float32Array
    // The loss is that of the weights before the step: an overflow of the gradient shows in the new weights first.
    const sum = (out.weightSum.data as Float32Array)[0]
    const what = Number.isFinite(loss) ? (Number.isFinite(sum) ? null : 'weights that are not') : `${loss}`
    if (what !== null) {
      throw failure(
        'training.nan',
        `loss and weights must stay finite, but step ${state.step + 1} gave ${what}; ` +
          `start again with a learning rate below ${learningRate} (--learning-rate), as a resumed run must keep its own`,
      )
    }
    return {
      weights: vectorOf('weights'),
      statistics: network.statistics.length > 0 ? vectorOf('statistics') : state.statistics,
      slots: Object.fromEntries(optimizer.slots.map((slot) => [slot, vectorOf(slot)])),
      step: state.step + 1,
      loss,
    }
  }

  /** Loss and its derivatives in the level of each image, at the state's weights. */
  async lowerGradient(state: NetworkState, schedule: TrainingSchedule, minibatch: Minibatch): Promise<LowerGradient> {
    const program = await this.#lowerProgram(isDensity(schedule))
    const out = await program.run(this.#inputs(state, schedule, minibatch))
    const vector = (name: string) => Float64Array.from(out[name].data as Float32Array)
    return {
      loss: (out.loss.data as Float32Array)[0],
      dSignal: vector('dSignal'),
      dNoise: vector('dNoise'),
      ...((out.dWeight || out.dTime) && {
        dLogSnr: this.#otherSlopes(schedule, minibatch, out.dWeight && vector('dWeight'), out.dTime && vector('dTime')),
      }),
    }
  }

  /** @param told with the derivative in the told time */
  #lowerProgram(told: boolean): Promise<Program> {
    const { network, device } = this.options
    const graph = () => lowerGradientGraph(network, this.batch, lossForm(this.options), { told })
    const program = this.#lower.get(told) ?? compile(graph(), device ? { device } : {})
    this.#lower.set(told, program)
    return program
  }

  /** Of weight and told time, whose slopes in log-SNR the host knows. */
  #otherSlopes(
    schedule: TrainingSchedule,
    draw: LossDrawOf,
    dWeight: Float64Array | undefined,
    dTime: Float64Array | undefined,
  ): Float64Array {
    const { prediction = 'noise', weighting } = this.options
    return levelsOfDraw(schedule, draw).logSnr.map((logSnr, i) => {
      const byWeight = dWeight && weighting ? dWeight[i] * lossWeight(weighting, prediction, logSnr).slope : 0
      // Time falls where log-SNR rises.
      const byTime = dTime && isDensity(schedule) ? -dTime[i] * slopeOfTime(schedule.code, logSnr) : 0
      return byWeight + byTime
    })
  }

  /** The loss's gradient in the flat weights at the state's, before clipping; statistics are left as they are. */
  async lossGradient(state: NetworkState, schedule: TrainingSchedule, minibatch: Minibatch): Promise<Float32Array> {
    const program = await this.#gradientProgram()
    const parts = await program.runEach(only(program, this.#inputs(state, schedule, minibatch)))
    const [first, ...rest] = parts.map(({ gradient }) => gradient.data as Float32Array)
    for (const part of rest) for (let i = 0; i < first.length; i++) first[i] += part[i]
    return first
  }

  /**
   * The minibatch with images and noise that give the same inputs of the network and have what it predicts for its target: there the loss is 0 and its Hessian
   * the Gauss-Newton matrix of the minibatch.
   */
  async ownTargets(state: NetworkState, schedule: TrainingSchedule, minibatch: Minibatch): Promise<Minibatch> {
    const { network, device, prediction = 'noise' } = this.options
    this.#prediction ??= compile(
      lossPredictionGraph(network, this.batch, { target: prediction }),
      device ? { device } : {},
    )
    const program = await this.#prediction
    const inputs = Object.entries(this.#inputs(state, schedule, minibatch)).filter(([name]) => name in program.inputs)
    const out = await program.run(Object.fromEntries(inputs))
    const levels = levelsOfDraw(schedule, minibatch)
    return { ...minibatch, ...targetsOfPrediction(prediction, out.prediction.data as Float32Array, minibatch, levels) }
  }

  /** That of the step where it is divided. */
  #gradientProgram(): Promise<BatchProgram> {
    const step = this.#step
    if (step instanceof DividedStep) return Promise.resolve(step.gradient)
    const { network, device } = this.options
    this.#gradient ??= compileBatch(lossGradientGraph(network, this.batch, 1, lossForm(this.options)), {
      ...(device && { device }),
      lanes: 1,
      whole: ['weights', 'statistics'],
    })
    return this.#gradient
  }

  /**
   * The state with its running statistics made again for its weights, on fixed batches (averaged weights never saw a batch).
   * Networks without statistics are left as they are.
   */
  async settle(state: TrainingState, schedule: TrainingSchedule): Promise<TrainingState> {
    const { network, prediction = 'noise', device } = this.options
    if (network.statistics.length === 0) return state
    this.#statistics ??= compile(statisticsGraph(network, this.batch, { target: prediction }), device ? { device } : {})
    const program = await this.#statistics
    let { statistics } = state
    for (let k = 0; k < SETTLING_BATCHES; k++) {
      const inputs = Object.entries(this.#inputs({ ...state, statistics }, schedule, this.draw(k)))
      const out = await program.run(Object.fromEntries(inputs.filter(([name]) => name in program.inputs)))
      statistics = out[nextOf('statistics')].data as Float32Array
    }
    return { ...state, statistics }
  }

  async dispose(): Promise<void> {
    await this.#step.dispose()
    await (await this.#statistics)?.dispose()
    for (const program of this.#lower.values()) await (await program).dispose()
    await (await this.#gradient)?.dispose()
    await (await this.#prediction)?.dispose()
  }

  #inputs(state: NetworkState, schedule: TrainingSchedule, minibatch: Minibatch): Record<string, Tensor> {
    const { network } = this.options
    requireProcess(this.options, schedule)
    const shape = [this.batch, ...network.imageShape]
    const { condition } = minibatch
    const { signal, noise, logSnr, told } = levelsOfDraw(schedule, minibatch)
    const weights = this.#weights(schedule, logSnr)
    return {
      weights: float32(state.weights),
      ...(network.statistics.length > 0 && { statistics: float32(state.statistics) }),
      images: float32(minibatch.images, shape),
      noise: float32(minibatch.noise, shape),
      signal: float32(signal),
      noiseLevel: float32(noise),
      time: network.times === 'integer' ? int64(told) : float32(told),
      ...(weights && { lossWeight: float32(weights) }),
      ...(condition && { condition: int64(condition) }),
    }
  }

  /** What the loss of each image counts; null: all the same. */
  #weights(schedule: TrainingSchedule, logSnr: Float64Array): Float64Array | null {
    const { prediction = 'noise', weighting } = this.options
    if (!weighting || !isWeighted(weighting)) return null
    const own = logSnr.map((value) => lossWeight(weighting, prediction, value).value)
    if (!weighting.importance) return own
    const density = this.#importance(schedule)
    return own.map((value, i) => value * importanceRatio(density, logSnr[i]))
  }

  /** @throws `training.importance` where there is no density to draw by, or few of its draws would count */
  #importance(schedule: TrainingSchedule): LogSnrDensity {
    if (!isDensity(schedule)) throw noDensity()
    if (this.#checked !== schedule) checkImportance(schedule)
    this.#checked = schedule
    return schedule
  }
}

type LossDrawOf = Pick<LossDraw, 'times' | 'shares'>

const noDensity = (): Error =>
  inputError(
    'training.importance',
    'importance sampling is of the levels of a density, got even times; give a density (trainingDensity), or leave it out',
  )
