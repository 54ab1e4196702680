/** A text-to-image model that is opened once for several sets of prompts: one file, whose table has the prompts of all, and of each set a part of its classes. */
import { internalError } from '../../base/index.ts'
import { promptPipelineOf, readPromptPipeline } from '../../diffusion/files/index.ts'
import type { Device } from '../../runtime/index.ts'
import type { PromptSet } from '../../text/index.ts'

type Read = Awaited<ReturnType<typeof readPromptPipeline>>
type Files = Parameters<typeof readPromptPipeline>[0]

/** What frees itself when it is asked to. */
interface Closing {
  close(): Promise<void>
}

/** Classes of a file of more. */
export interface ClassesWithin {
  /** Makes the bytes of the whole file. */
  model(): Uint8Array
  /** How many classes it has; the one after the last stands for none. */
  readonly classes: number
  readonly first: number
  readonly count: number
  /** What is opened of it: by the first who asks, for all. It is not theirs to free. */
  once<T extends Closing>(open: () => Promise<T>): Promise<T>
}

export class SharedPrompts {
  readonly #sets: readonly PromptSet[]
  #read: Promise<Read> | null = null
  #opened: Promise<Closing> | null = null

  /** @param sets of one file, with names */
  constructor(sets: readonly PromptSet[]) {
    this.#sets = sets
  }

  /** A set's own pipeline, and where its prompts are within that of all. @throws as `loadPromptPipeline` */
  async pipelineOf(set: string | null, files: Files, device: Device) {
    const at = this.#sets.findIndex(({ name }) => name === set)
    if (at < 0) throw internalError(`there is no set '${set}' to share a model with`)
    const all = this.#sets.flatMap(({ prompts }) => prompts)
    this.#read ??= readPromptPipeline(files, all, { device })
    const read = await this.#read
    const first = this.#sets.slice(0, at).reduce((sum, { prompts }) => sum + prompts.length, 0)
    const count = this.#sets[at].prompts.length
    const within: ClassesWithin = {
      ...{ model: () => promptPipelineOf(read).model, classes: all.length, first, count },
      once: <T extends Closing>(open: () => Promise<T>) => {
        this.#opened ??= open()
        return this.#opened as Promise<T>
      },
    }
    return { ...promptPipelineOf(read, first, count), within }
  }

  /** That every set was opened: what they were opened by is not needed any more. */
  forget(): void {
    this.#read = null
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => null)
    await opened?.close()
  }
}
