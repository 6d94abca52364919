/*
 * Bodies that no subject of ours takes: what a broken client, a wrong tool or a hand in a hurry may send.
 */

export interface BadBody {
  name: string;
  bytes: Uint8Array;
  /** What a dead letter says of it. */
  code: 'messaging.body.notJson' | 'messaging.body.invalid';
}

const text = (body: string): Uint8Array => new TextEncoder().encode(body);
const notJson = 'messaging.body.notJson';
const wrongShape = 'messaging.body.invalid';

/** Below every limit on the size of a message, far above every real one. */
const LARGE_BYTES = 60_000;

export const BAD_BODIES: readonly BadBody[] = [
  { name: 'garbage bytes', bytes: Uint8Array.from({ length: 256 }, (_, at) => 255 - at), code: notJson },
  { name: 'empty', bytes: text(''), code: notJson },
  { name: 'JSON that is cut off', bytes: text('{"tag":"1.0.0"'), code: notJson },
  { name: 'null', bytes: text('null'), code: wrongShape },
  { name: 'a list', bytes: text('[1,2,3]'), code: wrongShape },
  {
    name: 'an object of the wrong shape',
    bytes: text('{"revision":"seven","epoch":-1,"tag":{},"jobs":"all","pool":[],"limit":"many"}'),
    code: wrongShape,
  },
  { name: '60 kB of text', bytes: text('x'.repeat(LARGE_BYTES)), code: notJson },
  { name: '60 kB of JSON', bytes: text(JSON.stringify({ wrong: 'x'.repeat(LARGE_BYTES) })), code: wrongShape },
];
