import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The first of these programs that the search path (`PATH`) has, wherever on it. */
export const firstOnPath = <Name extends string>(names: readonly Name[], searchPath: string): Name | undefined =>
  names.find((name) => searchPath.split(delimiter).some((folder) => isExecutable(join(folder, name))));

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
