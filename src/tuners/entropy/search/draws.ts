/**
 * All that an entropy strength job draws. Items are the same start and step noise at every scale; what was drawn once, of an item at a
 * scale, is never drawn again, and what a checkpoint holds is taken from there.
 */
import { failure, internalError, logSumExp } from '../../../base/index.ts'
import type { Images } from '../../../diffusion/index.ts'
import { evaluationsBy, generate, generateGuided, sequentialMonteCarlo } from '../../../diffusion/index.ts'
import type { Reward } from '../../../rewards/index.ts'
import type { Draw, EntropyPhase } from '../checkpoint.ts'
import { ENTROPY_PHASES } from '../checkpoint.ts'
import type { PathBatch } from '../estimators/pool.ts'
import { PathPool } from '../estimators/pool.ts'
import type { EntropyOptions } from '../job.ts'

/** Items first..first + count - 1. */
export interface Items {
  readonly first: number
  readonly count: number
}

/** Weighted images of one repetition of sequential Monte Carlo. */
export interface ParticleDraw extends Draw {
  readonly kind: 'particles'
}

/** Paths of one scale and their feature rows, in the same order. */
export interface Featured {
  readonly batch: PathBatch
  readonly features: Float32Array
}

type Request = Pick<Draw, 'kind' | 'phase' | 'scale' | 'firstItem' | 'count' | 'tilt'> & { readonly features: boolean }
/** `attempt`: how often its items were drawn before. */
type What = Omit<Request, 'features'> & { readonly attempt?: number }

/** Images with what a draw keeps of them. */
interface Rated extends Omit<Draw, keyof Request> {
  readonly images: Images
  readonly classes: Int32Array | undefined
}

/** Images per call where the network takes any number. */
const MOST_PER_CALL = 256

/** Units in the last place that the sum over an image's pixels and a network's layers may be off by. */
const ROUNDING_UNITS = 16

/** Powers of alphaBar that populations are tempered by, one after the other: what they say must not hang on it. */
export const TEMPERS = [1, 2]

/** Attempts at images that cannot be rated, for each of them. */
const MOST_AGAIN = 20
/** From the seed of an attempt to the next one's. */
const SEEDS_APART = 2 ** 32

const NONE = new Float64Array()
const NO_ROWS = new Float32Array()
const NOBODY = new Int32Array()

export class Draws {
  readonly #job: EntropyOptions
  readonly #recorded: Map<string, Draw>
  readonly #log: Draw[] = []
  /** Whether anything was drawn now. */
  #made = false
  /** Where each item of a kind and scale is. */
  readonly #index = new Map<string, Map<number, { readonly draw: Draw; readonly place: number }>>()
  readonly #started = Date.now()
  readonly #secondsBefore: number

  constructor(job: EntropyOptions) {
    this.#job = job
    this.#recorded = new Map((job.from?.draws ?? []).map((draw) => [nameOf(draw), draw]))
    this.#secondsBefore = job.from?.seconds ?? 0
  }

  /**
   * Whether draws of an earlier run are still ahead: what is decided now was decided, and reported, before. Not where that run ended and this one goes on with
   * more evaluations: from the first new draw on its decisions are its own, and what is left of the record is only taken where it is asked for.
   */
  get replaying(): boolean {
    return this.#recorded.size > 0 && !this.#made
  }

