/** Names of what lies on a hub: `hf:org/name`, with a path within it and a revision where wanted, `hf:org/name/onnx/model.onnx@v2`. */
import { inputError } from '../base/index.ts'

/** A repository of a hub, at a revision, and what is meant of it. */
export interface HubName {
  /** `org/name`. */
  readonly repository: string
  /** A file or folder in it; empty: all. */
  readonly path: string
  /** Branch, tag or commit. */
  readonly revision: string
}

const PREFIX = 'hf:'
const PART = /^[A-Za-z0-9][\w.-]*$/
/** What the hub calls the newest. */
const NEWEST = 'main'

export const isHubName = (text: unknown): text is string => typeof text === 'string' && text.startsWith(PREFIX)

/** @throws `hub.name` */
export function hubName(text: string): HubName {
  const [place, revision = NEWEST, ...more] = text.slice(PREFIX.length).split('@')
  const [org = '', name = '', ...inside] = place.split('/')
  const parts = inside.filter((part) => part !== '')
  const isPlain = [org, name].every((part) => PART.test(part)) && !parts.includes('..') && !parts.includes('.')
  const isRevision = /^[\w.-]+(\/[\w.-]+)*$/.test(revision) && !revision.includes('..')
  if (isPlain && isRevision && more.length === 0)
    return { repository: `${org}/${name}`, path: parts.join('/'), revision }
  throw inputError(
    'hub.name',
    `a model of the hub is named hf:org/name, hf:org/name@revision or hf:org/name/path@revision, got '${text}'`,
  )
}
