/** Folder of a run in which each of several sets of prompts has one of its own, of its name: `sets/NAME/`. */
export const SETS = 'sets'