  /** Network evaluations by phase, an earlier run's too. */
  get spent(): Readonly<Record<EntropyPhase, number>> {
    const spent = { explore: 0, refine: 0, confirm: 0, curve: 0 }
    for (const { phase, evaluations } of this.#log) spent[phase] += evaluations
    return spent
  }

  get evaluations(): number {
    return this.#log.reduce((sum, { evaluations }) => sum + evaluations, 0)
  }

  get seconds(): number {
    return this.#secondsBefore + (Date.now() - this.#started) / 1000
  }

  /** Network evaluations of a guided path: as measured, or if none was drawn a prediction and a derivative at each step. */
  get costPerPath(): number {
    const paths = this.#log.filter(({ kind }) => kind === 'paths')
    const count = paths.reduce((sum, draw) => sum + draw.count, 0)
    const { denoiser, schedule, sampler } = this.#job
    const plain = evaluationsBy(denoiser, { schedule, settings: sampler })
    if (count === 0) return this.#job.settings.through === 'network' ? 3 * plain : plain
    return paths.reduce((sum, { evaluations }) => sum + evaluations, 0) / count
  }

  /** Images per network call: as many as the network takes. */
  get perCall(): number {
    const { denoiser, settings } = this.#job
    return denoiser.batch ?? Math.min(settings.chunk, MOST_PER_CALL)
  }

  /** A number of images that wastes nothing of the network's last call. */
  whole(count: number): number {
    return Math.ceil(count / this.perCall) * this.perCall
  }

  /** Guided paths with A and B. `features`: keep the feature rows of what is drawn now. */
  async paths(scale: number, items: Items, phase: EntropyPhase, features = false): Promise<PathBatch> {
    return this.#batch({ kind: 'paths', phase, scale, tilt: 'lower', features }, items)
  }

  /** Images of the base sampler, without derivatives. */
  async base(items: Items, phase: EntropyPhase, features = false): Promise<PathBatch> {
    return this.#batch({ kind: 'base', phase, scale: 0, tilt: 'lower', features }, items)
  }

  /** One population at p0 exp(scale h): h = r2, or r2 + r1/gamma for the penalty's. */
  async particles(scale: number, repetition: number, phase: EntropyPhase, tilt: Draw['tilt']): Promise<ParticleDraw> {
    const count = this.#job.settings.particles
    const request: Request = {
      ...{ kind: 'particles', phase, scale, firstItem: repetition * count, count, tilt },
      // The curve may come back to a population of any phase.
      features: true,
    }
    const name = nameOf(request)
    const known = this.#log.find((draw) => nameOf(draw) === name) ?? (await this.#draw(request))
    if (known.kind !== 'particles') throw internalError(`a draw of particles came back as ${known.kind}`)
    return { ...known, kind: 'particles' }
  }

  /** Every path that was drawn with A and B, side by side. */
  pool(): PathPool {
    return this.#poolOf(({ kind }) => kind === 'paths')
  }

  /** The base sampler's images as a pool for tilts. */
  basePool(): PathPool {
    return this.#poolOf(({ kind }) => kind === 'base')
  }

  /** Everything drawn of a kind at one scale. */
  drawnAt(kind: Draw['kind'], scale: number): readonly Draw[] {
    return this.#log.filter((draw) => draw.kind === kind && draw.scale === scale)
  }

  /** What was drawn of a kind at the scale nearest to one, of the scales with most items of the confirmation; of base samples all. */
  nearest(kind: Draw['kind'], scale: number): readonly Draw[] {
    const drawn = this.#log.filter((draw) => draw.kind === kind)
    if (kind === 'base') return drawn
    const confirmed = drawn.filter(({ phase, tilt }) => phase === 'confirm' && tilt === 'lower')
    const among = confirmed.length > 0 ? confirmed : drawn
    const away = (draw: Draw) => Math.abs(Math.log(draw.scale / scale))
    const least = among.reduce((best, draw) => Math.min(best, away(draw)), Number.POSITIVE_INFINITY)
    return among.filter((draw) => away(draw) <= least + 1e-9)
  }

  /** Draws of which the feature rows were kept, one by one. */
  featured(kind: 'paths' | 'base'): Featured[] {
    return this.#log
      .filter((draw) => draw.kind === kind && draw.features.length > 0)
      .map((draw) => ({
        batch: batchOf(
          draw.scale,
          Array.from(draw.upper, (_, place) => ({ item: draw.firstItem + place, draw, place })),
        ),
        features: draw.features,
      }))
  }

  /** r1 or r2 of every image so far. */
  values(which: 'upper' | 'lower'): number[] {
    return this.#log.flatMap((draw) => Array.from(draw[which]))
  }

  /** Images that could not be rated. */
  get unrated(): number {
    return this.#log.reduce((sum, { unrated = 0 }) => sum + unrated, 0)
  }

  /** Error that rounding may leave in a value of r1, in its own units: some units in the last place of the images' element type. */
  get rounding(): number {
    const largest = this.#log.reduce((most, { upper }) => upper.reduce((a, b) => Math.max(a, Math.abs(b)), most), 0)
    return ROUNDING_UNITS * largest * (this.#job.denoiser.dtype === 'float64' ? 2 ** -52 : 2 ** -23)
  }

  /** Whether paths were drawn and guidance moved none of them. */
  get unmoved(): boolean {
    const paths = this.#log.filter(({ kind }) => kind === 'paths')
    return paths.length > 0 && paths.every(({ b }) => b.every((value) => value === 0))
  }

  async #batch(what: Omit<Request, 'firstItem' | 'count'>, { first, count }: Items): Promise<PathBatch> {
    const known = this.#known(what)
    for (let item = first; item < first + count; item += 1) {
      if (known.has(item)) continue
      let some = 1
      while (some < this.perCall && item + some < first + count && !known.has(item + some)) some++
      await this.#draw({ ...what, firstItem: item, count: some })
    }
    return batchOf(
      what.scale,
      Array.from({ length: count }, (_, i) => {
        const found = known.get(first + i)
        if (!found) throw internalError(`item ${first + i} was drawn and is not there`)
        return { item: first + i, ...found }
      }),
    )
  }

  #known({ kind, scale }: Pick<Draw, 'kind' | 'scale'>) {
    const name = `${kind} ${scale}`
    const known = this.#index.get(name) ?? new Map<number, { draw: Draw; place: number }>()
    this.#index.set(name, known)
    return known
  }

