/** Writes docs/schedulers.md: what is read of every scheduler class. `npm run docs:schedulers` */
import { writeFileSync } from 'node:fs'
import { schedulerPage } from '../src/diffusion/files/schedulerTable.ts'

writeFileSync('docs/schedulers.md', schedulerPage())
