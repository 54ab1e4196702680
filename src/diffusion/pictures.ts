/** Pictures of what a denoiser makes: its images themselves or, where these are latents, what its decoder makes of them. */
import type { Shape } from '../base/index.ts'
import type { Denoiser, Images } from './denoiser.ts'

type Decoded = Pick<Denoiser, 'decoder'>

/** [channels, height, width] of the pictures. */
export const pictureShapeOf = ({ decoder, imageShape }: Decoded & Pick<Denoiser, 'imageShape'>): Shape =>
  decoder?.pictureShape ?? imageShape

/** Whether cotangents of pictures come back to what the denoiser makes. */
export const picturesDifferentiable = ({ decoder }: Decoded): boolean => decoder?.differentiable ?? true

/** Pictures [n, ...] of n images. */
export const picturesOf = async ({ decoder }: Decoded, images: Images): Promise<Images> =>
  decoder ? decoder.decode(images) : images

/** The cotangent of images, of a cotangent of their pictures. @throws `decoder.derivative` */
export const throughPictures = async ({ decoder }: Decoded, images: Images, cotangent: Images): Promise<Images> =>
  decoder ? decoder.vjp(images, cotangent) : cotangent
