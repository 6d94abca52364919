import { Buffer } from 'node:buffer';

const MASK = '***';
/** Shorter values would blot out half of every log, and are no secrets. */
const SECRET_LENGTH_MIN = 4;

/** Everything that must not be seen: the secrets, their single lines, and how they look encoded. Longest first, so that a part never hides the whole. */
function forms(secrets: Iterable<string>): string[] {
  const all = new Set<string>();
  for (const secret of secrets) {
    for (const text of [secret, secret.trim(), ...secret.split(/\r?\n/).map((line) => line.trim())]) {
      if (text.length < SECRET_LENGTH_MIN) continue;
      all.add(text);
      all.add(encodeURIComponent(text.toWellFormed()));
      all.add(Buffer.from(text).toString('base64').replace(/=+$/, ''));
      all.add(JSON.stringify(text).slice(1, -1));
    }
  }
  return [...all].sort((a, b) => b.length - a.length);
}

/** Hides secrets in texts and in streams of text, however a stream is cut into pieces. */
export class Mask {
  private forms: string[] = [];
  private pattern: RegExp | undefined;
  private readonly secrets: Set<string>;

  constructor(secrets: Iterable<string>) {
    this.secrets = new Set(secrets);
    this.rebuild();
  }

  /** Hide this too, from now on. */
  add(secret: string): void {
    if (this.secrets.has(secret)) return;
    this.secrets.add(secret);
    this.rebuild();
  }

  private rebuild(): void {
    this.forms = forms(this.secrets);
    const escaped = this.forms.map((form) => form.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'));
    this.pattern = escaped.length > 0 ? new RegExp(escaped.join('|'), 'g') : undefined;
  }

  text(text: string): string {
    return this.pattern ? text.replace(this.pattern, MASK) : text;
  }

  /** A masked deep copy of a JSON value; names of fields too. */
  json<T>(value: T): T {
    if (!this.pattern || value === undefined) return value;
    return JSON.parse(this.walk(JSON.stringify(value))) as T;
  }

  /** The mask for one stream: what may be the beginning of a secret is held back until the rest, or the end, comes. */
  stream(): { push(text: string): string; end(): string } {
    let held = '';
    return {
      push: (text) => {
        const all = held + text;
        const keep = this.unfinished(all);
        held = all.slice(keep);
        return this.text(all.slice(0, keep));
      },
      end: () => {
        const rest = held;
        held = '';
        return this.text(rest);
      },
    };
  }

  private walk(jsonText: string): string {
    return JSON.stringify(JSON.parse(jsonText), (_key, value: unknown) => {
      if (typeof value === 'string') return this.text(value);
      if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [this.text(name), inner]));
    });
  }

  /** From where on the text may be the beginning of a secret: everything before it can be masked now. */
  private unfinished(text: string): number {
    const longest = this.forms[0]?.length ?? 0;
    for (let at = Math.max(0, text.length - longest + 1); at < text.length; at++) {
      const tail = text.slice(at);
      if (this.forms.some((form) => form.length > tail.length && form.startsWith(tail))) return this.wholeBefore(text, at);
    }
    return text.length;
  }

  /** A whole secret that reaches over the cut moves the cut to its beginning. */
  private wholeBefore(text: string, cut: number): number {
    if (!this.pattern) return cut;
    for (const found of text.matchAll(this.pattern)) {
      if (found.index < cut && found.index + found[0].length > cut) return found.index;
    }
    return cut;
  }
}
