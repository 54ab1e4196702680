"""Writes metricEdges.json: Fréchet and kernel distances in 60 digits where float64 has hardly any.

python metricEdges.py > metricEdges.json        (mpmath 1.4.1)

`frechet`: features of `real` and `fake` images, which are float64 numbers taken as exact; `value`, and `derivative` in the fake features, rounded
once at the end. It is computed as |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (R C1 R)^(1/2), R = C2^(1/2), with the derivative
2 (m1 - m2)/n + 2 (I - R (R C1 R)^(-1/2) R)(x_i - m1)/(n - 1), eigenvalues that are 0 in 60 digits left out of the inverse root, and is held here
against central differences along random directions. `lost`: directions in which the distance has a kink, min(n - 1, rank C2) - rank of R C1 R;
the central differences are those of the smooth part. `axes`: orthonormal directions (rows) of different spread, along which the derivative is compared.

`kernel`: the unbiased cubic kernel distance, and its derivative along `direction` (one row for each fake one) by central differences.
"""

import json
import random

from mpmath import mp, mpf

DIGITS = 60
mp.dps = 2 * DIGITS
ZERO = mpf(10) ** -DIGITS


def covariance(x):
    n, d = x.rows, x.cols
    mean = [sum(x[i, j] for i in range(n)) / n for j in range(d)]
    centred = mp.matrix(n, d)
    for i in range(n):
        for j in range(d):
            centred[i, j] = x[i, j] - mean[j]
    return mean, centred, centred.T * centred / (n - 1)


def spectral(matrix, function):
    """V f(lambda) V^T, and how many eigenvalues are not 0."""
    values, vectors = mp.eigsy(matrix)
    least = ZERO * max(max(abs(v) for v in values), ZERO**2)
    kept = [function(v) if v > least else mpf(0) for v in values]
    return vectors * mp.diag(kept) * vectors.T, sum(v > least for v in values)


def frechet(fake, real):
    m1, centred, c1 = covariance(fake)
    m2, _, c2 = covariance(real)
    n, d = fake.rows, fake.cols
    root, reference_rank = spectral(c2, mp.sqrt)
    m = root * c1 * root
    m = (m + m.T) / 2
    trace_root = sum(mp.sqrt(v) for v in mp.eigsy(m, eigvals_only=True) if v > 0)
    trace = lambda a: sum(a[j, j] for j in range(d))
    value = sum((a - b) ** 2 for a, b in zip(m1, m2)) + trace(c1) + trace(c2) - 2 * trace_root
    inverse, rank = spectral(m, lambda v: 1 / mp.sqrt(v))
    of_covariance = mp.eye(d) - root * inverse * root
    rows = 2 * centred * of_covariance / (n - 1)
    derivative = [[rows[i, j] + 2 * (m1[j] - m2[j]) / n for j in range(d)] for i in range(n)]
    return value, derivative, min(n - 1, reference_rank) - rank


def moved(x, direction, step):
    return x + step * direction


def gaussian(rng, n, d):
    return mp.matrix([[mpf(rng.gauss(0, 1)) for _ in range(d)] for _ in range(n)])


def smallest_spread(fake, real):
    """Of both sides, beside 0: steps must be far below it."""
    spreads = [mpf(1)]
    for x in (fake, real):
        values = mp.eigsy(covariance(x)[2], eigvals_only=True)
        spreads += [mp.sqrt(v) for v in values if v > ZERO * max(values)]
    return min(spreads)


def checked(fake, real, rng):
    value, derivative, lost = frechet(fake, real)
    step = mpf(10) ** -15 * smallest_spread(fake, real)
    for _ in range(2):
        direction = gaussian(rng, fake.rows, fake.cols)
        ahead, behind = (frechet(moved(fake, direction, s * step), real)[0] for s in (1, -1))
        numeric = (ahead - behind) / (2 * step)
        analytic = sum(derivative[i][j] * direction[i, j] for i in range(fake.rows) for j in range(fake.cols))
        assert abs(numeric - analytic) < mpf(10) ** -12 * (1 + abs(analytic)), (numeric, analytic, lost)
    return {"value": float(value), "derivative": [[float(v) for v in row] for row in derivative], "lost": lost}


# Rounded, so that what is written is what is computed with.
def rounded(rows):
    return [[float(v) for v in row] for row in rows]


def times(rows, q):
    d = len(q)
    return [[sum(row[l] * q[l][j] for l in range(d)) for j in range(d)] for row in rows]


def rotation(rng, d):
    q, _ = mp.qr(gaussian(rng, d, d))
    return [[float(q[i, j]) for j in range(d)] for i in range(d)]


def correlated(rng, n, d, mix, scales):
    """Rows of correlated features, then scaled."""
    rows = [[rng.gauss(0, 1) for _ in range(d)] for _ in range(n)]
    rows = [[row[j] + mix * row[(j + 1) % d] + 0.2 * j for j in range(d)] for row in rows]
    return [[v * s for v, s in zip(row, scales)] for row in rows]


