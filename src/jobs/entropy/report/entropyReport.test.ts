/** The page holds the result: every number as printed, nothing from elsewhere, and the truth about what was found. */
import { decode } from 'fast-png'
import { parseHTML } from 'linkedom'
import { describe, expect, test } from 'vitest'
import { fixed, significant, toItsError } from '../../../report/format.ts'
import type { EntropyResult } from '../../../tuners/index.ts'
import { entropyJson } from './entropyJson.ts'
import { renderEntropyReport } from './entropyReport.ts'
import { BARE_TILT, BOUNDARY, ENTROPY_CONTEXT, NO_HARM, RESOLVED, UNRESOLVED } from './entropyResult.fixture.ts'

const RESULTS: readonly (readonly [string, EntropyResult])[] = [
  ['resolved', RESOLVED],
  ['unresolved', UNRESOLVED],
  ['boundary', BOUNDARY],
  ['no harm', NO_HARM],
  ['bare tilt', BARE_TILT],
]

async function pageOf(result: EntropyResult, context = ENTROPY_CONTEXT) {
  const text = await renderEntropyReport(result, context)
  const { document } = parseHTML(text)
  return { text, document, words: document.body.textContent?.replace(/\s+/g, ' ') ?? '' }
}

type Page = Awaited<ReturnType<typeof pageOf>>

/** Texts of a table's body cells, found by a word of its head. */
function cellsOf(document: Page['document'], head: string): string[][] {
  const table = [...document.querySelectorAll('table')].find((one) =>
    one.querySelector('thead')?.textContent?.includes(head),
  )
  if (!table) throw new Error(`no table with a column ${head}`)
  return [...table.querySelectorAll('tbody tr')].map((row) =>
    [...row.children].map((cell) => cell.textContent?.trim() ?? ''),
  )
}

