/** Images out of a tree of files: listed once, a random part kept where fewer are wanted, labels from folders or from files beside them. */
import { BilevelError, inputError } from '../../base/index.ts'
import type { ImageSource, NamedSplit, OpenOptions, SourceImage } from '../format.ts'
import { beginsAsPicture, decodeImage, OTHER_PICTURE_NAME, PICTURE_NAME, PICTURE_WORDS } from '../pictures/imageFile.ts'
import { SampledNames } from '../sampled.ts'
import type { FileTree, TreeFile } from './fileTree.ts'
import type { Label } from './metadata.ts'
import { asLabel, labelAmong, METADATA_NAME, metadataIn } from './metadata.ts'
import type { FolderCounts } from './treeLayout.ts'
import { inOrder, treeLayout } from './treeLayout.ts'

/** More folders with images in them are no classes. */
const MOST_FOLDERS = 100_000

/** Endings of label files. */
const SIDECARS = ['.cls', '.json'] as const
type Sidecar = (typeof SIDECARS)[number]

/** Files of one name that follow each other, and what their label files say: null: no label. */
interface Group {
  readonly stem: string
  readonly labels: Partial<Record<Sidecar, Label | null | undefined>>
}

/** An image that is read, with what was passed beside it. */
interface Chosen {
  readonly file: TreeFile
  readonly group: Group
}

/** A file of labels, with what is in it where that was passed. */
interface MetadataFile {
  readonly file: TreeFile
  readonly bytes: Uint8Array | null
}

/** What one pass over a tree finds. */
interface Listing {
  readonly folders: FolderCounts
  readonly images: number
  readonly chosen: readonly Chosen[]
  readonly metadata: readonly MetadataFile[]
  /** Endings of label files that stand beside images of the same name: WebDataset's. */
  readonly sidecar: Sidecar | null
  /** Pictures of formats that are not read. */
  readonly unread: { readonly count: number; readonly example: string }
  /** Some other file. */
  readonly other: string | null
  /** The first whose name has no ending: what it is, its content says. */
  readonly bare: TreeFile | null
}

/** @throws `data.emptyFolder`, `data.layout`, `data.metadata`, `data.archive`, `data.unreadable` */
export async function treeSource(tree: FileTree, { most }: OpenOptions): Promise<ImageSource> {
  const listing = await listOf(tree, most)
  if (listing.images === 0) throw nothingIn(tree.source, listing)
  const { labels, notes } = await labelsOf(tree, listing)
  const layout = treeLayout(tree.source, listing.folders, tree.packed, labels !== null)
  const chosen = listing.chosen.map(({ file }) => file).sort((a, b) => (a.id < b.id ? -1 : 1))
  const { unread } = listing
  if (unread.count > 0) {
    notes.push(`${unread.count} files of ${tree.source} are left out, being no ${PICTURE_WORDS}: ${unread.example}`)
  }
  return {
    total: listing.images,
    count: chosen.length,
    classes: layout.classes.length > 0 ? layout.classes : labels ? classNames(labels) : null,
    notes,
    async *read(): AsyncIterable<SourceImage> {
      const places = new Map(
        chosen.map((file) => {
          const place = layout.placeOf(folderOf(file.path))
          const label = labels ? (labels.get(file.id) ?? null) : place.label
          return [file.id, { split: file.split ?? place.split, label }]
        }),
      )
      for await (const { id, bytes } of tree.read(new Set(places.keys()))) {
        const name = tree.nameOf(id)
        const { split, label } = places.get(id) as { split: NamedSplit | null; label: Label | null }
        yield { name, split, label, decode: async () => decodeImage(await bytes(), name) }
      }
    },
    close: () => tree.close(),
  }
}

/** Names where labels are names; null where they are numbers. */
function classNames(labels: ReadonlyMap<string, Label>): string[] | null {
  const all = new Set([...labels.values()])
  return [...all].every((label) => typeof label === 'number') ? null : inOrder([...all].map(String))
}

