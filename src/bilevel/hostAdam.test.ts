import { expect, test } from 'vitest'
import { hostAdam } from './hostAdam.ts'

test('a sequence of unequal gradients and rates gives the numbers of PyTorch’s Adam', () => {
  // torch.optim.Adam(betas=(.8, .95), eps=1e-3), float64; its weight decay .1 is added to the gradient here by hand.
  const gradients = [
    [0.1, -0.2, 0.3, 1e-4],
    [-0.4, 0.05, 0.2, 0],
    [1.5, -2, 0, -3e-4],
  ]
  const torch = [
    [0.4900662251655629, -1.2400306748466257, 1.9900199600798403, -0.000909090909090909],
    [0.49945785848386753, -1.2241678460160204, 1.9703805547435291, -0.0007984399989960988],
    [0.4964962704059657, -1.2203169957245732, 1.9659034006634506, -0.00015510283490832212],
  ]
  const optimizer = hostAdam({ beta1: 0.8, beta2: 0.95, epsilon: 1e-3 })
  let state = optimizer.init(4)
  let x = [0.5, -1.25, 2, 0]
  gradients.forEach((gradient, k) => {
    const result = optimizer.update(
      gradient.map((g, i) => g + 0.1 * x[i]),
      state,
      [0.01, 0.02, 0.005][k],
    )
    x = x.map((value, i) => value + result.updates[i])
    state = result.state
    x.forEach((value, i) => {
      expect(value).toBeCloseTo(torch[k][i], 13)
    })
  })
  expect(state.step).toBe(3)
})

test('it is pure and its state survives JSON', () => {
  const optimizer = hostAdam()
  const state = optimizer.update([1, -1], optimizer.init(2), 0.1).state
  const copy = structuredClone(state)
  const once = optimizer.update([2, 3], state, 0.1)
  expect(state).toEqual(copy)
  expect(optimizer.update([2, 3], JSON.parse(JSON.stringify(state)), 0.1)).toEqual(once)
})

test('it finds the minimum of a badly scaled quadratic', () => {
  const optimizer = hostAdam({ beta1: 0.7, beta2: 0.9 })
  let state = optimizer.init(2)
  let x = [3, -4]
  for (let k = 0; k < 400; k++) {
    const result = optimizer.update([1e4 * (x[0] - 1), 1e-3 * (x[1] - 2)], state, 0.2 * (1 - k / 400))
    state = result.state
    x = x.map((value, i) => value + result.updates[i])
  }
  expect(x[0]).toBeCloseTo(1, 3)
  expect(x[1]).toBeCloseTo(2, 3)
})

test('what does not fit is refused', () => {
  expect(() => hostAdam({ beta1: 1 })).toThrow(/beta1 must be at least 0 and below 1, got 1/)
  const optimizer = hostAdam()
  expect(() => optimizer.update([1], optimizer.init(2), 0.1)).toThrow(/must have the state's 2 elements, got 1/)
})
