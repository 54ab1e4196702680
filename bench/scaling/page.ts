/** The page of what large models take: sums over counted layers, each at the measured rate of the layer most like it. */
import type { Layer, LayerKind } from './layers.ts'
import { decoderLayers, total, unetLayers } from './layers.ts'

/** By side: operations a second, of norms numbers a second. */
export interface Rates extends Readonly<Record<LayerKind, Readonly<Record<number, number>>>> {
  readonly machine: Readonly<Record<string, unknown>>
  /** Processes that were running or waiting for a core, the mean of the minute before. */
  readonly load: number
}

/** Seconds of a layer, at the rate of its kind at the nearest side. */
function secondsOf({ kind, side, operations, elements }: Layer, rates: Rates): number {
  const sides = Object.keys(rates[kind]).map(Number)
  const nearest = sides.reduce((best, one) =>
    Math.abs(Math.log(one / side)) < Math.abs(Math.log(best / side)) ? one : best,
  )
  return (kind === 'norm' ? elements : operations) / rates[kind][nearest]
}

const secondsOfAll = (layers: readonly Layer[], rates: Rates): number =>
  layers.reduce((sum, layer) => sum + secondsOf(layer, rates), 0)

const digits = (value: number, count = 2): string => Number(value.toPrecision(count)).toLocaleString('en')
const GIB = 2 ** 30

/** Bytes of the largest layer while it runs: scores twice (before and after softmax), or what goes in and comes out. */
const mostAlive = (layers: readonly Layer[]): number => Math.max(...layers.map(({ elements }) => 2 * 4 * elements))

/** Guidance takes the network twice; a derivative a forward pass and about two of them more. */
const GUIDED = 2
const WITH_DERIVATIVE = 3
const STEPS = 50
const ACHIEVED = [1, 10, 50]

/** docs/scaling.md */
export function scalingPage(rates: Rates): string {
  const parts = { unet: unetLayers(), decoder: decoderLayers() }
  const [unet, decoder] = [parts.unet, parts.decoder].map((layers) => ({
    layers,
    seconds: secondsOfAll(layers, rates),
    operations: total(layers, 'operations'),
    weights: (4 * total(layers, 'parameters')) / GIB,
    alive: mostAlive(layers) / GIB,
  }))
  const kept = (4 * total(unet.layers, 'elements')) / GIB
  const kinds = ['conv3x3', 'linear', 'attention', 'norm'] as const
  const rows = kinds.map((kind) => {
    const layers = unet.layers.filter((layer) => layer.kind === kind)
    const measured = Object.entries(rates[kind])
      .map(([side, rate]) => `${digits(rate / 1e9)} at ${side}`)
      .join(', ')
    const unit = kind === 'norm' ? 'G numbers/s' : 'Gflop/s'
    return `| ${kind} | ${layers.length} | ${digits(total(layers, 'operations') / 1e9)} | ${measured} ${unit} | ${digits(secondsOfAll(layers, rates))} |`
  })
  const step = GUIDED * unet.seconds
  const { processor, cores, node } = rates.machine
  return `# How it scales: Stable Diffusion 1.5 at 512 pixels

What the largest model that people commonly bring would take here. **Nothing of this was run as a whole**: its layers are counted from the published architecture (the counts of
parameters come out to the last one: \`bench/scaling/layers.test.ts\`), layers of its shapes with random weights were measured one at a time, and the rest is
multiplication. \`npm run docs:scaling\` makes this page of [the measured rates](results/scaling.json); \`-- --measure\` measures them first.

## On the CPU

${processor}, ${cores} cores, Node ${node}, float32, batch 1; the fastest of three runs of each layer, with a load of ${digits(rates.load)} by other processes on these cores at the time${Number(rates.load) > Number(cores) ? ': an idle machine is faster, by up to that load over its cores' : ''}.

| layers of the UNet | how many | Gflop | measured, by the side they work on | seconds |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
| **one call** | ${unet.layers.length} | ${digits(unet.operations / 1e9, 3)} | | **${digits(unet.seconds)}** |

| what | expected |
| --- | --- |
| a step with classifier-free guidance (two calls) | ${digits(step)} s |
| a picture in ${STEPS} such steps | ${digits((STEPS * step) / 60)} min |
| decoding it (${digits(decoder.operations / 1e9, 3)} Gflop) | ${digits(decoder.seconds)} s |
| a step with the derivative through the network (about ${WITH_DERIVATIVE} times a call, two calls) | ${digits(WITH_DERIVATIVE * step)} s |
| weights of the UNet, float32 | ${digits(unet.weights)} GiB (in float16 half) |
| weights of the decoder, float32 | ${digits(decoder.weights)} GiB |
| largest layer of the UNet while it runs (scores of attention at 64x64, before and after softmax) | ${digits(unet.alive)} GiB |
| largest layer of the decoder while it runs | ${digits(decoder.alive)} GiB |
| everything that the UNet's layers write, an upper end of what a derivative keeps | ${digits(kept)} GiB |

So inference of a picture is a matter of minutes to an hour, and a job of tens of thousands of evaluations (\`bilevel entropy\`) is not for this CPU: at ${digits(unet.seconds)} s a call, 20,000 calls are
${digits((20_000 * unet.seconds) / 86_400)} days.

## What stands in the way today

- A UNet of ${digits(unet.weights)} GiB does not fit into one ONNX file (2 GiB): its weights lie beside it, and a pipeline with prompts takes only a network that holds its weights itself. In float16 it fits (${digits(unet.weights / 2)} GiB).
- A file is decoded for its derivative up to 1 GiB: of this UNet there is none in either form; it could be sampled and guided by \`--target tilt\`, or with \`--through decoder\`.
- The decoder (${digits(decoder.weights)} GiB) is decoded and differentiated; one picture a run.

## On a GPU: not measured

A UNet call is ${digits(unet.operations / 1e12)} Tflop, a decoder's ${digits(decoder.operations / 1e12)}. What a device achieves of its peak on these layers in ONNX Runtime was **not measured**, neither by WebGPU nor by CUDA; per achieved rate it comes to:

| achieved, Tflop/s | seconds of a guided step | seconds of a picture (${STEPS} steps and decoding) |
| --- | --- | --- |
${ACHIEVED.map((rate) => {
  const of = (operations: number) => operations / (rate * 1e12)
  return `| ${rate} | ${digits(of(GUIDED * unet.operations))} | ${digits(of(STEPS * GUIDED * unet.operations + decoder.operations))} |`
}).join('\n')}

Memory is at least the weights and the largest layer above. WebGPU binds a buffer of at most what the device allows (128 MiB by the standard's default): the scores of attention at 64x64 are
${digits(unet.alive / 2)} GiB in one tensor, beyond that, so an export with attention in slices, or a device with a higher limit, is needed.
`
}
