/** GridSample: images read at places between their pixels. */
import { gridSample, isGridPadding } from '../../../graph/index.ts'
import type { ImporterTable } from '../importer.ts'
import { refused, required } from '../importer.ts'

/** Modes by their names, before operator set 20 and since. */
const EARLY = { bilinear: 'linear', nearest: 'nearest', bicubic: 'cubic' } as const
const MODES = { linear: 'linear', nearest: 'nearest', cubic: 'cubic' } as const

export const gridSampling: ImporterTable = {
  GridSample(call) {
    const { attributes, opset } = call
    const [x, grid] = [required(call, 0, 'X'), required(call, 1, 'grid')]
    const names: Readonly<Record<string, 'linear' | 'nearest' | 'cubic'>> = opset < 20 ? EARLY : MODES
    const name = attributes.string('mode', opset < 20 ? 'bilinear' : 'linear')
    const padding = attributes.string('padding_mode', 'zeros')
    if (!Object.hasOwn(names, name)) throw refused(`its mode '${name}' is not one of ${Object.keys(names).join(', ')}`)
    if (!isGridPadding(padding)) throw refused(`its padding_mode '${padding}' is not zeros, border or reflection`)
    if (x.rank !== 4 && names[name] === 'cubic') {
      throw refused(`mode '${name}' is offered of images [b, c, height, width], got [${x.shape}]`)
    }
    const alignCorners = attributes.int('align_corners', 0) !== 0
    return [gridSample(x, grid, { mode: names[name], padding, alignCorners })]
  },
}
