import { readFileSync, readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { SlipwayError } from '@slipway/core';

/** `diff` or `simulate` found something; distinct from every error's exit code. */
export const DIFFERENT_EXIT_CODE = 10;

/** The documents in these files and folders, as requests carry them; `-` reads standard input. */
export function readDocuments(paths: readonly string[]): { file: string; text: string }[] {
  if (paths.length === 0) {
    throw new SlipwayError({
      code: 'cli.file.missing',
      kind: 'invalid',
      message: 'name the files or folders to apply: slipway apply -f mesh.yaml',
    });
  }
  const files = paths.flatMap((path) => (path === '-' ? ['-'] : yamlFiles(path)));
  return files.map((file) => ({ file: file === '-' ? 'stdin' : file, text: readFileSync(file === '-' ? 0 : file, 'utf8') }));
}

function yamlFiles(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
  } catch (error) {
    throw new SlipwayError(
      { code: 'cli.file.missing', kind: 'missing', message: `cannot read ${path}: no such file or folder` },
      { cause: error },
    );
  }
  return readdirSync(path)
    .filter((name) => ['.yaml', '.yml'].includes(extname(name)))
    .sort()
    .map((name) => join(path, name));
}
