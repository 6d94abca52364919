/** How many different strings are kept: more than any fleet has kinds, regions and labels; past it strings are simply not shared. */
const STRINGS_MAX = 20_000;
/** Longer strings hardly repeat. */
const STRING_LENGTH_MAX = 100;

const EMPTY = Object.freeze({});

/** Keeps one copy of each equal string, so that a hundred thousand documents do not hold "eu-west-1" a hundred thousand times. */
export class StringPool {
  private readonly strings = new Map<string, string>();

  keep(text: string): string {
    const kept = this.strings.get(text);
    if (kept !== undefined) return kept;
    if (this.strings.size < STRINGS_MAX && text.length <= STRING_LENGTH_MAX) this.strings.set(text, text);
    return text;
  }

  /** A copy of the object whose string values are kept once; one frozen object stands for all empty ones. */
  keepValues<T extends object>(values: T): T {
    const copy = { ...values };
    let empty = true;
    for (const key in copy) {
      empty = false;
      const value = copy[key];
      if (typeof value === 'string') (copy as Record<string, unknown>)[key] = this.keep(value);
    }
    return empty ? (EMPTY as T) : copy;
  }
}
