/** The attributes of a file's call, read by name and kind; what nothing reads is known afterwards. */
import type { Tensor } from '../../base/index.ts'
import { inputError } from '../../base/index.ts'
import type { Attribute } from '../../graph/index.ts'
import type { OnnxAttributeValue, OnnxAttributeValues, OnnxGraph } from './model.ts'
import type { ExternalFiles } from './tensorData.ts'
import { tensorData } from './tensorData.ts'

type Kind = keyof OnnxAttributeValues

export class AttributeReader {
  private readonly read = new Set<string>()

  private readonly values: ReadonlyMap<string, OnnxAttributeValue>
  private readonly files: ExternalFiles

  constructor(values: ReadonlyMap<string, OnnxAttributeValue>, files: ExternalFiles) {
    this.values = values
    this.files = files
  }

  /** Whether the file gives it. */
  has(name: string): boolean {
    return this.values.has(name)
  }

  /** An integer; the default where the file leaves it out. @throws `onnx.attribute` where there is neither, or it is of another kind */
  int(name: string, absent?: number): number {
    return this.value(name, 'int', absent)
  }

  float(name: string, absent?: number): number {
    return this.value(name, 'float', absent)
  }

  string(name: string, absent?: string): string {
    return this.value(name, 'string', absent)
  }

  ints(name: string, absent?: readonly number[]): readonly number[] {
    return this.value(name, 'ints', absent)
  }

  floats(name: string, absent?: readonly number[]): readonly number[] {
    return this.value(name, 'floats', absent)
  }

  strings(name: string, absent?: readonly string[]): readonly string[] {
    return this.value(name, 'strings', absent)
  }

  /** A tensor that must be there. */
  tensor(name: string): Tensor {
    return tensorData(this.value(name, 'tensor'), this.files)
  }

  /** A graph that must be there. */
  graph(name: string): OnnxGraph {
    return this.value(name, 'graph')
  }

  /** Marks attributes as read that say nothing about what is computed. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.read.add(name)
  }

  /** All that are not read yet, now read, as the graph's operators take them. */
  rest(): Record<string, Attribute> {
    const unread = [...this.values].filter(([name]) => !this.read.has(name))
    return Object.fromEntries(
      unread.map(([name, { kind, value }]) => {
        this.read.add(name)
        if (kind === 'tensor') return [name, tensorData(value, this.files)]
        if (kind === 'graph' || kind === 'strings' || kind === 'other' || kind === 'reference')
          throw otherKind(name, kind)
        return [name, value]
      }),
    )
  }

  /** Names of those that nothing has read. */
  unread(): string[] {
    return [...this.values.keys()].filter((name) => !this.read.has(name))
  }

  private value<K extends Kind>(name: string, kind: K, absent?: OnnxAttributeValues[K]): OnnxAttributeValues[K] {
    this.read.add(name)
    const found = this.values.get(name)
    if (found?.kind === kind) return found.value as OnnxAttributeValues[K]
    if (found) throw otherKind(name, found.kind, kind)
    if (absent !== undefined) return absent
    throw inputError('onnx.attribute', `it needs the attribute '${name}', which the file leaves out`)
  }
}

function otherKind(name: string, came: string, wanted?: string) {
  const what = wanted ? `must be of kind ${wanted}, it is` : 'is of a kind that no operator takes:'
  return inputError('onnx.attribute', `its attribute '${name}' ${what} ${came}`)
}
