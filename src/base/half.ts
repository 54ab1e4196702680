/** Half-precision numbers, which files hold and this program has no arrays of: IEEE binary16 and bfloat16 as bits, and back. */

/** The number that binary16 bits stand for. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  if (exponent === 0) return sign * fraction * 2 ** -24
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

const wordView = new DataView(new ArrayBuffer(4))

/** The number that bfloat16 bits stand for: they are the upper half of a float32's. */
export function brainToFloat(bits: number): number {
  wordView.setUint32(0, bits << 16)
  return wordView.getFloat32(0)
}

/** The binary16 bits of a number, rounded to nearest, ties to even; above 65504 (by half a unit) infinity. */
export function floatToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.abs(value)
  if (size >= 65520) return sign | 0x7c00
  // Spacing of binary16 at this size; below 2^-14 it stays that of the smallest normal number.
  const exponent = Math.max(Math.floor(Math.log2(size || Number.MIN_VALUE)), -14)
  const unit = 2 ** (exponent - 10)
  const units = roundedToEven(size / unit)
  // A normal number has 1024 to 2047 units; what is rounded up to 2048 carries into the exponent, what is below 1024 has none.
  return sign | (units + (exponent + 14) * 1024)
}

function roundedToEven(value: number): number {
  const below = Math.floor(value)
  const rest = value - below
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below
}
