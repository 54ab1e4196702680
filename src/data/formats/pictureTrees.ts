/** Picture files: in a folder, in a zip, in tar archives (WebDataset's shards). */
import { join } from 'node:path'
import type { DataFormat } from '../format.ts'
import { onlyFiles } from '../format.ts'
import { folderTree } from '../trees/folderTree.ts'
import { isTar, TAR_NAME, tarTree } from '../trees/tarTree.ts'
import { treeSource } from '../trees/treeSource.ts'
import { isZip } from '../trees/zipFile.ts'
import { zipTree } from '../trees/zipTree.ts'

/** PyTorch's and Keras' weights are zips too. */
const OTHER_ZIP = /\.(pt|pth|ckpt|keras)$/i

export const zipOfPictures: DataFormat = {
  name: 'a zip of image files',
  recognises: ({ path, names, head }) => names === null && isZip(head) && !OTHER_ZIP.test(path),
  open: async ({ path }, options) => treeSource(await zipTree(path), options),
}

export const tarsOfPictures: DataFormat = {
  name: 'tar archives of image files (WebDataset)',
  recognises: (found) =>
    found.names === null ? isTar(found.head) : onlyFiles(found).some((name) => TAR_NAME.test(name)),
  open({ path, names }, options) {
    const archives =
      names === null ? [path] : names.filter((name) => TAR_NAME.test(name)).map((name) => join(path, name))
    return treeSource(tarTree(path, archives), options)
  },
}

export const folderOfPictures: DataFormat = {
  name: 'a folder of image files',
  recognises: ({ names }) => names !== null,
  open: ({ path }, options) => treeSource(folderTree(path), options),
}
