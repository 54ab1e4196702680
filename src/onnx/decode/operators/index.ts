/** The table of importers: one file a family. A new family is a file beside this one and its line here. */
import { internalError } from '../../../base/index.ts'
import type { ImporterTable } from '../importer.ts'
import { activation } from './activation.ts'
import { arithmetic } from './arithmetic.ts'
import { attentionFamily } from './attention.ts'
import { choice } from './choice.ts'
import { constants } from './constants.ts'
import { convolution } from './convolution.ts'
import { gridSampling } from './gridSampling.ts'
import { indexing } from './indexing.ts'
import { matrix } from './matrix.ts'
import { normalization } from './normalization.ts'
import { placing } from './placing.ts'
import { product } from './product.ts'
import { quantized } from './quantized.ts'
import { reduction } from './reduction.ts'
import { resizing } from './resizing.ts'
import { scaling } from './scaling.ts'
import { shape } from './shape.ts'
import { types } from './types.ts'

const FAMILIES: readonly ImporterTable[] = [
  activation,
  arithmetic,
  attentionFamily,
  choice,
  constants,
  convolution,
  gridSampling,
  indexing,
  matrix,
  normalization,
  placing,
  product,
  quantized,
  reduction,
  resizing,
  scaling,
  shape,
  types,
]

/** @throws `internal` where two families hold the same operator */
function merged(families: readonly ImporterTable[]): ImporterTable {
  const all = families.flatMap((family) => Object.entries(family))
  const names = all.map(([name]) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw internalError(`two importers of ${twice}`)
  return Object.fromEntries(all)
}

/** All importers by operator. */
export const IMPORTERS: ImporterTable = merged(FAMILIES)
