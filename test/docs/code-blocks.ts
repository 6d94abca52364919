import { readFileSync } from 'node:fs';

/** A fenced block of a page: what stands after the three backticks, and what is between them. */
export interface CodeBlock {
  info: string;
  text: string;
}

/** The fenced blocks of a page of docs/, in order. */
export function codeBlocksOf(page: string): CodeBlock[] {
  const text = readFileSync(`docs/${page}`, 'utf8');
  return [...text.matchAll(/^```([^\n]*)\n([^]*?)^```$/gm)].map(([, info = '', body = '']) => ({ info: info.trim(), text: body }));
}

/** The cells of the rows of the table that has this header, code marks taken off. */
export function tableOf(page: string, header: readonly string[]): string[][] {
  const lines = readFileSync(`docs/${page}`, 'utf8').split('\n');
  const cells = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', ''));
  const at = lines.findIndex((line) => line.startsWith('|') && cells(line).join() === header.join());
  const rows: string[][] = [];
  for (let row = at + 2; at >= 0 && lines[row]?.startsWith('|'); row += 1) rows.push(cells(lines[row] as string));
  return rows;
}