const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))
const nameIn = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** A path without the endings of its name: from the first dot of it on. */
const stemOf = (path: string): string => {
  const dot = path.indexOf('.', path.lastIndexOf('/') + 1)
  return dot < 0 ? path : path.slice(0, dot)
}

/** Names without an ending, as hashes are: of a tree that has no other pictures. */
const BARE_NAME = /^[^.]+$/

/** Where no name is a picture's, those without an ending are, if the first of them begins as one. */
async function listOf(tree: FileTree, most: number | null): Promise<Listing> {
  const listing = await list(tree, most, PICTURE_NAME)
  const { images, unread, bare } = listing
  if (images > 0 || unread.count > 0 || bare === null) return listing
  for await (const { bytes } of tree.read(new Set([bare.id]))) {
    if (beginsAsPicture(await bytes())) return list(tree, most, BARE_NAME)
  }
  return listing
}

async function list(tree: FileTree, most: number | null, pictures: RegExp): Promise<Listing> {
  const folders = new Map<string, { images: number; example: string }>()
  const sample = new SampledNames<Chosen>(most)
  const metadata: MetadataFile[] = []
  const unread = { count: 0, example: '' }
  const endings = { '.cls': 0, '.json': 0 }
  let images = 0
  let other: string | null = null
  let bare: TreeFile | null = null
  let group: Group = { stem: '', labels: {} }
  for await (const file of tree.files()) {
    const name = nameIn(file.path)
    const stem = stemOf(file.id)
    if (group.stem !== stem) group = { stem, labels: {} }
    if (pictures.test(name)) {
      images++
      countIn(folders, file.path, tree.source)
      sample.add(file.id, { file, group })
    } else if (METADATA_NAME.test(name)) metadata.push({ file, bytes: (await file.passing?.()) ?? null })
    else if (OTHER_PICTURE_NAME.test(name)) {
      unread.count++
      unread.example ||= file.path
    } else {
      other ??= file.path
      if (BARE_NAME.test(name)) bare ??= file
      const ending = SIDECARS.find((one) => name.endsWith(one))
      if (ending === undefined) continue
      endings[ending]++
      if (file.passing && file.id === stem + ending) group.labels[ending] = passedLabel(await file.passing(), ending)
    }
  }
  // A few are of something else.
  const sidecar = SIDECARS.find((ending) => 2 * endings[ending] > images) ?? null
  return { folders, images, chosen: sample.items(), metadata, sidecar, unread, other, bare }
}

function countIn(folders: Map<string, { images: number; example: string }>, path: string, source: string): void {
  const folder = folderOf(path)
  const counted = folders.get(folder)
  if (counted) {
    counted.images++
    return
  }
  folders.set(folder, { images: 1, example: path })
  if (folders.size <= MOST_FOLDERS) return
  throw inputError(
    'data.layout',
    `${source}: images lie in more than ${MOST_FOLDERS} folders, which are no classes; put them into fewer`,
  )
}

/** Labels by id that files say, and what is to be said of them; null: folders say them, or nobody. */
async function labelsOf(
  tree: FileTree,
  listing: Listing,
): Promise<{ labels: Map<string, Label> | null; notes: string[] }> {
  const { metadata, chosen, sidecar } = listing
  const notes: string[] = []
  if (metadata.length > 0) {
    const labels = await fromMetadata(tree, metadata, chosen, notes)
    // StyleGAN's folders are parts of one set, never classes.
    const folderless = metadata.some(({ file: { path } }) => nameIn(path) === 'dataset.json')
    return { labels: labels.size > 0 || folderless ? labels : null, notes }
  }
  if (sidecar === null) return { labels: null, notes }
  const labels = await fromSidecars(tree, chosen, sidecar)
  if (labels.size > 0) return { labels, notes }
  notes.push(`the ${sidecar} files of ${tree.source} hold no label; its images are read without classes`)
  return { labels: null, notes }
}

