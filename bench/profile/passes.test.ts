import { expect, it } from 'vitest'
import { trainStepGraph } from '../../src/diffusion/denoisers/programs.ts'
import type { Node } from '../../src/graph/index.ts'
import { nodesOf } from '../../src/graph/index.ts'
import { adamw, flatSize } from '../../src/nn/index.ts'
import { lowerForCpu } from '../../src/runtime/lower/index.ts'
import { smallNetwork } from '../subjects.ts'
import { PASSES, passesOf } from './passes.ts'

const network = smallNetwork({ tiny: true })
const lowered = lowerForCpu(trainStepGraph(network, 4, adamw(), 1), 8)
const passes = passesOf(lowered, flatSize(network.parameters))
const nodes = nodesOf(Object.values(lowered.outputs))
const makers = ({ inputs }: Node) =>
  inputs.flatMap((value) => (value?.source.kind === 'node' ? [value.source.node] : []))

it('gives every call of a training step its pass, and none an input from a later one', () => {
  expect(passes.size).toBe(nodes.length)
  expect(new Set(passes.values())).toEqual(new Set(PASSES))
  const rank = { forward: 0, 'backward in x': 1, 'backward in weights': 2, 'joining of gradients': 3, optimizer: 4 }
  for (const node of nodes) {
    // What depends on nothing but the inputs of the step may be counted where it is used.
    for (const maker of makers(node)) {
      const [before, here] = [passes.get(maker)!, passes.get(node)!]
      if (before !== 'optimizer')
        expect(rank[before], `${maker.operator.name} → ${node.operator.name}`).toBeLessThanOrEqual(rank[here])
    }
  }
})

it('counts as many weight gradients as there are convolutions', () => {
  const convolutions = (pass: string) =>
    nodes.filter((node) => passes.get(node) === pass && /Conv/.test(node.operator.name)).length
  expect(convolutions('forward')).toBeGreaterThan(0)
  expect(convolutions('backward in weights')).toBeGreaterThan(0)
  expect(convolutions('optimizer')).toBe(0)
})
