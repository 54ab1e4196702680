/** Tests run in Node: unit tests of the core, which knows no engine, find Node's. */
import '../src/runtime/node/index.ts'
