/** The browser's edge: an engine over onnxruntime-web, for a caller to choose. */
export { webEngine } from './engine.ts'
