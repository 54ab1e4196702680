/**
 * Makes `test/gold/lambdaTruth.json`: the truth about lambda on every problem of `truth/problems.ts`, by quadrature.
 *
 *     npm run truth:gold
 *     npm run truth:gold -- --problems bump,flat      only those anew
 */
import { existsSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { GoldTruth } from './truth/gold.ts'
import { GOLD_FILE, readGold } from './truth/gold.ts'
import { objectiveOf } from './truth/objective.ts'
import { truthOf } from './truth/optima.ts'
import type { TruthProblem } from './truth/problem.ts'
import { PROBLEMS, problemNamed } from './truth/problems.ts'

/** Points of the kept curves; fewer where each takes a second. */
const POINTS = 61
const PLANE_POINTS = 31

const FINER = { density: 2, reach: 4 / 3 }

/** Half-width in log lambda of the parabola that finds the same optimum at two finenesses. */
const ASIDE = 0.02

/** Digits that are kept. */
const DIGITS = 12

const rounded = (value: number): number => Number(value.toPrecision(DIGITS))

function goldOf(problem: TruthProblem): GoldTruth {
  const { name, lambdaRange, space } = problem
  const at = objectiveOf(problem)
  const truth = truthOf(at, lambdaRange, space.kind === 'plane' ? PLANE_POINTS : POINTS)
  const finer = objectiveOf(problem, FINER)
  const [best] = truth.optima
  const middle = Math.log(best?.lambda ?? Math.sqrt(lambdaRange[0] * lambdaRange[1]))
  const near = [-ASIDE, 0, ASIDE].map((aside) => Math.exp(middle + aside))
  const [coarse, fine] = [at, finer].map((of) => near.map((lambda) => of(lambda).objective))
  const start = Math.abs(finer(lambdaRange[0]).objective - truth.objective[0])
  const spread = Math.max(...truth.objective) - Math.min(...truth.objective)
  const off = Math.max(start, ...coarse.map((value, i) => Math.abs(fine[i] - value)))
  const { optima, objective, upper } = truth
  return {
    name,
    lambdaRange,
    optima: optima.map((one) => ({ ...one, lambda: rounded(one.lambda), objective: rounded(one.objective) })),
    objective: objective.map(rounded),
    upper: problem.target === 'penalty' ? upper.map(rounded) : [],
    twiceAsFine: {
      objective: Number((best ? off / spread : off).toPrecision(2)),
      logLambda: best?.kind === 'inside' ? Number((vertex(fine) - vertex(coarse)).toPrecision(2)) : null,
    },
  }
}

/** Where a parabola through values at -ASIDE, 0, ASIDE is stationary. */
const vertex = ([left, middle, right]: readonly number[]) =>
  (ASIDE * (left - right)) / (2 * (left - 2 * middle + right))

const { values } = parseArgs({ options: { problems: { type: 'string', default: '' } } })
const asked = values.problems ? values.problems.split(',').map(problemNamed) : PROBLEMS
const known = new Map(existsSync(GOLD_FILE) ? readGold() : [])
for (const problem of asked) {
  const started = performance.now()
  const truth = goldOf(problem)
  known.set(problem.name, truth)
  const optima = truth.optima.map(({ lambda, kind, objective }) => `${kind} ${lambda} (${objective})`)
  const { objective, logLambda } = truth.twiceAsFine
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.error(
    `${problem.name}: ${optima.join(', ') || 'flat'}; twice as fine ${objective}, ${logLambda}; ${seconds} s`,
  )
  const kept = PROBLEMS.flatMap(({ name }) => known.get(name) ?? [])
  writeFileSync(GOLD_FILE, `[\n${kept.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`)
}
