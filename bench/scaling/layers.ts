/**
 * The layers of Stable Diffusion 1.5 (Rombach et al. 2022, arXiv 2112.10752; the configs that are published with it: a UNet of 320, 640, 1280, 1280 channels with two
 * residual blocks a level, eight heads, text of width 768; a decoder of 128, 256, 512, 512 channels with three), with what each costs.
 */

/** A kind of layer by what its rate depends on. */
export type LayerKind = 'conv3x3' | 'linear' | 'attention' | 'norm'

export interface Layer {
  readonly kind: LayerKind
  /** Side of the square that it works on. */
  readonly side: number
  /** Floating point operations: two for each multiplication with its addition; of a norm with its activation, none. */
  readonly operations: number
  /** Numbers that it writes: for attention those of its scores too. */
  readonly elements: number
  readonly parameters: number
}

const conv = (taken: number, given: number, side: number): Layer => ({
  kind: 'conv3x3',
  side,
  operations: 2 * 9 * taken * given * side ** 2,
  elements: given * side ** 2,
  parameters: 9 * taken * given + given,
})

/** Of each of `tokens`; a convolution of 1x1 is one too. */
function linear(taken: number, given: number, side: number, options: { tokens?: number; bias?: boolean } = {}): Layer {
  const { tokens = side ** 2, bias = true } = options
  return {
    kind: 'linear',
    side,
    operations: 2 * taken * given * tokens,
    elements: given * tokens,
    parameters: taken * given + (bias ? given : 0),
  }
}

/** softmax(Q K^T) V over all heads together. */
const attend = (width: number, heads: number, side: number, keys: number): Layer => ({
  kind: 'attention',
  side,
  operations: 4 * width * side ** 2 * keys,
  elements: heads * side ** 2 * keys + width * side ** 2,
  parameters: 0,
})

const norm = (channels: number, side: number): Layer => ({
  kind: 'norm',
  side,
  operations: 0,
  elements: channels * side ** 2,
  parameters: 2 * channels,
})

const TEXT = { width: 768, tokens: 77 }
const HEADS = 8
const EMBEDDING = 1280

/** Two convolutions, each after norm and activation; the embedding of the time is added between them. */
function residual(taken: number, given: number, side: number, embedding: number | null): Layer[] {
  return [
    norm(taken, side),
    conv(taken, given, side),
    ...(embedding === null ? [] : [linear(embedding, given, side, { tokens: 1 })]),
    norm(given, side),
    conv(given, given, side),
    ...(taken === given ? [] : [linear(taken, given, side)]),
  ]
}

/** Attention of the pixels to each other, to the text, and a gated feed-forward of four times the width. */
function transformer(width: number, side: number): Layer[] {
  const bare = { bias: false }
  const toText = { tokens: TEXT.tokens, bias: false }
  const square = (options: { bias?: boolean } = {}) => linear(width, width, side, options)
  return [
    ...[norm(width, side), square()],
    ...[norm(width, side), square(bare), square(bare), square(bare), attend(width, HEADS, side, side ** 2), square()],
    ...[norm(width, side), square(bare)],
    ...[linear(TEXT.width, width, side, toText), linear(TEXT.width, width, side, toText)],
    ...[attend(width, HEADS, side, TEXT.tokens), square()],
    ...[norm(width, side), linear(width, 8 * width, side), linear(4 * width, width, side)],
    square(),
  ]
}

const UNET = { channels: [320, 640, 1280, 1280], attends: [true, true, true, false], perLevel: 2 }

/** One call of the UNet for one image, of latents [4, side, side]. */
export function unetLayers(side = 64): Layer[] {
  const { channels, attends, perLevel } = UNET
  const [first] = channels
  const layers: Layer[] = [
    linear(first, EMBEDDING, side, { tokens: 1 }),
    linear(EMBEDDING, EMBEDDING, side, { tokens: 1 }),
    conv(4, first, side),
  ]
  const skips = [first]
  let at = first
  let here = side
  channels.forEach((width, level) => {
    for (let block = 0; block < perLevel; block++) {
      layers.push(...residual(at, width, here, EMBEDDING), ...(attends[level] ? transformer(width, here) : []))
      at = width
      skips.push(width)
    }
    if (level === channels.length - 1) return
    here /= 2
    layers.push(conv(width, width, here))
    skips.push(width)
  })
  layers.push(...residual(at, at, here, EMBEDDING), ...transformer(at, here), ...residual(at, at, here, EMBEDDING))
  for (let level = channels.length - 1; level >= 0; level--) {
    const width = channels[level]
    for (let block = 0; block <= perLevel; block++) {
      layers.push(...residual(at + (skips.pop() ?? 0), width, here, EMBEDDING))
      if (attends[level]) layers.push(...transformer(width, here))
      at = width
    }
    if (level === 0) continue
    here *= 2
    layers.push(conv(width, width, here))
  }
  return [...layers, norm(first, side), conv(first, 4, side)]
}

const DECODER = { channels: [512, 512, 256, 128], perLevel: 3 }

/** One call of the decoder for one image, of latents [4, side, side]: a picture of eight times the side. */
export function decoderLayers(side = 64): Layer[] {
  const { channels, perLevel } = DECODER
  const [widest] = channels
  const square = () => linear(widest, widest, side)
  const layers: Layer[] = [
    linear(4, 4, side),
    conv(4, widest, side),
    ...residual(widest, widest, side, null),
    ...[norm(widest, side), square(), square(), square(), attend(widest, 1, side, side ** 2), square()],
    ...residual(widest, widest, side, null),
  ]
  let at = widest
  let here = side
  channels.forEach((width, level) => {
    for (let block = 0; block < perLevel; block++) {
      layers.push(...residual(at, width, here, null))
      at = width
    }
    if (level === channels.length - 1) return
    here *= 2
    layers.push(conv(width, width, here))
  })
  return [...layers, norm(at, here), conv(at, 3, here)]
}

/** Sum over layers. */
export const total = (layers: readonly Layer[], of: 'operations' | 'elements' | 'parameters'): number =>
  layers.reduce((sum, layer) => sum + layer[of], 0)
