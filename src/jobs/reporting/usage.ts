/** What every job's page says of its settings and of how to go on: the settings by path, and command lines to be pasted. */
import type { Html } from '../../report/index.ts'
import { html } from '../../report/index.ts'
import { commandLine, isRecord, pathArgument, UNKNOWN_CALLER } from '../../runs/index.ts'
import type { ReportContext } from './context.ts'

/** Settings with their paths, in order. */
export function settingsList({ config }: Pick<ReportContext, 'config'>): Html {
  return html`<div class="settings">${flattened(config, '').map(
    ([path, value]) => html`<div><code>${path}</code><code>${value}</code></div>\n`,
  )}</div>`
}

function flattened(value: unknown, path: string): [string, string][] {
  if (!isRecord(value) || Object.keys(value).length === 0)
    return [[path, typeof value === 'string' ? value : JSON.stringify(value)]]
  return Object.entries(value).flatMap(([key, item]) => flattened(item, path === '' ? key : `${path}.${key}`))
}

/** Command lines to be pasted, and where. */
export function commands({ run, caller = UNKNOWN_CALLER }: ReportContext, lines: readonly string[]): Html {
  const { directory } = caller
  return html`<pre><code class="shell">${lines.join('\n')}</code></pre>
<p class="soft">Run it in ${
    directory === null ? 'the folder where the run was started' : html`<code>${directory}</code>`
  }, where this run is <code>${run}</code>.</p>`
}

/** `bilevel sample` of this run, which brings its model and what belongs to it. */
export function sampleCommand(
  { run, batch, network, caller = UNKNOWN_CALLER }: ReportContext,
  args: readonly string[],
) {
  const more = [
    ...(batch === undefined ? [] : ['--chunk', String(batch)]),
    // Nobody says how many classes a file has.
    ...(network?.kind === 'onnx' && !network.inRun && network.classes !== undefined ? ['--class', '0'] : []),
  ]
  return commandLine(caller, ['sample', pathArgument(run), ...args, ...more])
}
