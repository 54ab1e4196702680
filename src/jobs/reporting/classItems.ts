/** What a report says of classes, where all images were of one or were guided towards theirs. */
import type { ReportContext } from './context.ts'

/** Lines of a protocol: term and text. None where images had the classes in turn, or none, unguided. */
export function classItems({ config }: Pick<ReportContext, 'config'>): [string, string][] {
  const { class: wanted = null, guidanceScale = null } = config
  const isGuided = guidanceScale !== null && guidanceScale !== 1
  if (!isGuided && (wanted === null || wanted === 'unconditional')) return []
  const whose = wanted === null ? 'the classes in turn' : `class ${wanted}`
  const guided = isGuided
    ? `, by classifier-free guidance at scale ${guidanceScale}: every prediction takes the network twice, which is counted`
    : ''
  return [['Classes', `generated images are of ${whose}${guided}`]]
}
