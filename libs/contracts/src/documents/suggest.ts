import { nearestName } from '@slipway/core';

/** `; did you mean production?` or nothing, to end a message with. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const near = nearestName(word, known);
  return near === undefined ? '' : `; did you mean ${near}?`;
}
