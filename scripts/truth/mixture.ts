/**
 * Data with an exact denoiser: mixtures of Gaussians that are alike in all directions, products of such coordinates, and rotations. With
 * x = signal x0 + noise eps, D_j = signal^2 std_j^2 + noise^2 and r_j the share of part j given x,
 *
 *     x0Hat = sum r_j mu_j,    mu_j = mean_j + signal std_j^2/D_j (x - signal mean_j)
 *     dx0Hat/dx = signal/noise^2 Cov(x0 | x),    Cov(x0 | x) = sum r_j (std_j^2 noise^2/D_j I + mu_j mu_j^T) - x0Hat x0Hat^T
 */

/** One part of a mixture: N(mean, std^2 I), with its share of the data. */
export interface Part {
  readonly share: number
  readonly mean: readonly number[]
  readonly std: number
}

/** What is known of the clean point given a noisy one. */
export interface Posterior {
  /** x0Hat, [dimensions]. */
  readonly mean: readonly number[]
  /** dx0Hat/dx, [dimensions][dimensions], symmetric. */
  readonly jacobian: readonly (readonly number[])[]
}

export interface Data {
  readonly dimensions: number
  posterior(x: readonly number[], signal: number, noise: number): Posterior
}

/** A mixture in as many dimensions as its parts' means have. */
export function mixture(parts: readonly Part[]): Data {
  const dimensions = parts[0].mean.length
  const logs = new Float64Array(parts.length)
  const means = new Float64Array(parts.length * dimensions)
  return {
    dimensions,
    posterior(x, signal, noise) {
      let most = Number.NEGATIVE_INFINITY
      for (const [j, { share, mean, std }] of parts.entries()) {
        const spread = signal * signal * std * std + noise * noise
        let square = 0
        for (let i = 0; i < dimensions; i++) {
          const away = x[i] - signal * mean[i]
          square += away * away
          means[j * dimensions + i] = mean[i] + ((signal * std * std) / spread) * away
        }
        logs[j] = Math.log(share) - (dimensions * Math.log(spread)) / 2 - square / (2 * spread)
        most = Math.max(most, logs[j])
      }
      let [total, variance] = [0, 0]
      const mean = new Array<number>(dimensions).fill(0)
      for (const [j, { std }] of parts.entries()) {
        const weight = Math.exp(logs[j] - most)
        logs[j] = weight
        total += weight
        variance += (weight * (std * std * noise * noise)) / (signal * signal * std * std + noise * noise)
        for (let i = 0; i < dimensions; i++) mean[i] += weight * means[j * dimensions + i]
      }
      for (let i = 0; i < dimensions; i++) mean[i] /= total
      const jacobian = mean.map((_, i) =>
        mean.map((_, k) => {
          let sum = i === k ? variance : 0
          for (let j = 0; j < parts.length; j++) {
            sum += logs[j] * (means[j * dimensions + i] - mean[i]) * (means[j * dimensions + k] - mean[k])
          }
          return ((signal / noise / noise) * sum) / total
        }),
      )
      return { mean, jacobian }
    },
  }
}

/** Parts on a line as [share, mean, standard deviation]. */
export const line = (...parts: readonly (readonly [number, number, number])[]): Data =>
  mixture(parts.map(([share, mean, std]) => ({ share, mean: [mean], std })))

/** Independent coordinates, each with data of its own on a line. */
export function product(coordinates: readonly Data[]): Data {
  return {
    dimensions: coordinates.length,
    posterior(x, signal, noise) {
      const known = coordinates.map((data, i) => data.posterior([x[i]], signal, noise))
      return {
        mean: known.map(({ mean }) => mean[0]),
        jacobian: known.map(({ jacobian }, i) => known.map((_, j) => (i === j ? jacobian[0][0] : 0))),
      }
    },
  }
}

/** Data of the plane turned by an angle: `turned` of a point of `data` is one of it. */
export function rotated(data: Data, angle: number): Data {
  return {
    dimensions: 2,
    posterior(x, signal, noise) {
      const { mean, jacobian } = data.posterior(turned(x, -angle), signal, noise)
      // R J R^T, row by row and then column by column.
      const half = jacobian.map((row) => turned(row, angle))
      const columns = [0, 1].map((j) => turned([half[0][j], half[1][j]], angle))
      return { mean: turned(mean, angle), jacobian: [0, 1].map((i) => [columns[0][i], columns[1][i]]) }
    },
  }
}

/** A point of the plane turned by an angle. */
export function turned([u, v]: readonly number[], angle: number): number[] {
  const [c, s] = [Math.cos(angle), Math.sin(angle)]
  return [c * u - s * v, s * u + c * v]
}