  #poolOf(include: (draw: Draw) => boolean): PathPool {
    const scales = [...new Set(this.#log.filter(include).map(({ scale }) => scale))]
    return PathPool.of(
      scales.map((scale) => {
        const draws = this.#log.filter((draw) => include(draw) && draw.scale === scale)
        const rows = draws.flatMap((draw) =>
          Array.from(draw.upper, (_, place) => ({ item: draw.firstItem + place, draw, place })),
        )
        return batchOf(scale, rows)
      }),
    )
  }

  /** Takes a draw from the checkpoint or makes it, and keeps it. */
  async #draw(request: Request): Promise<Draw> {
    const name = nameOf(request)
    const recorded = asAsked(this.#recorded.get(name), request, this.#job.features !== null)
    this.#recorded.delete(name)
    if (!recorded) this.#made = true
    const draw = recorded ?? (await this.#make(request))
    this.#log.push(draw)
    const known = this.#known(draw)
    for (let place = 0; place < draw.count; place++) known.set(draw.firstItem + place, { draw, place })
    if (!recorded) await this.#job.onCheckpoint?.({ draws: [...this.#log], seconds: this.seconds })
    return draw
  }

  async #make({ features, ...what }: Request): Promise<Draw> {
    const { features: network } = this.#job
    const drawn = await this.#rated(what)
    const {
      images,
      classes: _,
      ...rest
    } = what.kind === 'particles' ? weightless(drawn) : await this.#again(what, drawn)
    return {
      ...what,
      ...rest,
      features: features && network ? Float32Array.from((await network.features(images)).data) : NO_ROWS,
    }
  }

  async #rated(what: What): Promise<Rated> {
    const { judge, reward } = this.#job
    const drawn = await this.#images(what)
    const { images, classes } = drawn
    return { ...drawn, upper: await judge.values(images, classes), lower: await reward.values(images, classes) }
  }

  /**
   * With other images in the place of those that reward or judge cannot rate: the same item from noise of another seed, until it can be rated. So
   * what is drawn is the sampler's distribution given that there are values.
   */
  async #again(what: What, drawn: Rated): Promise<Rated> {
    const bad = unratedOf(drawn)
    if (bad.length === 0) return drawn
    const size = drawn.images.data.length / what.count
    let { evaluations } = drawn
    let unrated = 0
    for (const place of bad) {
      const one = { ...what, firstItem: what.firstItem + place, count: 1 }
      let another: Rated | undefined
      while (!another || unratedOf(another).length > 0) {
        unrated++
        if (unrated > MOST_AGAIN * bad.length) throw unratable(one, this.#job)
        another = await this.#rated({ ...one, attempt: unrated })
        evaluations += another.evaluations
      }
      drawn.images.data.set(another.images.data, place * size)
      for (const name of ['a', 'b', 'upper', 'lower'] as const) {
        if (drawn[name].length > 0) drawn[name][place] = another[name][0]
      }
    }
    return { ...drawn, evaluations, unrated }
  }

