/** What methods end with: guidance by reward + weight judge at 1/lambda. Weight 0: by the reward alone. */
export interface ComparedStrength {
  readonly lambda: number
  readonly weight: number
}
