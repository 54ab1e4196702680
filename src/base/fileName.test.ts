import { basename } from 'node:path'
import { expect, it } from 'vitest'
import { fileName } from './fileName.ts'

it.each(['a/b/model.onnx', 'model.onnx', '/model.onnx', 'a/b/', 'a//', '', './x y.onnx', 'https://host/x.onnx'])(
  "of '%s' is what the system calls it",
  (path) => {
    expect(fileName(path)).toBe(basename(path))
  },
)

it('knows the other separator too', () => {
  expect(fileName('C:\\models\\unet.onnx')).toBe('unet.onnx')
})