def frechet_cases():
    rng = random.Random(20)
    d = 4
    out = []

    def add(name, fake, real, axes=None):
        fake, real = rounded(fake), rounded(real)
        truth = checked(mp.matrix(fake), mp.matrix(real), rng)
        axes = axes or [[float(i == j) for j in range(len(fake[0]))] for i in range(len(fake[0]))]
        out.append({"name": name, "fake": fake, "real": real, "axes": axes, **truth})

    halves = lambda rows: [[round(v * 64) / 64 for v in row] for row in rows]
    hadamard = [[(-0.5 if i & j in (1, 2) else 0.5) for j in range(d)] for i in range(d)]
    for name, ratio in [("1", 1.0), ("1/300", 1 / 300), ("1e-4", 1e-4), ("1e-6", 1e-6), ("0", 0.0)]:
        small = [1.0, 3.0, ratio, 0.5]
        wide = [1.0, 3.0, 1.0, 0.5]
        # Of 0 nothing is left in a slanting direction only where the arithmetic is exact.
        q, exact = (rotation(rng, d), rounded) if ratio > 0 else (hadamard, halves)
        fake, real = correlated(rng, 9, d, 0.6, small), correlated(rng, 11, d, -0.4, small)
        add(f"ratio {name}, one feature of both sides", fake, real)
        add(f"ratio {name}, a slanting direction of both sides", times(exact(fake), q), times(exact(real), q), q)
        if ratio < 1:
            real = correlated(rng, 11, d, -0.4, wide)
            add(f"ratio {name}, a slanting direction of the generated side", times(exact(fake), q), times(exact(real), q), q)
            add(f"ratio {name}, a slanting direction of the reference", times(exact(real), q), times(exact(fake), q), q)
    graded = [10.0 ** (-2 * j) for j in range(d)]
    add("four features of deviations 1 to 1e-6", correlated(rng, 9, d, 0.6, graded), correlated(rng, 11, d, -0.4, graded))
    sums = lambda rows: [row[:3] + [row[0] - 2 * row[1] + row[2]] for row in halves(rows)]
    fake = correlated(rng, 9, d, 0.3, [1, 2, 0.5, 1])
    real = correlated(rng, 11, d, 0.5, [1, 1, 1, 1])
    add("one feature is a sum of others, on both sides", sums(fake), sums(real))
    add("one feature is a sum of others, generated side", sums(fake), real)
    other = [row[:3] + [row[0] + row[1]] for row in halves(real)]
    add("one feature is a sum of others, another one on each side", sums(fake), other)
    add("offset 1e4", [[v + 1e4 for v in row] for row in fake], [[v + 1e4 + 0.01 * j for j, v in enumerate(row)] for row in real])
    few = correlated(rng, 4, 6, 0.4, [1, 1e-3, 2, 1e-5, 1, 0.3])
    add("fewer images than features", few, correlated(rng, 12, 6, 0.2, [1, 1e-3, 2, 1e-5, 1, 0.3]))
    add("fewer images than features, on both sides", few, correlated(rng, 5, 6, 0.2, [1, 1e-3, 2, 1e-5, 1, 0.3]))
    add("fewer images than features, two of them equal", few[:3] + few[2:3], correlated(rng, 12, 6, 0.2, [1.0] * 6))
    add("all images equal", [[0.1, -1 / 3, 10.7, 0.0]] * 7, real)
    add("all images equal, in one feature", [[0.1]] * 7, [row[:1] for row in real])
    add("all images equal, two of them of three features", [[0.1, -1 / 3, 10.7]] * 2, [row[:3] for row in real])
    add("all images equal, on both sides", [[0.1, -1 / 3, 1e4 + 0.7, 0.0]] * 7, [[0.3, 1 / 7, 1e4, 0.1]] * 5)
    return out


def kernel(fake, real):
    d = len(fake[0])
    k = lambda x, y: (sum(a * b for a, b in zip(x, y)) / d + 1) ** 3
    within = lambda rows: sum(k(x, y) for i, x in enumerate(rows) for y in rows[:i]) * 2 / (len(rows) * (len(rows) - 1))
    return within(fake) + within(real) - 2 * sum(k(x, y) for x in fake for y in real) / (len(fake) * len(real))


def kernel_cases():
    rng = random.Random(21)
    out = []
    for name, n, m, offset, scale, shift in [
        ("ordinary", 8, 9, 1.0, 1.0, 0.3),
        ("offset 100", 8, 9, 100.0, 1.0, 0.3),
        ("offset 1e4", 8, 9, 1e4, 1.0, 0.3),
        ("offset 1e4, deviations of 1e-3", 7, 6, 1e4, 1e-3, 2e-4),
        ("offset 1e6", 6, 7, 1e6, 1.0, 0.0),
        ("features of 1e-6", 8, 7, 0.0, 1e-6, 4e-7),
        ("generated images all equal", 5, 8, 1e4, 1.0, 0.5),
    ]:
        d = 5
        real = [[offset * (1 + 0.1 * j) + scale * rng.gauss(0, 1) for j in range(d)] for _ in range(m)]
        fake = [[offset * (1 + 0.1 * j) + scale * rng.gauss(shift / scale * 0.2, 1.3) for j in range(d)] for _ in range(n)]
        if "equal" in name:
            fake = fake[:1] * n
        direction = [[rng.gauss(0, 1) for _ in range(d)] for _ in range(n)]
        exact = lambda rows: [[mpf(v) for v in row] for row in rows]
        step = mpf(10) ** -40
        at = lambda s: kernel([[mpf(v) + s * mpf(w) for v, w in zip(*pair)] for pair in zip(fake, direction)], exact(real))
        along = (at(step) - at(-step)) / (2 * step)
        value = float(kernel(exact(fake), exact(real)))
        out.append({"name": name, "fake": fake, "real": real, "direction": direction, "value": value, "along": float(along)})
    return out


if __name__ == "__main__":
    print(json.dumps({"frechet": frechet_cases(), "kernel": kernel_cases()}))
