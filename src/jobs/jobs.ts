/** All jobs. The command line, the working thread and resuming are made from this list. Jobs run in Node. */
import '../runtime/node/index.ts'
import { internalError } from '../base/index.ts'
import { convertJob } from './convert/job.ts'
import { entropyJob } from './entropy/job.ts'
import { evaluateJob } from './evaluate/job.ts'
import { fidJob } from './fid/job.ts'
import { initJob } from './init/job.ts'
import type { Job } from './job.ts'
import { anyJob } from './job.ts'
import { runsJob } from './runs/job.ts'
import { sampleJob } from './sample/job.ts'
import { scheduleJob } from './schedule/job.ts'

const WORKING = [anyJob(scheduleJob), anyJob(entropyJob), anyJob(sampleJob), anyJob(evaluateJob)]

/** In the order of the help. */
export const JOBS: readonly Job[] = [
  ...WORKING,
  anyJob(fidJob),
  anyJob(convertJob),
  anyJob(runsJob(WORKING)),
  anyJob(initJob),
]

/** @throws an internal error: names come from this list */
export function jobNamed(name: string): Job {
  const job = JOBS.find((one) => one.name === name)
  if (!job) throw internalError(`there is no job '${name}'`)
  return job
}
