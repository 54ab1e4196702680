/**
 * Model folders of networks that predict noise, the sample, velocity, and of a flow, for `test/gold/predictions.py`:
 *
 *     node scripts/bundle.js scripts/predictionFolders.ts FOLDER
 */
import { join } from 'node:path'
import { saveModel } from '../src/diffusion/files/index.ts'
import { PREDICTED, predictedModel } from '../src/diffusion/files/predictedModels.fixture.ts'

const [folder] = process.argv.slice(2)
if (!folder) throw new Error('a folder to write to must be given')
for (const target of PREDICTED) await saveModel(join(folder, target), predictedModel(target))
