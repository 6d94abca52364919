/** Colours only on a terminal, never in a pipe, a file or with NO_COLOR set. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  red(text: string): string;
  cyan(text: string): string;
}

const plain = (text: string): string => text;
const wrap =
  (code: number) =>
  (text: string): string =>
    `\u001b[${code}m${text}\u001b[0m`;

export const NO_PAINT: Paint = { bold: plain, dim: plain, green: plain, yellow: plain, red: plain, cyan: plain };
const PAINT: Paint = { bold: wrap(1), dim: wrap(2), green: wrap(32), yellow: wrap(33), red: wrap(31), cyan: wrap(36) };

/** The paint that fits this output. */
export function paintFor(stream: { isTTY?: boolean | undefined }, env: NodeJS.ProcessEnv): Paint {
  return stream.isTTY === true && !env['NO_COLOR'] ? PAINT : NO_PAINT;
}

/** Width of a text on the screen, colour codes not counted. */
export function visibleWidth(text: string): number {
  return [...text.replace(/\u001b\[[0-9;]*m/g, '')].length;
}

/** `text` filled up with spaces to a width on the screen. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - visibleWidth(text)));
}

/** Rows of cells as aligned columns, two spaces between them. */
export function columns(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, visibleWidth(cell))));
  return rows
    .map((row) => (indent + row.map((cell, i) => (i === row.length - 1 ? cell : pad(cell, widths[i] ?? 0))).join('  ')).trimEnd())
    .join('\n');
}

/** `████████░░ 80 %` */
export function progressBar(percent: number, width = 10): string {
  const bounded = Math.min(100, Math.max(0, percent));
  const full = Math.round((bounded / 100) * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)} ${Math.round(bounded)} %`;
}

/** Rewrites a block of lines in place on a terminal; elsewhere prints only lines that are new. */
export class LiveBlock {
  private height = 0;
  private printed = new Set<string>();

  constructor(private readonly out: NodeJS.WriteStream) {}

  /** Show these lines instead of the ones shown before. */
  show(lines: readonly string[]): void {
    if (this.out.isTTY) {
      const width = this.out.columns || 120;
      // A block taller than the screen could not be rewritten in place.
      const rows = Math.max(2, (this.out.rows || 40) - 1);
      const shown = lines.length > rows ? [...lines.slice(0, rows - 1), `… and ${lines.length - rows + 1} more lines`] : lines;
      const up = this.height > 0 ? `\u001b[${this.height}A` : '';
      this.out.write(up + shown.map((line) => `\u001b[2K${fit(line, width)}\n`).join('') + '\u001b[0J');
      this.height = shown.length;
      return;
    }
    const fresh = lines.filter((line) => !this.printed.has(line));
    this.printed = new Set(lines);
    for (const line of fresh) this.out.write(`${line}\n`);
  }

  /** Print a line that stays, above the block. */
  log(line: string): void {
    if (this.out.isTTY && this.height > 0) {
      this.out.write(`\u001b[${this.height}A\u001b[0J`);
      this.height = 0;
    }
    this.out.write(`${line}\n`);
  }
}

/** A line cut to the screen, so that rewriting in place never counts a wrapped one twice. */
function fit(line: string, width: number): string {
  if (visibleWidth(line) < width) return line;
  let seen = 0;
  let at = 0;
  while (at < line.length && seen < width - 2) {
    if (line[at] === '\u001b') {
      at = line.indexOf('m', at) + 1;
      continue;
    }
    at += 1;
    seen += 1;
  }
  return `${line.slice(0, at)}…\u001b[0m`;
}
