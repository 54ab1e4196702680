/** What the judge knows of real images, to stand beside its figures. */
import type { ReportContext } from '../../reporting/context.ts'

/** `, right about 98.4 % of 500 real images`, `, not checked on real images`, or nothing where nothing was asked. */
export function judgeKnowledgeText({ judgeKnowledge }: Pick<ReportContext, 'judgeKnowledge'>): string {
  if (judgeKnowledge === undefined) return ''
  if (judgeKnowledge === null) return ', not checked on real images'
  const { accuracy, images } = judgeKnowledge
  return `, right about ${(100 * accuracy).toFixed(1)} % of ${images} real images`
}
