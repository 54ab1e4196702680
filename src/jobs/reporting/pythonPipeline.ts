/** A pipeline's parts called from Python: each by its own class where its weights lie there, else its ONNX file as it is called here. */
import type { LatentScale } from '../../diffusion/index.ts'
import type { PythonNetwork } from './context.ts'
import type { ClassPart, FilePart, PipelineParts } from './pipelineParts.ts'
import { onnxCall } from './pythonOnnx.ts'
import { list, text, within } from './pythonText.ts'

type Pipeline = PythonNetwork & { kind: 'pipeline' }

type Place = 'run' | 'model'

/** What the code calls the folder of the parts. */
const placeOf = ({ folder }: Pick<PipelineParts, 'folder'>): Place => (folder === undefined ? 'run' : 'model')

/** What must be imported. */
export function pipelineClasses({ unet, text: told, decoder }: PipelineParts) {
  const named = (part: ClassPart | FilePart | undefined) => (part?.kind === 'class' ? [part.name] : [])
  const parts = [unet, told?.encoder, decoder?.part]
  return {
    diffusers: [...named(unet), ...named(decoder?.part)],
    transformers: told ? ['AutoTokenizer', ...named(told.encoder)] : [],
    onnx: parts.some((part) => part?.kind === 'onnx'),
  }
}

export const promptLines = ({ prompts }: NonNullable<PipelineParts['text']>): string[] => [
  'prompts = [',
  ...prompts.map((prompt) => `    ${text(prompt)},`),
  ']',
]

/** The prompt of each image, by its place; the empty one is the last. */
export function promptOfEach({ classes, nullClass }: Pipeline, count: number, wanted: number | undefined): string {
  const each = wanted === undefined ? `torch.arange(${count}) % ${classes}` : `torch.full((${count},), ${wanted})`
  return `classes = ${each}  # of prompts; ${nullClass} is the empty one`
}

/** Lines that make `unet` and, where there are prompts, `embeds`, a row a prompt. */
export function pipelineLines({ unet, text: told, ...pipeline }: Pipeline, count: number): string[] {
  const place = placeOf(pipeline)
  const states = told && (['encoder_hidden_states', 'embeds[classes].numpy()'] as const)
  return [
    ...(told ? encoderLines(told, place) : []),
    ...(unet.kind === 'class'
      ? [`unet = ${unet.name}.from_pretrained(${within(unet.path, place)}).eval()`]
      : onnxCall({ ...unet, inRun: true, place }, count, states ?? undefined)),
  ]
}

function encoderLines(
  { encoder, form: { inputs, output, length } }: NonNullable<PipelineParts['text']>,
  place: Place,
): string[] {
  const masked = 'attention_mask' in inputs
  const tokens = [
    `tokenizer = AutoTokenizer.from_pretrained(${within('tokenizer', place)})`,
    `tokens = tokenizer(prompts + [""], padding="max_length", max_length=${length}, truncation=True, return_tensors="pt")`,
  ]
  if (encoder.kind === 'class') {
    const mask = masked ? ', attention_mask=tokens.attention_mask' : ''
    return [
      ...tokens,
      `encoder = ${encoder.name}.from_pretrained(${within(encoder.path, place)}).eval()`,
      'with torch.no_grad():',
      `    embeds = encoder(tokens.input_ids${mask}).last_hidden_state`,
    ]
  }
  const feed = (name: string) => `${text(name)}: tokens.${name}[i : i + 1].numpy().astype(np.${inputs[name]})`
  return [
    ...tokens,
    `encoder = ${session(encoder, place)}`,
    `rows = [encoder.run([${text(output)}], {${Object.keys(inputs).map(feed).join(', ')}})[0] for i in range(len(prompts) + 1)]`,
    'embeds = torch.from_numpy(np.concatenate(rows))',
  ]
}

const session = ({ path }: FilePart, place: Place): string =>
  `onnxruntime.InferenceSession(${within(path, place)}, providers=["CPUExecutionProvider"])`

/** A call of the network. @param labels the prompt of each image in Python */
export function pipelineCall({ unet, text: told, classes }: Pipeline, x: string, time: string, labels: string): string {
  if (unet.kind === 'onnx') return `unet(${x}, ${time}${labels === 'classes' ? '' : `, ${labels}`})`
  const condition = told ? `, embeds[${labels}]` : classes === undefined ? '' : `, class_labels=${labels}`
  return `unet(${x}, ${time}${condition}).sample`
}

/** Lines that make pictures of latents. */
export function picturesOf({ decoder, ...pipeline }: PipelineParts): string[] {
  if (!decoder) return []
  const place = placeOf(pipeline)
  const { part, scale } = decoder
  const latents = `latents = ${ownLatents(scale)}`
  if (part.kind === 'class') {
    return [
      latents,
      `vae = ${part.name}.from_pretrained(${within(part.path, place)}).eval()`,
      'with torch.no_grad():',
      '    x = vae.decode(latents).sample.clamp(-1, 1)',
    ]
  }
  return [
    latents,
    `vae = ${session(part, place)}`,
    'names = [output.name for output in vae.get_outputs()]',
    'output = "sample" if "sample" in names else names[0]',
    'rows = [vae.run([output], {vae.get_inputs()[0].name: latents[i : i + 1].numpy()})[0] for i in range(len(latents))]',
    'x = torch.from_numpy(np.concatenate(rows)).clamp(-1, 1)',
  ]
}

/** The autoencoder's latents of the sampler's. */
function ownLatents({ scaling, shift = 0, mean, deviation }: LatentScale): string {
  const byChannel = (values: readonly number[]) => `torch.tensor(${list(values)}).view(1, -1, 1, 1)`
  return [
    'x',
    ...(deviation ? [` * ${byChannel(deviation)}`] : []),
    ` / ${scaling}`,
    ...(mean ? [` + ${byChannel(mean)}`] : []),
    ...(shift === 0 ? [] : [` + ${shift}`]),
  ].join('')
}
