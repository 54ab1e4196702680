/** What Node knows of the machine and does faster than JavaScript. */
import { createHash } from 'node:crypto'
import { totalmem } from 'node:os'
import type { Machine, Sha256 } from '../../base/index.ts'

export const nodeMachine: Machine = {
  /** The machine's, or fewer where a container says so. */
  memoryBytes: () => Math.min(totalmem(), process.constrainedMemory?.() || totalmem()),
  sha256(): Sha256 {
    const hash = createHash('sha256')
    return {
      update(part) {
        hash.update(part)
        return this
      },
      hex: () => hash.digest('hex'),
    }
  },
}
