// One service of the shop: answers on its port with what it is and how it is. Stopped by SIGTERM, or when its host is gone.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { service, version, job, port, address, payments, needs } = JSON.parse(
  readFileSync(new URL('./release.json', import.meta.url), 'utf8'),
);

/** Why this service cannot do its work with the configuration of this host. */
const ailment = needs.payments && needs.payments !== payments ? `needs payments ${needs.payments}, this host has ${payments}` : undefined;

const server = createServer((request, response) => {
  const known = request.url === '/' || request.url === '/health';
  const body = known
    ? { service, status: ailment ? 'failing' : 'ok', version, installedBy: job, ...(ailment ? { because: ailment } : {}) }
    : { error: 'not found' };
  response.writeHead(!known ? 404 : ailment ? 503 : 200, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
});
server.on('error', (error) => {
  process.stderr.write(`${service} ${version} cannot listen on ${address}:${port}: ${error.message}\n`);
  process.exit(1);
});
server.listen(port, address);

const stop = () => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
};
process.on('SIGTERM', stop);
// The host holds the other end of this pipe: when the host dies, however it dies, the pipe closes.
process.stdin.on('end', stop).on('error', stop).resume();
