/**
 * Fréchet distance between features of generated images and of the tuning split, at the number of steps that will be used, with its
 * derivative through feature network and sampler (METHOD of Xiao et al., ICML 2025; the derivative in the sampling schedule follows the
 * chain images -> features -> moments in closed form).
 */
import { inputError } from '../../../base/index.ts'
import type { Images } from '../../../diffusion/index.ts'
import type { FeatureNetwork, Features, FrechetReference } from '../../../metrics/index.ts'
import { frechetDistance, frechetGradient, frechetStandardError } from '../../../metrics/index.ts'
import type { MeasuredGradient } from './imageObjective.ts'
import { givesDerivatives, ImageObjective } from './imageObjective.ts'
import type { Measured, ObjectiveGradient, ObjectiveSampling } from './objective.ts'

/** `samples`: more than feature dimensions, unless values are only ranked. */
export interface FrechetObjectiveOptions extends ObjectiveSampling {
  readonly ranking?: boolean
  readonly features: FeatureNetwork
  /** Moments of the tuning split's features. */
  readonly reference: FrechetReference
}

export type FrechetObjectiveGradient = ObjectiveGradient

/** Fréchet distance of samples as a function of the sampling schedule. The standard error is that of the jackknife. */
export class FrechetObjective extends ImageObjective<FrechetObjectiveOptions> {
  readonly name = 'fid'
  readonly differentiable: boolean

  /** @throws `objective.samples` if there are not more samples than feature dimensions */
  constructor(options: FrechetObjectiveOptions) {
    super(options)
    const { samples, features, denoiser, ranking = false } = options
    if (!(Number.isInteger(samples) && samples > (ranking ? 1 : features.dimensions))) {
      throw inputError(
        'objective.samples',
        `the Fréchet distance needs more samples than the ${features.dimensions} features of ${features.name}, got ${samples}`,
      )
    }
    this.differentiable = givesDerivatives(denoiser) && features.vjp !== undefined
  }

  protected override requireDerivative(): void {
    const { features } = this.options
    if (features.vjp) return
    throw inputError(
      'objective.derivative',
      `feature network ${features.name} has no derivative; use an estimator that needs none: two-point, one-point, coordinate`,
    )
  }

  override async ofImages(images: Images): Promise<Measured> {
    const rows = await this.options.features.features(images)
    return { value: frechetDistance(rows, this.options.reference).value, standardError: this.#standardError(rows) }
  }

  protected override async gradientOfImages(images: Images): Promise<MeasuredGradient> {
    const { features, reference } = this.options
    const rows = await features.features(images)
    const { value, dFeatures, dropped } = frechetGradient(rows, reference)
    const dImages = await features.vjp!(images, dFeatures)
    return { value, standardError: this.#standardError(rows), dImages, dropped }
  }

  #standardError(rows: Features): number | null {
    return frechetStandardError(rows, this.options.reference)
  }
}
