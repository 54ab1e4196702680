/** The tasks of the working thread, by name. */
import { evaluateModel, runEntropyJob, runScheduleJob, sampleModel } from '../jobs/index.ts'
import { entropyLine, learnLine } from './eventLines.ts'
import type { Task, TaskProgress } from './protocol.ts'

/** How a task is stopped and what it tells while it runs. */
export interface TaskHooks {
  readonly signal: AbortSignal
  readonly onProgress: (progress: TaskProgress) => void
  /** What happened, in a line. */
  readonly onLine: (line: string) => void
  readonly onNote: (note: string) => void
}

export interface TaskResult {
  readonly json: unknown
  readonly text: string
}

export async function runTask(task: Task, hooks: TaskHooks): Promise<TaskResult> {
  switch (task.name) {
    case 'schedule': {
      const { config, folder, resume, caller } = task
      const onEvent = lineBy(learnLine, hooks)
      const { json, summary } = await runScheduleJob(config, { folder, resume, caller, ...hooks, onEvent })
      return { json, text: summary }
    }
    case 'entropy': {
      const { config, folder, resume, caller } = task
      const onEvent = lineBy(entropyLine, hooks)
      const { json, summary } = await runEntropyJob(config, { folder, resume, caller, ...hooks, onEvent })
      return { json, text: summary }
    }
    case 'sample': {
      const { model, config, folder, allowCode } = task
      const json = await sampleModel(model, config, { folder, allowCode, ...hooks })
      const { count, schedule, networkEvaluations, out } = json
      return { json, text: `${count} images by ${schedule.name} (${networkEvaluations} network evaluations): ${out}` }
    }
    case 'evaluate': {
      const { json, summary } = await evaluateModel(task.model, task.given, hooks)
      return { json, text: summary }
    }
  }
}

/** Tells events in lines. */
const lineBy =
  <Event>(lineOf: (event: Event) => string | null, { onLine }: TaskHooks) =>
  (event: Event): void => {
    const line = lineOf(event)
    if (line !== null) onLine(line)
  }
