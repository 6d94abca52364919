import { fileURLToPath } from 'node:url';

/** The project's folder: where dist/, examples/ and package.json are. */
export const PROJECT_ROOT = fileURLToPath(new URL('../../../', import.meta.url));