async function fromMetadata(
  tree: FileTree,
  files: readonly MetadataFile[],
  chosen: readonly Chosen[],
  notes: string[],
): Promise<Map<string, Label>> {
  const idOf = new Map(chosen.map(({ file: { path, id } }) => [path, id]))
  const labels = new Map<string, Label>()
  for await (const { file, bytes } of metadataBytes(tree, files)) {
    const name = tree.nameOf(file.id)
    const folder = folderOf(file.path)
    const inTree = (path: string) => (folder === '' ? path : `${folder}/${path}`)
    const found = await metadataIn(bytes, name, (path) => idOf.has(inTree(path)))
    for (const [path, label] of found.labels) labels.set(idOf.get(inTree(path)) as string, label)
    if (found.unlabelled) {
      notes.push(`${name} names no labels (it has ${found.unlabelled.join(', ')}): classes are what folders say`)
    }
  }
  return labels
}

/** What is in files of labels: as it was passed, or read. */
async function* metadataBytes(
  tree: FileTree,
  files: readonly MetadataFile[],
): AsyncIterable<{ readonly file: TreeFile; readonly bytes: Uint8Array }> {
  for (const { file, bytes } of files) if (bytes) yield { file, bytes }
  const byId = new Map(files.flatMap(({ file, bytes }) => (bytes ? [] : [[file.id, file]])))
  if (byId.size === 0) return
  for await (const { id, bytes } of tree.read(new Set(byId.keys()))) {
    yield { file: byId.get(id) as TreeFile, bytes: await bytes() }
  }
}

/** Labels of files beside the images: as they were passed, and read where they did not stand right beside. */
async function fromSidecars(tree: FileTree, chosen: readonly Chosen[], ending: Sidecar): Promise<Map<string, Label>> {
  const labels = new Map<string, Label>()
  const imageOf = new Map<string, string>()
  for (const { file, group } of chosen) {
    const passed = group.labels[ending]
    if (passed === undefined) imageOf.set(stemOf(file.id) + ending, file.id)
    else if (passed !== null) labels.set(file.id, passed)
  }
  if (imageOf.size === 0) return labels
  for await (const { id, bytes } of tree.read(new Set(imageOf.keys()))) {
    const there = await bytes().catch((error: unknown) => {
      if (isMissing(error)) return null
      throw error
    })
    const label = there && labelIn(there, ending, tree.nameOf(id))
    if (label !== null) labels.set(imageOf.get(id) as string, label)
  }
  return labels
}

/** Whether a file is not there. */
const isMissing = (error: unknown): boolean =>
  error instanceof BilevelError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'

/** The label of a file of labels; null: none. @throws `data.metadata` */
function labelIn(bytes: Uint8Array, ending: Sidecar, name: string): Label | null {
  const text = new TextDecoder().decode(bytes).trim()
  const label = ending === '.cls' ? text : jsonLabel(text, name)
  return typeof label === 'string' || typeof label === 'number' ? asLabel(label) : null
}

/** The same of what is passed; undefined where it is none: such a file is read once more, and named, if its image is wanted. */
function passedLabel(bytes: Uint8Array, ending: Sidecar): Label | null | undefined {
  try {
    return labelIn(bytes, ending, '')
  } catch {
    return undefined
  }
}

function jsonLabel(text: string, name: string): unknown {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null ? labelAmong(value) : value
  } catch (cause) {
    throw inputError('data.metadata', `${name} must be JSON, got ${text.slice(0, 80)}`, { cause })
  }
}

function nothingIn(source: string, { unread, other }: Listing): Error {
  const came = unread.count > 0 ? `, only others, such as ${unread.example}` : other === null ? '' : `, but ${other}`
  const way =
    unread.count > 0
      ? 'convert them to PNG, such as with ImageMagick: magick mogrify -format png *'
      : 'give a folder, an archive or a file of images'
  return inputError(
    'data.emptyFolder',
    `${source} holds no images (${PICTURE_WORDS}), neither in itself nor in sub-folders${came}; ${way}`,
  )
}
