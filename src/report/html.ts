/** HTML by tagged template: what is put in is escaped unless it is HTML already, so no name or setting can break the page. */

/** Text that is known to be HTML. */
export interface Html {
  readonly html: string
}

/** What a template takes: HTML, text and numbers (escaped), lists of these; null and false leave nothing. */
export type Part = Html | string | number | null | false | readonly Part[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char])
}

/** @example html`<td>${row.label}</td>` */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: strings.reduce((text, string, i) => text + textOf(parts[i - 1] ?? null) + string) }
}

/** Text that is HTML already. */
export function raw(text: string): Html {
  return { html: text }
}

function textOf(part: Part): string {
  if (part === null || part === false) return ''
  if (typeof part === 'string') return escapeHtml(part)
  if (typeof part === 'number') return String(part)
  return 'html' in part ? part.html : part.map(textOf).join('')
}
