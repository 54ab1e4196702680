/** The mean of a reward over the images that it rates, which is maximised: what is minimised is its negative. */
import { failure, inputError } from '../../../base/index.ts'
import type { Images } from '../../../diffusion/index.ts'
import type { Reward } from '../../../rewards/index.ts'
import type { MeasuredGradient } from './imageObjective.ts'
import { givesDerivatives, ImageObjective, meanOver } from './imageObjective.ts'
import type { Measured, ObjectiveSampling } from './objective.ts'

export interface RewardObjectiveOptions extends ObjectiveSampling {
  readonly reward: Reward
}

/** Minus the mean reward of samples, as a function of the sampling schedule. */
export class RewardObjective extends ImageObjective<RewardObjectiveOptions> {
  readonly name = 'reward'
  readonly differentiable: boolean

  constructor(options: RewardObjectiveOptions) {
    super(options)
    this.differentiable = givesDerivatives(options.denoiser) && options.reward.differentiable
  }

  override async ofImages(images: Images, key: number): Promise<Measured> {
    const { reward } = this.options
    return meanOver(rated(reward, await reward.values(images, this.conditionOf(key))).map((value) => -value))
  }

  protected override requireDerivative(): void {
    const { reward } = this.options
    if (reward.differentiable) return
    throw inputError(
      'objective.derivative',
      `reward ${reward.name} has no derivative; use an estimator that needs none: two-point, one-point, coordinate`,
    )
  }

  protected override async gradientOfImages(images: Images, key: number): Promise<MeasuredGradient> {
    const { reward } = this.options
    const came = await reward.gradient(images, this.conditionOf(key))
    const values = rated(reward, came.values)
    const { gradient } = came
    const dImages = { ...gradient, data: gradient.data.map((value) => -value / values.length) } as Images
    return { ...meanOver(values.map((value) => -value)), dImages, dropped: 0 }
  }
}

/** Values of the images that have one: of those the mean is taken. The derivatives of the others are 0. @throws `objective.unrated` where none has */
function rated({ name }: Reward, values: Float64Array): Float64Array {
  const finite = values.filter(Number.isFinite)
  if (finite.length > 0) return finite
  throw failure(
    'objective.unrated',
    `a reward must rate images, but '${name}' gave none of ${values.length} a finite number; repair it`,
  )
}
