/** The tasks of the working thread, by name. */

import { runScheduleJob } from '../runs/index.ts'
import type { LearnEvent, LearnProgress } from '../tuners/index.ts'
import type { Task } from './protocol.ts'

/** How a task is stopped and what it tells while it runs. */
export interface TaskHooks {
  readonly signal: AbortSignal
  readonly onProgress: (progress: LearnProgress) => void
  readonly onEvent: (event: LearnEvent) => void
  readonly onNote: (note: string) => void
}

export interface TaskResult {
  readonly json: unknown
  readonly text: string
}

export async function runTask(task: Task, hooks: TaskHooks): Promise<TaskResult> {
  switch (task.name) {
    case 'schedule': {
      const { config, folder, resume } = task
      const { json, summary } = await runScheduleJob(config, { folder, resume, ...hooks })
      return { json, text: summary }
    }
  }
}
