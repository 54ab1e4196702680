/**
 * The cheapest set of nodes that separates a graph's sources from its sinks: maximum flow through nodes of limited capacity (Ford,
 * Fulkerson 1956; shortest augmenting paths in layers, Dinic 1970).
 */

interface Edge {
  readonly to: number
  /** Capacity left. */
  left: number
  /** The same edge backwards. */
  back: Edge | undefined
}

export interface CutProblem {
  /** What it costs to cut through each node, above 0. */
  readonly costs: readonly number[]
  /** Pairs [from, to] of node numbers. */
  readonly edges: readonly (readonly [number, number])[]
  readonly sources: readonly number[]
  readonly sinks: readonly number[]
}

/** Numbers of the nodes to cut through, so that no path leads from a source to a sink (either may be cut itself); the cut nearest to the sinks. */
export function minimumCut({ costs, edges, sources, sinks }: CutProblem): number[] {
  const source = 2 * costs.length
  const sink = source + 1
  // Node k is an edge from 2k, where paths come in, to 2k + 1, where they leave.
  const network: Edge[][] = Array.from({ length: sink + 1 }, () => [])
  const connect = (from: number, to: number, left: number) => {
    const edge: Edge = { to, left, back: undefined }
    const back: Edge = { to: from, left: 0, back: edge }
    edge.back = back
    network[from].push(edge)
    network[to].push(back)
  }
  costs.forEach((cost, node) => {
    connect(2 * node, 2 * node + 1, cost)
  })
  for (const [from, to] of edges) connect(2 * from + 1, 2 * to, Number.POSITIVE_INFINITY)
  for (const node of sources) connect(source, 2 * node, Number.POSITIVE_INFINITY)
  for (const node of sinks) connect(2 * node + 1, sink, Number.POSITIVE_INFINITY)
  let layers = layersFrom(network, source)
  while (layers[sink] >= 0) {
    const next = network.map(() => 0)
    while (augment(network, layers, next, source, sink) > 0);
    layers = layersFrom(network, source)
  }
  const reachesSink = reaching(network, sink)
  return costs.flatMap((_, node) => (!reachesSink[2 * node] && reachesSink[2 * node + 1] ? [node] : []))
}

/** Steps from the source along edges with capacity left; -1 where none lead. */
function layersFrom(network: readonly Edge[][], source: number): Int32Array {
  const layers = new Int32Array(network.length).fill(-1)
  layers[source] = 0
  const queue = [source]
  for (const at of queue) {
    for (const { to, left } of network[at]) {
      if (left <= 0 || layers[to] >= 0) continue
      layers[to] = layers[at] + 1
      queue.push(to)
    }
  }
  return layers
}

/** Sends what fits along one path from layer to layer. `next`: the edge of each place to try next. */
function augment(network: readonly Edge[][], layers: Int32Array, next: number[], source: number, sink: number): number {
  const path: Edge[] = []
  let at = source
  while (at !== sink) {
    const edge = network[at][next[at]]
    if (edge === undefined) {
      if (at === source) return 0
      // A dead end: back, and never here again.
      const entered = path.pop()?.back
      at = entered ? entered.to : source
      next[at]++
    } else if (edge.left > 0 && layers[edge.to] === layers[at] + 1) {
      path.push(edge)
      at = edge.to
    } else next[at]++
  }
  const flow = path.reduce((least, { left }) => Math.min(least, left), Number.POSITIVE_INFINITY)
  for (const edge of path) {
    edge.left -= flow
    if (edge.back) edge.back.left += flow
  }
  return flow
}

/** Places from which the sink can still be reached. */
function reaching(network: readonly Edge[][], sink: number): boolean[] {
  const reaches = network.map(() => false)
  reaches[sink] = true
  const queue = [sink]
  for (const at of queue) {
    for (const { to, back } of network[at]) {
      if (!back || back.left <= 0 || reaches[to]) continue
      reaches[to] = true
      queue.push(to)
    }
  }
  return reaches
}
