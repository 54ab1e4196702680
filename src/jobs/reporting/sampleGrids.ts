/** Sample grids of a run: a picture each, and the exact values of all of them. */

import { join } from 'node:path'
import { tensor } from '../../base/index.ts'
import { encodeSafetensors } from '../../nn/index.ts'
import { gridImage } from '../../report/index.ts'
import type { BoardImage, Run } from '../../runs/index.ts'
import type { SampleGrid } from '../../tuners/index.ts'

/** Images across a grid. */
const COLUMNS = 10

/** Writes `samples/<label>.png` and `samples/samples.safetensors`, which names each grid by its label. */
export async function saveSampleGrids(run: Pick<Run, 'write'>, grids: readonly SampleGrid[]): Promise<void> {
  for (const grid of grids)
    await run.write(join('samples', `${fileName(grid.label)}.png`), gridImage(grid, COLUMNS).png)
  const tensors = grids.map(({ label, count, shape, images }) => [
    fileName(label),
    tensor('float32', [count, ...shape], images),
  ])
  await run.write(join('samples', 'samples.safetensors'), encodeSafetensors(Object.fromEntries(tensors)))
}

/** The same grids for TensorBoard. */
export function boardImages(grids: readonly SampleGrid[]): BoardImage[] {
  return grids.map((grid) => ({
    tag: `samples/${grid.label}`,
    step: 0,
    channels: grid.shape[0],
    ...gridImage(grid, COLUMNS),
  }))
}

/** `default DDIM, 10 steps` is `default-ddim-10-steps`. */
const fileName = (label: string): string =>
  label
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
