// Writes the JSON Schemas of the documents to schemas/, from the zod schemas that `slipway apply` checks with, and those of the messages between
// agents and the controller to schemas/messages/. Needs a build.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { agentMessageJsonSchemas, documentJsonSchemas } from '../dist/libs/contracts/src/index.js';

const folder = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'schemas');
fs.mkdirSync(path.join(folder, 'messages'), { recursive: true });
const write = (file, schema) => fs.writeFileSync(path.join(folder, file), `${JSON.stringify(schema, null, 2)}\n`);
for (const [file, schema] of Object.entries(documentJsonSchemas())) write(file, schema);
for (const [file, schema] of Object.entries(agentMessageJsonSchemas())) write(path.join('messages', file), schema);
