/** The Node edge: importing it makes ONNX Runtime for Node the engine of this process, and Node's own hash the hash. */
import { useMachine } from '../../base/index.ts'
import { useEngine } from '../engine.ts'
import { nodeEngine } from './engine.ts'
import { nodeMachine } from './machine.ts'

useMachine(nodeMachine)
useEngine(nodeEngine)

export { nodeEngine }
