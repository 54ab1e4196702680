/** The mean of a reward over the images, which is maximised: what is minimised is its negative. */
import { inputError } from '../../../base/index.ts'
import type { Images } from '../../../diffusion/index.ts'
import type { Reward } from '../../../rewards/index.ts'
import type { MeasuredGradient } from './imageObjective.ts'
import { ImageObjective, meanOver } from './imageObjective.ts'
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
    this.differentiable = options.denoiser.differentiable && options.reward.differentiable
  }

  override async ofImages(images: Images, key: number): Promise<Measured> {
    return meanOver((await this.options.reward.values(images, this.conditionOf(key))).map((value) => -value))
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
    const { values, gradient } = await this.options.reward.gradient(images, this.conditionOf(key))
    const count = images.shape[0]
    const dImages = { ...gradient, data: gradient.data.map((value) => -value / count) } as Images
    return { ...meanOver(values.map((value) => -value)), dImages, dropped: 0 }
  }
}
