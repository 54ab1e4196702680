/** The last part of a path or address, `model.onnx` of `a/b/model.onnx`: what a file is called in errors and reports. */
export const fileName = (path: string): string => /([^\\/]*)[\\/]*$/.exec(path)?.[1] ?? path
