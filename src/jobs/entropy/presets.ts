/** Presets of `bilevel entropy`: what it is set to by name. */

/**
 * - `quick`: a shipped model of 16x16 digits chases a class that one classifier sees and another one judges; minutes on two cores.
 * - `prompts`: a shipped text-to-image model, weakly guided towards its prompts, chases what raters' scores are, fit of the prompt and looks; the CLIP
 *   score of the prompts judges, and an independent classifier is the witness. Minutes on two cores.
 * - `tiny`: a smoke test in seconds, on any small model. Its numbers mean nothing.
 */
export const ENTROPY_PRESETS = {
  quick: {
    model: 'digits-16',
    class: 'unconditional',
    reward: 'log-probability:3@features',
    judge: 'log-probability:3@judge + 5*typicality@features',
    lambdaRange: [0.01, 10],
    tolerance: 2,
    sampler: 'ddim',
    eta: 1,
    steps: 25,
    gridImages: 16,
  },
  prompts: {
    model: 'captioned-digits',
    prompts: 'captioned-digits/prompts.txt',
    clip: 'captioned-digits/clip',
    class: null,
    guidanceScale: 0.5,
    reward: '5*clip-score + clip-head:captioned-digits/clip/aesthetic.safetensors',
    judge: 'clip-score',
    witness: 'clip-score:captioned-digits/judge',
    data: null,
    features: 'none',
    lambdaRange: [0.04, 10],
    tolerance: 4,
    sampler: 'ddim',
    eta: 1,
    steps: 8,
    estimator: 'paired-differences',
    maxEvaluations: 300_000,
    curvePaths: 300,
    gridImages: 400,
  },
  tiny: {
    reward: 'ink',
    judge: 'symmetry',
    sampler: 'ddim',
    eta: 1,
    steps: 4,
    maxEvaluations: 20_000,
    explorePaths: 8,
    curvePoints: 5,
    curvePaths: 16,
    particles: 16,
    gridImages: 4,
    chunk: 16,
  },
} as const
