/** A finished report in its run folder: the page, and each of its charts as files of its own in `charts/`. */

import { join } from 'node:path'
import type { Run } from '../../runs/index.ts'

/** Writes `report.html` and `charts/NAME.svg`, `charts/NAME.png`. @throws `disk.write` */
export async function saveReport(run: Pick<Run, 'write'>, page: string): Promise<void> {
  await run.write('report.html', page)
  const { chartFiles } = await import('../../report/charts/index.ts')
  for (const { name, svg, png } of await chartFiles(page)) {
    await run.write(join('charts', `${name}.svg`), svg)
    await run.write(join('charts', `${name}.png`), png)
  }
}
