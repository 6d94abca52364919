import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A store of one state as the backend `http` wants it: GET, POST, LOCK, UNLOCK. */
export async function startStateServer(port = 0): Promise<{ address: string; port: number; close: () => Promise<void> }> {
  let state = '';
  let lock = '';
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (text: Buffer) => (body += text.toString()));
    request.on('end', () => {
      const answer = (status: number, text = ''): void => void response.writeHead(status).end(text);
      if (request.method === 'GET') return state === '' ? answer(204) : answer(200, state);
      if (request.method === 'LOCK') {
        if (lock !== '') return answer(423, lock);
        lock = body;
      }
      if (request.method === 'UNLOCK') lock = '';
      if (request.method === 'POST') state = body;
      return answer(200);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const at = (server.address() as AddressInfo).port;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { address: `http://127.0.0.1:${at}/state`, port: at, close };
}