describe.each(RESULTS)('the page of a result: %s', (_, result) => {
  test('the curve, the three places and the gradients stand in its tables', async () => {
    const { document } = await pageOf(result)
    const withDiversity = result.diversity !== null
    const rows = cellsOf(document, 'Pareto k')
    expect(rows).toHaveLength(result.curve.length)
    for (const point of result.curve) {
      expect(rows).toContainEqual([
        point.target,
        significant(point.lambda, 4),
        significant(1 / point.lambda, 4),
        toItsError(point.upper),
        toItsError(point.lower),
        toItsError(point.kl),
        ...(withDiversity && point.diversity ? [toItsError(point.diversity)] : []),
        significant(point.effectiveSampleSize, 3),
        fixed(point.paretoK, 2),
        point.drawn ? 'drawn' : 'weighted',
        point.trusted ? 'yes' : (point.paretoK ?? 0) > 0.7 ? 'no, weights collapsed' : 'no',
      ])
    }
    const places = [result.upper, result.lower, ...(result.diversity ? [result.diversity] : [])]
    expect(cellsOf(document, 'mean over images').map((cells) => cells.slice(1))).toEqual(
      places.map(({ base, tuned, lambdaMin }) => {
        const mark = result === BARE_TILT ? ' (weights collapsed)' : ''
        return [toItsError(base), ...[tuned, lambdaMin].map((one) => `${toItsError(one)}${mark}`)]
      }),
    )
    expect(cellsOf(document, 'gradient in log').map((cells) => cells[3])).toEqual(
      result.iterations.map(({ gradient }) => toItsError(gradient)),
    )
  })

  test('untrusted points are grey in the table and in the charts, the rest is not', async () => {
    const { document } = await pageOf(result)
    const untrusted = result.curve.filter(({ trusted }) => !trusted).length
    expect(document.querySelectorAll('tr.untrusted')).toHaveLength(untrusted)
    const [judge] = document.querySelectorAll('svg[role="img"]')
    const marks = [...judge.querySelectorAll('[aria-label="dot"] > *')]
    const grey = marks.filter((mark) => mark.getAttribute('stroke') === 'var(--axis)')
    expect(grey.length).toBeLessThanOrEqual(untrusted)
    expect(grey.length > 0).toBe(untrusted > 0)
    const guided = result.curve.filter(({ target }) => target === 'guided').length
    const blue = marks.filter((mark) => mark.getAttribute('stroke') === 'var(--role-learned)')
    expect(blue).toHaveLength(guided)
  })

  test('asks for nothing outside: no address, no script but data, no frame', async () => {
    const { text, document } = await pageOf(result)
    for (const element of document.querySelectorAll('*')) {
      for (const name of ['src', 'href', 'srcset', 'action', 'data', 'poster', 'xlink:href']) {
        const value = element.getAttribute(name)
        if (value !== null) expect(value, `${element.tagName} ${name}`).toMatch(/^(#|data:image\/png;base64,)/)
      }
      expect([...element.attributes].filter(({ name }) => name.startsWith('on'))).toEqual([])
    }
    expect(text).not.toMatch(/@import|url\(|https?:\/\/(?!www\.w3\.org)/)
    expect(document.querySelectorAll('iframe, link, object, embed')).toHaveLength(0)
  })

  test('carries the result as JSON, and names rewards, settings and hashes', async () => {
    const { document, words } = await pageOf(result)
    const inside = document.querySelector('script#result')?.textContent ?? ''
    expect(JSON.parse(inside)).toEqual(JSON.parse(JSON.stringify(entropyJson(result, ENTROPY_CONTEXT))))
    for (const name of [result.rewardName, result.judgeName, '5e1f0c7a', '77aa01']) expect(words).toContain(name)
    expect(words).toContain('Note: the reward has seen pixels beyond [-1, 1] & <more>.')
    const settings = [...document.querySelectorAll('.settings div')].map((line) =>
      [...line.querySelectorAll('code')].map((code) => code.textContent).join(' '),
    )
    expect(settings).toContain('note a < b & "c"')
    expect(settings).toContain('lambdaRange [0.01,10]')
  })

  test('charts have a description each and no coordinate that is no number', async () => {
    const { document } = await pageOf(result)
    const charts = [...document.querySelectorAll('svg[role="img"]')]
    expect(charts).toHaveLength(result.diversity ? 5 : 4)
    for (const chart of charts) {
      expect(chart.getAttribute('aria-label')).toMatch(/\w+ \w+/)
      expect(chart.outerHTML).not.toMatch(/NaN|Infinity|undefined/)
      const ticks = [...chart.querySelectorAll('[aria-label$="tick label"] text')].map((tick) => tick.textContent ?? '')
      expect(ticks.length).toBeGreaterThan(3)
      for (const tick of ticks) expect(tick).toMatch(/^([−\d][\d.]{0,5}|10[⁰¹²³⁴⁵⁶⁷⁸⁹]+)$/)
    }
  })

  test('marks the chosen lambda at its place on the logarithmic axis, between the ends of the range', async () => {
    const { document } = await pageOf(result)
    const [judge] = document.querySelectorAll('svg[role="img"]')
    const rule = judge.querySelector('[stroke="var(--role-many)"]')
    const { value } = result.entropyStrength
    const share = Math.log(value / 0.01) / Math.log(1000)
    const [left, right] = [52, 460 - 16]
    const transform = rule?.getAttribute('transform') ?? rule?.parentElement?.getAttribute('transform') ?? ''
    const shift = Number(/translate\(([\d.]+)/.exec(transform)?.[1] ?? 0)
    const line = rule?.tagName.toLowerCase() === 'line' ? rule : rule?.querySelector('line')
    expect(Number(line?.getAttribute('x1')) + shift).toBeCloseTo(left + share * (right - left), 0)
  })
})

test('the title tells what was found', async () => {
  const title = async (result: EntropyResult) => {
    const { document } = await pageOf(result)
    const heading = document.querySelector('h1')
    expect(document.querySelector('title')?.textContent).toBe(heading?.textContent)
    return [heading?.className, heading?.textContent]
  }
  expect(await title(RESOLVED)).toEqual(['won', 'Entropy strength λ = 0.931, 95 % interval 0.71 to 1.24'])
  expect(await title(UNRESOLVED)).toEqual(['lost', 'Not resolved: λ = 0.931, somewhere from 0.31 to 2.9'])
  expect(await title(BOUNDARY)).toEqual([
    'open',
    'No optimum inside 0.01 to 10: the judge is best at the weakest guidance, λ = 10',
  ])
  expect(await title(NO_HARM)).toEqual([
    'open',
    'No optimum inside 0.01 to 10: the judge is best at the strongest guidance, λ = 0.01',
  ])
})

test('says whether the strongest guidance over-optimises, and only then', async () => {
  expect((await pageOf(RESOLVED)).words).toContain('the judge worse by 25.67 ± 0.45. That is over-optimisation.')
  expect((await pageOf(NO_HARM)).words).not.toContain('That is over-optimisation')
  const same = { ...RESOLVED, upper: { ...RESOLVED.upper, lambdaMin: RESOLVED.upper.tuned } }
  expect((await pageOf(same)).words).toContain('and the judge sees no difference.')
  const lost = { ...RESOLVED, lower: { ...RESOLVED.lower, lambdaMin: RESOLVED.lower.base } }
  expect((await pageOf(lost)).words).toMatch(/the chased reward \(r2\) is lower by .* judge worse by 25.67 ± 0.45. KL/)
})

test('why it is not resolved, and what to raise, stands at the top', async () => {
  expect((await pageOf(UNRESOLVED)).words).toContain('more than the tolerance of 2; raise maxEvaluations.')
  expect((await pageOf(BOUNDARY)).words).toContain('the gradient in log λ is −0.412 ± 0.051')
})

test('grids hold the images of each strength from the same seeds, with the numbers measured there', async () => {
  const { document } = await pageOf(RESOLVED)
  const grids = [...document.querySelectorAll('img')]
  expect(grids.map((grid) => grid.getAttribute('data-grid'))).toEqual(['base', 'weak', 'chosen', 'strongest'])
  const source = grids[2].getAttribute('src') ?? ''
  const { width, height, channels, data } = decode(Buffer.from(source.split(',')[1], 'base64'))
  expect([width, height, channels]).toEqual([4 * 17 - 1, 3 * 17 - 1, 2])
  const { images } = RESOLVED.grids[2]
  const [item, y, x] = [6, 3, 11]
  expect(data[((17 + y) * width + 2 * 17 + x) * 2]).toBe(Math.round(127.5 * (images[(item * 16 + y) * 16 + x] + 1)))
  const cards = [...document.querySelectorAll('.card')].map((card) => card.textContent?.replace(/\s+/g, ' '))
  const weak = RESOLVED.curve.find(({ lambda, target }) => target === 'guided' && Math.abs(lambda - 3.1623) < 1e-3)
  expect(cards[1]).toContain(`reward ${weak ? toItsError(weak.lower).replaceAll('\u00a0', ' ') : 'nowhere'}`)
  expect(cards[3]).toMatch(/Strongest, λ = 0.01 −31.47 ± 0.44 judge/)
})

test('says how to draw with it, and what is drawn', async () => {
  expect((await pageOf(RESOLVED)).words).toContain(
    'npx bilevel sample runs/entropy-quick-3 --count 100 Run it in the folder',
  )
  expect((await pageOf(BARE_TILT)).words).toContain('drawn by weighted particles')
})

test('shades where the own curve of the target can be believed', async () => {
  const shaded = async (result: EntropyResult) => {
    const { document } = await pageOf(result)
    const [judge] = document.querySelectorAll('svg[role="img"]')
    const rects = [...judge.querySelectorAll('rect')].filter((rect) =>
      [rect, rect.parentElement].some((one) => one?.getAttribute('fill') === 'var(--role-learned)'),
    )
    return rects.reduce((sum, rect) => sum + Number(rect.getAttribute('width')), 0)
  }
  expect(await shaded(RESOLVED)).toBeCloseTo(460 - 16 - 52, 0)
  // The last 3 of 13 points: 2.5 of 12 spaces between them.
  expect(await shaded(BARE_TILT)).toBeCloseTo(((460 - 16 - 52) * 2.5) / 12, 0)
})

test('what cannot be believed does not stretch the axes, and is counted', async () => {
  const wild = RESOLVED.curve.map((point) =>
    point.target === 'tilt' && !point.trusted ? { ...point, upper: { ...point.upper, mean: 1e6 } } : point,
  )
  const { words, document } = await pageOf({ ...RESOLVED, curve: wild })
  expect(words).toContain(`${wild.filter(({ trusted }) => !trusted).length} markers that cannot be believed lie beyond`)
  const [judge] = document.querySelectorAll('svg[role="img"]')
  expect(judge.textContent).not.toContain('1000')
})

describe('what the curve is made of', () => {
  /** Texts of the legend over the first chart, and whether each swatch is grey or hollow. */
  const legendOf = async (result: EntropyResult) => {
    const { document } = await pageOf(result)
    return [...document.querySelectorAll('.legend')[0].querySelectorAll('li')].map((item) => {
      const look = item.innerHTML.includes('fill="var(--card)"')
        ? 'hollow'
        : item.innerHTML.includes('--axis')
          ? 'grey'
          : ''
      return `${item.textContent?.trim()} ${look}`.trim()
    })
  }

  test('each curve in the legend, grey where it is, and hollow markers', async () => {
    expect(await legendOf(RESOLVED)).toEqual([
      'guided sampler',
      'tilted distribution p*',
      'tilted distribution p*, not to be believed grey',
      'weighted, not drawn hollow',
      'chosen λ and its interval',
    ])
    const plain = { ...RESOLVED, curve: RESOLVED.curve.filter(({ target }) => target === 'guided') }
    expect(await legendOf(plain)).toEqual(['guided sampler', 'chosen λ and its interval'])
  })

  test('drawn points have filled markers, weighted ones hollow', async () => {
    const { document } = await pageOf(RESOLVED)
    const [judge] = document.querySelectorAll('svg[role="img"]')
    const marks = [...judge.querySelectorAll('[aria-label="dot"] > *')]
    const hollow = marks.filter((mark) => mark.getAttribute('fill') === 'var(--card)')
    expect(hollow).toHaveLength(13)
    expect(marks).toHaveLength(2 * 13 + 1)
  })

  test('the base model is on the axes of what it was measured in, and a line across', async () => {
    const { document } = await pageOf({
      ...RESOLVED,
      lower: { ...RESOLVED.lower, base: { mean: -40, standardError: 1, count: 256 } },
    })
    const charts = [...document.querySelectorAll('svg[role="img"]')]
    const lines = (chart: (typeof charts)[0]) =>
      [...chart.querySelectorAll('[aria-label="rule"]')].filter(
        (rule) => rule.getAttribute('stroke-dasharray') === '1 3',
      )
    expect(charts.map((chart) => lines(chart)[0]?.querySelectorAll('line').length ?? 0)).toEqual([1, 1, 0, 1, 0])
  })

  test('numbers that rest on few effective images are not taken for a finding', async () => {
    const { words } = await pageOf(BARE_TILT)
    expect(words).toContain(
      'The numbers at λ = 0.931 and λ = 0.01 come from few effective images and cannot be believed',
    )
    expect(words).not.toContain('That is over-optimisation')
    expect(words).toContain('not to be believed: few effective images')
    expect((await pageOf(RESOLVED)).words).not.toContain('few effective images')
  })

  test('a band of four repetitions is wider than one of many', async () => {
    const heights = async (count: number) => {
      const curve = RESOLVED.curve.map((point) => ({ ...point, upper: { ...point.upper, count, standardError: 0.5 } }))
      const { document } = await pageOf({ ...RESOLVED, curve })
      const [judge] = document.querySelectorAll('svg[role="img"]')
      const bars = [...judge.querySelectorAll('[aria-label="rule"] line')].filter(
        (bar) => bar.getAttribute('stroke') === 'var(--role-learned)',
      )
      const bar = bars[6]
      return Math.abs(Number(bar.getAttribute('y1')) - Number(bar.getAttribute('y2')))
    }
    // The axis stretches a little with the bands.
    expect((await heights(4)) / (await heights(4000))).toBeGreaterThan(1.45)
  })

  test('a KL that is not above 0 is off the logarithmic axis, and counted; nothing believed at all still has axes', async () => {
    const curve = RESOLVED.curve.map((point, i) =>
      point.trusted && i === 12 ? { ...point, kl: { mean: -0.003, standardError: 0.01, count: 256 } } : point,
    )
    const { words, document } = await pageOf({ ...RESOLVED, curve })
    expect(words).toContain('1 value of KL not above 0 within its error has no place on a logarithmic axis')
    const kl = document.querySelectorAll('svg[role="img"]')[2]
    expect(kl.outerHTML).not.toMatch(/NaN|Infinity/)
    const none = { ...BARE_TILT, curve: BARE_TILT.curve.map((point) => ({ ...point, trusted: false })) }
    expect((await pageOf(none)).text).not.toMatch(/NaN|Infinity/)
  })
})

test('equal results give equal bytes', async () => {
  const first = await renderEntropyReport(RESOLVED, ENTROPY_CONTEXT)
  expect(await renderEntropyReport(structuredClone(RESOLVED), ENTROPY_CONTEXT)).toBe(first)
})

test('gradients of collapsed weights are grey, and called that', async () => {
  const [first, ...rest] = RESOLVED.iterations
  const { document, words } = await pageOf({ ...RESOLVED, iterations: [{ ...first, collapsed: true }, ...rest] })
  expect(words).toContain('whose bars mean nothing')
  const [cells, other] = cellsOf(document, 'gradient in log')
  expect([cells[3], cells[4]]).toEqual([`${toItsError(first.gradient)} (weights collapsed)`, '–'])
  expect([other[3], other[4] === '–']).toEqual([toItsError(rest[0].gradient), false])
  expect((await pageOf(RESOLVED)).words).not.toContain('bars mean nothing')
})
