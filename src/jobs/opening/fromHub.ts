/** Names of the hub in what a command is given, each replaced by the path of what is fetched: everything after that is on this machine. */
import type { FetchOptions, HubWanted } from '../../hub/index.ts'
import { fetchFromHub, isHubName } from '../../hub/index.ts'
import type { SettingsLayer } from '../../runs/index.ts'

/** Settings that may name something of the hub, and what. */
const HUB_SETTINGS: Readonly<Record<string, HubWanted>> = {
  model: 'model',
  clip: 'clip',
  scheduler: 'file',
  features: 'file',
  judge: 'file',
  judgeNetwork: 'file',
  reward: 'file',
  prompts: 'file',
  modelJson: 'file',
}

/** An argument that may be a name of the hub. @throws `hub.*` */
export const argumentFromHub = async (
  argument: string,
  wanted: HubWanted,
  onNote: NonNullable<FetchOptions['onNote']>,
): Promise<string> => (isHubName(argument) ? fetchFromHub(argument, { wanted, onNote }) : argument)

/** Layers of settings whose values may be names of the hub. @throws `hub.*` */
export const layersFromHub = async (
  layers: readonly SettingsLayer[],
  onNote: NonNullable<FetchOptions['onNote']>,
): Promise<readonly SettingsLayer[]> =>
  Promise.all(
    layers.map(async (layer) => {
      const named = Object.entries(layer.values).filter(([name, value]) => name in HUB_SETTINGS && isHubName(value))
      const found: [string, string][] = []
      for (const [name, value] of named) {
        found.push([name, await argumentFromHub(String(value), HUB_SETTINGS[name], onNote)])
      }
      return { ...layer, values: { ...layer.values, ...Object.fromEntries(found) } }
    }),
  )
