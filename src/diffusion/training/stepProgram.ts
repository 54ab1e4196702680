/** The program of a training step: whole, or loss and gradient in lanes and one update. */
import type { Tensor } from '../../base/index.ts'
import { float32, releaseMemory } from '../../base/index.ts'
import type { BatchProgram, Program } from '../../runtime/index.ts'
import { compile, compileBatch, lanesFor } from '../../runtime/index.ts'
import { gradientOfPart, lossGradientGraph, trainStepGraph, updateGraph } from '../denoisers/programs.ts'
import type { TrainerOptions } from './trainerOptions.ts'
import { lossForm } from './trainerOptions.ts'

/** What runs a step: takes the state, the minibatch and the rest, gives `next.*`, `loss` and `weightSum`. */
export interface StepProgram {
  run(inputs: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>
  dispose(): Promise<void>
}

/** What of the inputs a program of parts takes. */
export const only = (program: BatchProgram, inputs: Readonly<Record<string, Tensor>>) =>
  Object.fromEntries(Object.entries(inputs).filter(([name]) => program.inputs.has(name)))

/** Loss and gradient in lanes, each for its part of the minibatch, then one update with their means. */
export class DividedStep implements StepProgram {
  /** Loss and gradient, of parts of the minibatch. */
  readonly gradient: BatchProgram
  readonly #update: Program

  constructor(gradient: BatchProgram, update: Program) {
    this.gradient = gradient
    this.#update = update
  }

  async run(inputs: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>> {
    const parts = await this.gradient.runEach(only(this.gradient, inputs))
    const next = await this.#update.run({
      ...Object.fromEntries(Object.entries(inputs).filter(([name]) => name in this.#update.inputs)),
      ...Object.fromEntries(parts.map(({ gradient }, part) => [gradientOfPart(part), gradient])),
    })
    const loss = parts.reduce((sum, part) => sum + (part.loss.data as Float32Array)[0], 0)
    releaseMemory(parts.map(({ gradient }) => gradient.data))
    return { ...next, loss: float32([loss], []) }
  }

  async dispose(): Promise<void> {
    await Promise.all([this.gradient.dispose(), this.#update.dispose()])
  }
}

/** Batch norm takes its statistics over the whole minibatch, which then cannot be divided. */
export async function compileStep(given: TrainerOptions): Promise<StepProgram> {
  const { network, optimizer, batch = 64, clip = 1, device } = given
  const options = device ? { device } : {}
  const lanes = network.statistics.length === 0 ? lanesFor(batch, options) : 1
  if (lanes === 1) return compile(trainStepGraph(network, batch, optimizer, clip, lossForm(given)), options)
  const [gradient, update] = await Promise.all([
    compileBatch(lossGradientGraph(network, batch / lanes, lanes, lossForm(given)), {
      ...options,
      lanes,
      whole: ['weights'],
    }),
    compile(updateGraph(network, lanes, optimizer, clip), options),
  ])
  return new DividedStep(gradient, update)
}
