/** Networks by name: what a config file says becomes a network. */
import { inputError } from '../base/index.ts'
import type { MlpOptions } from './mlp.ts'
import { mlp } from './mlp.ts'
import type { DenoisingNetwork } from './network.ts'
import type { ShuffleUNetOptions } from './shuffleUnet.ts'
import { shuffleUnet } from './shuffleUnet.ts'
import { unet2d } from './unet2d.ts'
import type { UNet2DOptions } from './unet2dConfig.ts'

type Config = Readonly<Record<string, unknown>>

/** Each maker checks its config itself, so a record from a file may be passed as it is. */
const NETWORKS: Readonly<Record<string, (config: Config) => DenoisingNetwork>> = {
  UNet2DModel: (config) => unet2d(config as UNet2DOptions),
  ShuffleUNet: (config) => shuffleUnet(config as ShuffleUNetOptions),
  MLP: (config) => mlp(config as MlpOptions),
}

/** Names that `networkFromConfig` knows. */
export function networkKinds(): readonly string[] {
  return Object.keys(NETWORKS)
}

/**
 * The network of a config, by its `_class_name` (diffusers' key) or `kind`; the other fields are the network's own.
 * @throws `nn.kind` on an unknown name, `nn.config` on fields that do not fit
 * @example networkFromConfig(JSON.parse(await readFile('model/unet/config.json', 'utf8')))
 */
export function networkFromConfig(config: Config): DenoisingNetwork {
  const { kind, ...fields } = config
  const name = kind ?? config._class_name
  if (typeof name !== 'string' || !Object.hasOwn(NETWORKS, name)) {
    throw inputError(
      'nn.kind',
      `a network config must name one of ${networkKinds().join(', ')} in _class_name or kind, got ${JSON.stringify(name)}; ` +
        'other networks can be used through their ONNX file',
    )
  }
  return NETWORKS[name](fields)
}
