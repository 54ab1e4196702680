/** All jobs. The command line, the working thread and resuming are made from this list. Jobs run in Node. */
import '../runtime/node/index.ts'
import { internalError } from '../base/index.ts'
import { compareEntropyJob } from './compare/entropy.ts'
import { compareScheduleJob } from './compare/schedule.ts'
import { convertJob } from './convert/job.ts'
import { entropyJob } from './entropy/job.ts'
import { evaluateJob } from './evaluate/job.ts'
import { fidJob } from './fid/job.ts'
import { initJob } from './init/job.ts'
import type { Job } from './job.ts'
import { anyJob } from './job.ts'
import { onnxCheckJob } from './onnxCheck/job.ts'
import { runsJob } from './runs/job.ts'
import { sampleJob } from './sample/job.ts'
import { scheduleJob } from './schedule/job.ts'
import { showJob } from './show/job.ts'

const WORKING = [anyJob(scheduleJob), anyJob(entropyJob), anyJob(sampleJob), anyJob(evaluateJob), anyJob(showJob)]

const COMPARING = [anyJob(compareScheduleJob), anyJob(compareEntropyJob)]

/** In the order of the help. */
export const JOBS: readonly Job[] = [
  ...WORKING,
  ...COMPARING,
  anyJob(fidJob),
  anyJob(convertJob),
  anyJob(onnxCheckJob),
  anyJob(runsJob([...WORKING, ...COMPARING])),
  anyJob(initJob),
]

/** What commands of two words begin with. */
export const JOB_GROUPS: Readonly<Record<string, { readonly summary: string; readonly description: string }>> = {
  compare: {
    summary: 'what a user would try instead, each with the same budget: schedule, entropy',
    description:
      'Runs other ways to choose beside that of this project: defaults, grid, random, Sobol, Bayesian search and more, on the same problem with the same budget.',
  },
  onnx: {
    summary: 'what ONNX files are worth here: check',
    description: "Looks at other people's ONNX files. What a file holds: bilevel show FILE.onnx.",
  },
}

/** @throws an internal error: names come from this list */
export function jobNamed(name: string): Job {
  const job = JOBS.find((one) => one.name === name)
  if (!job) throw internalError(`there is no job '${name}'`)
  return job
}
