// Writes the JSON Schemas of the documents to schemas/, from the zod schemas that `slipway apply` checks with. Needs a build.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { documentJsonSchemas } from '../dist/libs/contracts/src/index.js';

const folder = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'schemas');
fs.mkdirSync(folder, { recursive: true });
for (const [file, schema] of Object.entries(documentJsonSchemas()))
  fs.writeFileSync(path.join(folder, file), `${JSON.stringify(schema, null, 2)}\n`);