  async #images({ kind, scale, firstItem, count, tilt, attempt = 0 }: What) {
    const { denoiser, schedule, sampler, settings, reward, judge, condition, signal } = this.#job
    const { minimumAlphaBar, through, gamma } = settings
    const seed = (settings.seed + attempt * SEEDS_APART) % Number.MAX_SAFE_INTEGER
    const classes = condition && Int32Array.from({ length: count }, (_, i) => condition(firstItem + i))
    const common = {
      ...{ denoiser, schedule, settings: sampler, count, seed, firstItem },
      ...(classes && { condition: classes }),
      ...(signal && { signal }),
    }
    const unweighted = { logWeights: NONE, logZ: 0, ancestors: NOBODY }
    if (kind === 'base') return { ...(await generate(common)), a: NONE, b: NONE, ...unweighted, classes }
    if (kind === 'paths') {
      const guidance = {
        reward: (x0Hat: Images, own?: Int32Array) => reward.gradient(x0Hat, own),
        scale,
        minimumAlphaBar,
        through,
        ...unratedBy(reward),
      }
      const { images, a, b, evaluations } = await generateGuided({ ...common, guidance })
      return { images, a, b, evaluations, ...unweighted, classes }
    }
    const chased = async (x0Hat: Images, own?: Int32Array) => {
      const lower = await reward.values(x0Hat, own)
      if (tilt === 'lower') return lower
      const upper = await judge.values(x0Hat, own)
      return lower.map((value, i) => value + upper[i] / gamma)
    }
    const temper = TEMPERS[Math.floor(firstItem / count) % TEMPERS.length]
    const unrated = unratedBy(reward, judge)
    const drawn = await sequentialMonteCarlo({ ...common, ...unrated, reward: chased, scale, minimumAlphaBar, temper })
    const { images, logWeights, logZ, evaluations, ancestors } = drawn
    const inherited = classes && Int32Array.from(ancestors, (ancestor) => classes[ancestor])
    return { images, logWeights, logZ, ancestors, evaluations, a: NONE, b: NONE, classes: inherited }
  }
}

/** What guidance and particles make of images that one of the rewards cannot rate. */
export const unratedBy = (...rewards: readonly Pick<Reward, 'onBad'>[]) =>
  rewards.some(({ onBad }) => onBad === 'drop') ? { unrated: 'drop' as const } : {}

/** Places of images without a value. */
const unratedOf = ({ upper, lower }: Pick<Draw, 'upper' | 'lower'>): number[] =>
  Array.from(upper.keys()).filter((i) => Number.isNaN(upper[i]) || Number.isNaN(lower[i]))

/** Particles without a value have weight 0. */
function weightless(drawn: Rated): Rated {
  const bad = unratedOf(drawn)
  if (bad.length === 0) return drawn
  const { upper, lower, logWeights: weights } = drawn
  for (const place of bad) {
    weights[place] = Number.NEGATIVE_INFINITY
    upper[place] = 0
    lower[place] = 0
  }
  const sum = logSumExp(weights)
  return { ...drawn, logWeights: weights.map((value) => value - sum), unrated: bad.length }
}

function unratable({ kind, scale, firstItem }: What, { reward, judge }: EntropyOptions): Error {
  return failure(
    'entropy.unrated',
    `images must be rated by reward and judge, but '${reward.name}' or '${judge.name}' gave none of ${MOST_AGAIN} images of item ${firstItem} ` +
      `(${kind}, scale ${scale}) a finite number; repair it, or look at weaker guidance`,
  )
}

/** A recorded draw as it would be drawn now: of the phase that asks for it, with feature rows only if those are asked for; null where it has none of these. */
function asAsked(recorded: Draw | undefined, { phase, features }: Request, hasNetwork: boolean): Draw | null {
  if (!recorded || (features && hasNetwork && recorded.features.length === 0)) return null
  return { ...recorded, phase, ...(!features && { features: NO_ROWS }) }
}

/** Draws that are the same have the same name. */
function nameOf({
  kind,
  scale,
  firstItem,
  count,
  tilt,
}: Pick<Draw, 'kind' | 'scale' | 'firstItem' | 'count' | 'tilt'>) {
  return [kind, scale, firstItem, count, tilt].join(' ')
}

function batchOf(
  scale: number,
  rows: readonly { readonly item: number; readonly draw: Draw; readonly place: number }[],
): PathBatch {
  const column = (name: 'a' | 'b' | 'upper' | 'lower') =>
    Float64Array.from(rows, ({ draw, place }) => (draw[name].length > 0 ? draw[name][place] : 0))
  return {
    scale,
    items: Int32Array.from(rows, ({ item }) => item),
    a: column('a'),
    b: column('b'),
    upper: column('upper'),
    lower: column('lower'),
  }
}

/** The phases' sum. */
export function totalOf(spent: Readonly<Record<EntropyPhase, number>>): number {
  return ENTROPY_PHASES.reduce((sum, phase) => sum + spent[phase], 0)
}
