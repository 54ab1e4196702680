/** Formats that are not read: each by its name, with the way from there to one that is. */
import { inputError } from '../../base/index.ts'
import type { Found } from '../format.ts'
import { decodeImage, OTHER_PICTURE_NAME, PICTURE_NAME } from '../pictures/imageFile.ts'
import { inflatedHead } from '../trees/tarTree.ts'

interface UnreadFormat {
  readonly name: string
  /** What the name of the file, or of one in the folder, is like. */
  readonly named?: RegExp
  /** How the file begins, each byte a letter. */
  readonly begins?: RegExp
  readonly way: string
}

const TO_NPZ = 'save its arrays with numpy.savez("data.npz", images=x, labels=y)'

const UNREAD: readonly UnreadFormat[] = [
  {
    name: "PyTorch's or another pickle, which would have to be run",
    named: /\.(pt|pth|pkl|pickle|p|joblib)$/i,
    begins: /^\x80[^\x80-\xff]/,
    way: `${TO_NPZ} (x.numpy() of a tensor)`,
  },
  {
    name: "CIFAR's Python version, a pickle, which would have to be run",
    named: /^(data_batch_\d+|test_batch|batches\.meta|cifar-100?-(batches-py|python))$/,
    begins: /^\x80[^\x80-\xff]/,
    way: `fetch the binary version (cifar-10-binary.tar.gz), or ${TO_NPZ}`,
  },
  { name: 'a file of MATLAB', named: /\.mat$/i, begins: /^MATLAB/, way: `read it with scipy.io.loadmat and ${TO_NPZ}` },
  { name: 'an HDF5 file', named: /\.(h5|hdf5|hdf)$/i, begins: /^\x89HDF/, way: `read it with h5py and ${TO_NPZ}` },
  {
    name: 'a TFRecord file',
    named: /\.(tfrecords?|tfrecord-\d+-of-\d+)$/i,
    way: `read it with tf.data.TFRecordDataset and ${TO_NPZ}`,
  },
  { name: 'an LMDB data base', named: /^(data|lock)\.mdb$/, way: 'write its images into a folder or a tar archive' },
  {
    name: 'an Arrow file',
    named: /\.arrow$/i,
    begins: /^(ARROW1|\xff\xff\xff\xff)/,
    way: 'write it as Parquet: datasets.load_from_disk(path).to_parquet("data.parquet")',
  },
  { name: 'a safetensors file', named: /\.safetensors$/i, way: TO_NPZ },
  { name: 'a 7z archive', named: /\.7z$/i, begins: /^7z\xbc\xaf/, way: 'unpack it and give the folder' },
  { name: 'a RAR archive', named: /\.rar$/i, begins: /^Rar!/, way: 'unpack it and give the folder' },
  {
    name: 'a file packed by xz',
    named: /\.(xz|txz)$/i,
    begins: /^\xfd7zXZ/,
    way: 'unpack it (xz -d) and give the result',
  },
  {
    name: 'a file packed by bzip2',
    named: /\.(bz2|tbz2?)$/i,
    begins: /^BZh/,
    way: 'unpack it (bzip2 -d) and give the result',
  },
  {
    name: 'a file packed by Zstandard',
    named: /\.zst$/i,
    begins: /^\x28\xb5\x2f\xfd/,
    way: 'unpack it (zstd -d) and give the result',
  },
  {
    name: 'a video',
    named: /\.(mp4|avi|mov|mkv|webm)$/i,
    begins: /^.{4}ftyp(isom|mp4|avc)/s,
    way: 'write its frames into a folder (ffmpeg -i FILE frames/%06d.png)',
  },
  {
    name: 'a table of text',
    named: /\.(csv|tsv)$/i,
    way: `read it with numpy.loadtxt, reshape it to [n, rows, columns], and ${TO_NPZ}`,
  },
  { name: 'a Git LFS pointer to the data', begins: /^version https:\/\/git-lfs/, way: 'fetch them with git lfs pull' },
  { name: 'a web page, perhaps the error of a download', begins: /^\s*<(!doctype|html)/i, way: 'fetch the data again' },
  { name: 'an empty file', begins: /^$/, way: 'fetch the data again' },
]

/** What is said of a file that no format recognises. @param formats the names of those that are read */
export async function unreadFile({ path, head }: Found, formats: readonly string[]): Promise<Error> {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const start = Buffer.from(head.subarray(0, 64)).toString('latin1')
  const found =
    UNREAD.find(({ begins, named }) => begins?.test(start) && named?.test(name)) ??
    UNREAD.find(({ begins }) => begins?.test(start)) ??
    UNREAD.find(({ named }) => named?.test(name))
  if (found) return inputError('data.format', `${path} is ${found.name}, which is not read; ${found.way}`)
  if (PICTURE_NAME.test(name) || OTHER_PICTURE_NAME.test(name) || (await isPicture(head, path))) {
    return inputError('data.format', `${path} is one image, and data are many; give the folder that it lies in`)
  }
  const inside = inflatedHead(head)
  const packed = inside !== head
  if (packed && inside.length === 0) {
    return inputError('data.format', `${path} is a gzipped file with nothing in it; fetch the data again`)
  }
  if (packed && inflatedHead(inside) !== inside) {
    return inputError(
      'data.format',
      `${path} is gzipped twice, which is not read; unpack it once (gzip -d) and give the result`,
    )
  }
  const begins = Buffer.from(inside.subarray(0, 8)).toString('hex')
  return inputError(
    'data.format',
    `data must be ${formats.join(', ')}; ${path} is none of these, its first bytes are ${begins}; ${TO_NPZ}`,
  )
}

/** Whether the beginning is that of a picture, whole or not. */
const isPicture = (head: Uint8Array, path: string): Promise<boolean> =>
  decodeImage(head, path).then(
    () => true,
    (error: Error) => !/begins like none/.test(error.message),
  )

/** What is said of a folder in which nothing that is read was found; null: nothing that is known of. */
export function unreadFolder({ path, names, folders }: Found): Error | null {
  for (const { name, named, way } of UNREAD) {
    const file = [...(names ?? []), ...folders].find((one) => named?.test(one))
    if (file !== undefined)
      return inputError('data.format', `${path} holds ${file}: ${name}, which is not read; ${way}`)
  }
  return null
}
