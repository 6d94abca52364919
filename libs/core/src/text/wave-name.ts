/** A wave within a sentence: `wave canary`; one that nobody named is called `wave 2` already. */
export const waveNamed = (name: string): string => (/^wave\b/.test(name) ? name : `wave ${name}`);
