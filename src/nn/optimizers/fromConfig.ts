/** An optimizer from its plain description, as config files hold it. */
import { inputError } from '../../base/index.ts'
import type { AdamOptions } from './adam.ts'
import { adam } from './adam.ts'
import type { AdamWOptions } from './adamw.ts'
import { adamw } from './adamw.ts'
import type { Optimizer } from './optimizer.ts'
import type { SgdOptions } from './sgd.ts'
import { sgd } from './sgd.ts'

export type OptimizerConfig =
  | ({ readonly name: 'adamw' } & AdamWOptions)
  | ({ readonly name: 'adam' } & AdamOptions)
  | ({ readonly name: 'sgd' } & SgdOptions)

/** The optimizer of that description. @throws `nn.optimizer` on an unknown name or a number outside its range */
export function optimizerFromConfig(config: OptimizerConfig): Optimizer {
  switch (config.name) {
    case 'adamw':
      return adamw(config)
    case 'adam':
      return adam(config)
    case 'sgd':
      return sgd(config)
    default:
      throw inputError('nn.optimizer', `an optimizer must be adamw, adam or sgd, got ${JSON.stringify(config)}`)
  }
}
