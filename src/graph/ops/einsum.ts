/**
 * Sums of products in Einstein's notation, made of transpositions, sums and matrix products, two operands at a time from the left.
 * `ij,jk->ik` is a matrix product, `bhqd,bhkd->bhqk` the scores of attention, `ii->i` a diagonal, `...c->...` a sum.
 */
import type { Shape } from '../../base/index.ts'
import { sizeOf } from '../../base/index.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { mul } from './elementwise.ts'
import { matmul } from './matmul.ts'
import { reshape, transpose } from './shape.ts'
import { slice } from './slice.ts'
import { expand, reduceSum } from './sum.ts'

/** A tensor whose axes have labels, each once. */
interface Labelled {
  readonly value: SymbolicTensor
  readonly labels: readonly string[]
}

/** The labels of each operand and of the result; axes of `...` are labelled by their place from the back. */
interface Equation {
  readonly operands: readonly (readonly string[])[]
  readonly result: readonly string[]
}

function parse(equation: string, shapes: readonly Shape[]): Equation {
  const [left, right, ...more] = equation.replaceAll(/\s/g, '').split('->')
  const terms = left.split(',')
  if (more.length > 0 || terms.length !== shapes.length) {
    throw new Error(`an equation names ${shapes.length} operands and at most one result, got '${equation}'`)
  }
  const ellipses = terms.map((term, i) => shapes[i].length - term.replace('...', '').length)
  const longest = Math.max(0, ...terms.flatMap((term, i) => (term.includes('...') ? [ellipses[i]] : [])))
  const labelsOf = (term: string, rank: number): string[] => {
    const [before, after, ...others] = term.split('...')
    if (others.length > 0 || !/^[A-Za-z]*$/.test(before + (after ?? ''))) {
      throw new Error(`a term is letters with at most one '...', got '${term}'`)
    }
    if (after === undefined) return [...before]
    return [...before, ...Array.from({ length: rank }, (_, i) => `.${rank - i}`), ...after]
  }
  const operands = terms.map((term, i) => labelsOf(term, Math.max(0, ellipses[i])))
  operands.forEach((labels, i) => {
    if (labels.length !== shapes[i].length)
      throw new Error(`'${terms[i]}' does not label the ${shapes[i].length} axes of [${shapes[i]}]`)
  })
  if (right !== undefined) return { operands, result: labelsOf(right, longest) }
  const all = operands.flat()
  const once = [...new Set(all)].filter(
    (label) => !label.startsWith('.') && all.indexOf(label) === all.lastIndexOf(label),
  )
  return { operands, result: [...labelsOf('...', longest), ...once.sort()] }
}

/** Each label once: of axes with the same label only their common diagonal is left. */
function diagonal({ value, labels }: Labelled): Labelled {
  const second = labels.findIndex((label, i) => labels.indexOf(label) < i)
  if (second < 0) return { value, labels }
  const first = labels.indexOf(labels[second])
  const rest = labels.map((_, axis) => axis).filter((axis) => axis !== first && axis !== second)
  const extent = value.shape[first]
  if (value.shape[second] !== extent)
    throw new Error(`axes of one label must have one extent, got ${extent} and ${value.shape[second]}`)
  const shape = rest.map((axis) => value.shape[axis])
  const flat = reshape(transpose(value, [...rest, first, second]), [...shape, extent * extent])
  const kept = slice(flat, { axis: rest.length, step: extent + 1 })
  return diagonal({ value: kept, labels: [...rest.map((axis) => labels[axis]), labels[second]] })
}

/** Sums over the labels that nothing needs any more. */
function summed({ value, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
  const idle = labels.flatMap((label, axis) => (needed.has(label) ? [] : [axis]))
  return { value: reduceSum(value, idle), labels: labels.filter((label) => needed.has(label)) }
}

/** The axes in the given order; labels that it lacks get extent 1. */
function arranged({ value, labels }: Labelled, order: readonly string[]): SymbolicTensor {
  const present = order.filter((label) => labels.includes(label))
  const axes = present.map((label) => labels.indexOf(label))
  const turned = axes.every((axis, i) => axis === i) ? value : transpose(value, axes)
  return reshape(
    turned,
    order.map((label) => (labels.includes(label) ? value.shape[labels.indexOf(label)] : 1)),
  )
}

/** Two tensors become one: labels that only they have and nobody needs are summed over. */
function contracted(first: Labelled, second: Labelled, needed: ReadonlySet<string>): Labelled {
  const a = summed(first, new Set([...needed, ...second.labels]))
  const b = summed(second, new Set([...needed, ...first.labels]))
  const shared = a.labels.filter((label) => b.labels.includes(label))
  const stack = shared.filter((label) => needed.has(label))
  const inner = shared.filter((label) => !needed.has(label))
  const [rows, columns] = [a, b].map(({ labels }) => labels.filter((label) => !shared.includes(label)))
  const labels = [...stack, ...rows, ...columns]
  if (inner.length === 0) return { value: mul(arranged(a, labels), arranged(b, labels)), labels }
  const extent = (label: string) =>
    Math.max(
      ...[a, b].flatMap((one) => (one.labels.includes(label) ? [one.value.shape[one.labels.indexOf(label)]] : [])),
    )
  const extents = (group: readonly string[]) => group.map(extent)
  const matrices = (one: Labelled, down: readonly string[], along: readonly string[]) => {
    const order = [...stack, ...down, ...along]
    const lead = stack.length > 0 ? [sizeOf(extents(stack))] : []
    return reshape(expand(arranged(one, order), extents(order)), [
      ...lead,
      sizeOf(extents(down)),
      sizeOf(extents(along)),
    ])
  }
  const product = matmul(matrices(a, rows, inner), matrices(b, inner, columns))
  return { value: reshape(product, extents(labels)), labels }
}

/**
 * A sum of products in Einstein's notation, as numpy's and ONNX's. Axes of extent 1 broadcast against axes of the same label.
 * @param equation terms of letters and `...`, one for each operand; without `->` the result has the letters that come once, in alphabetical order
 * @throws Error if the equation does not fit the operands
 * @example einsum('bhqd,bhkd->bhqk', [q, k])
 */
export function einsum(equation: string, operands: readonly SymbolicTensor[]): SymbolicTensor {
  const { operands: terms, result } = parse(
    equation,
    operands.map(({ shape }) => shape),
  )
  const unknown = result.find(
    (label, i) => !terms.some((labels) => labels.includes(label)) || result.indexOf(label) < i,
  )
  if (unknown)
    throw new Error(`each label of the result must be one of an operand, once, got '${unknown}' in '${equation}'`)
  const parts = operands.map((value, i) => diagonal({ value, labels: terms[i] }))
  const neededAfter = (i: number) => new Set([...result, ...parts.slice(i + 1).flatMap(({ labels }) => labels)])
  const joined = parts.reduce((all, part, i) => contracted(all, part, neededAfter(i)))
  return arranged(summed(joined, new Set(result)), result)
}
