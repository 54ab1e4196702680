/** How settings are called as flags. */

export const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** `sampling-steps` of [samplingSteps]. */
export const flagName = (path: readonly string[]): string => path.map(kebab).join('-')
