/**
 * Memory of typed arrays given back at once. The collector counts what arrays hold outside its heap, and where a loop makes megabytes at
 * every step it is woken up all the time: to go through everything, with threads that the loop's own computing needs.
 */

/** Buffers sent to a closed port leave their arrays and reach nobody: their memory goes with the message. */
const nowhere = new MessageChannel().port1
nowhere.close()

/** Frees the buffers of arrays that nobody reads again; they are empty afterwards. Memory shared between threads is left alone. */
export function releaseMemory(arrays: Iterable<ArrayBufferView>): void {
  const buffers = new Set<ArrayBuffer>()
  for (const { buffer } of arrays) if (buffer instanceof ArrayBuffer && buffer.byteLength > 0) buffers.add(buffer)
  if (buffers.size > 0) nowhere.postMessage(null, [...buffers])
}
