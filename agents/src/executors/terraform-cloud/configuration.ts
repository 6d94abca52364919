import { pause } from '../../timers.js';
import { cleanText } from '../../text.js';
import { Refused } from '../executor.js';
import { configurationVersionSchema, dataOf } from './answers.js';
import { refuseUnless, told } from './api.js';
import type { Beginning } from './beginning.js';
import { hideAddress } from './secret-address.js';
import { NotPackable, packDirectory } from './tarball.js';

/** On a slow line a large module takes its time. */
const UPLOAD_TIMEOUT_MS = 600_000;
const UPLOADED_POLL_MS = 2_000;

/**
 * The configuration version that the run is made of; undefined: the workspace's own current one. One that was uploaded and whose run was never
 * created does nothing there.
 */
export async function prepareConfiguration(beginning: Beginning, workspaceId: string): Promise<string | undefined> {
  const { directory, versionId } = beginning.config.configuration ?? {};
  return directory === undefined ? versionId : upload(beginning, workspaceId, directory);
}

async function upload(beginning: Beginning, workspaceId: string, directory: string): Promise<string> {
  const { api, run, wait, config } = beginning;
  const packed = await pack(directory);
  run.progress({ step: 'configuration', message: `uploads ${directory} (${packed.length} bytes)` });
  // Runs are ours to create: one that began by itself would not be known by the job's id.
  const attributes = { 'auto-queue-runs': false, speculative: config.planOnly ?? false };
  const body = { data: { type: 'configuration-versions', attributes } };
  const answer = await api.send('POST', `/workspaces/${workspaceId}/configuration-versions`, body, wait);
  refuseUnless(201, answer, api, 'creating a configuration version', 'the token needs the right to queue plans');
  const version = dataOf(configurationVersionSchema, answer.json);
  const address = version?.attributes['upload-url'];
  if (!version || !address) throw new Refused(`${api.server} created a configuration version and did not say where to upload it`);
  hideAddress(run, address);
  const put = { method: 'PUT', path: address, body: packed, anonymous: true, timeoutMs: UPLOAD_TIMEOUT_MS } as const;
  const stored = await api.storage(address).ask({ ...put, headers: { 'content-type': 'application/octet-stream' } }, wait);
  if (stored.status >= 300) throw new Refused(`uploading ${directory} failed: ${told(stored)}`);
  await awaitUploaded(beginning, version.id, directory);
  return version.id;
}

async function pack(directory: string): Promise<Buffer> {
  try {
    return await packDirectory(directory);
  } catch (error) {
    if (error instanceof NotPackable) throw new Refused(error.message);
    throw error;
  }
}

async function awaitUploaded({ api, run, wait }: Beginning, versionId: string, directory: string): Promise<void> {
  while (!wait.signal.aborted) {
    const answer = await api.get(`/configuration-versions/${versionId}`, wait);
    refuseUnless(200, answer, api, `reading configuration version ${versionId}`, 'the token needs the right to read runs');
    const { status = '', 'error-message': error } = dataOf(configurationVersionSchema, answer.json)?.attributes ?? {};
    if (status === 'uploaded') return;
    if (status === 'errored' || status === 'archived') {
      throw new Refused(
        `the server did not take what was uploaded of ${directory} (${status})${error ? `: ${cleanText(error, 400)}` : ''}`,
      );
    }
    run.progress({ message: `waits: the server unpacks the configuration (${cleanText(status, 40)})` });
    await pause(run.timers, UPLOADED_POLL_MS, wait.signal);
  }
}
