import { lstat, readdir, readFile, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ignoring } from './ignore-file.js';

/** Of files before they are packed. A module is text; more is a mistake, such as a directory of state or of providers. */
const FILES_BYTES_MAX = 64 * 1_048_576;
const FILES_MAX = 20_000;
const BLOCK_BYTES = 512;
const NAME_BYTES_MAX = 100;

/** Why a directory can't be uploaded. */
export class NotPackable extends Error {}

interface Entry {
  name: string;
  mode: number;
  type: 'file' | 'link' | 'pax';
  target?: string;
  body: Buffer;
}

/** A directory as tar.gz: the same files give the same bytes, whoever packs them and when. Links may not lead outside. */
export async function packDirectory(directory: string): Promise<Buffer> {
  const root = await realpath(directory).catch((error: NodeJS.ErrnoException) => {
    throw new NotPackable(`the directory ${directory} could not be read on this agent (${error.code ?? error.message})`);
  });
  const entries = await new Packing(root, directory).entries();
  if (entries.length === 0) throw new NotPackable(`the directory ${directory} has no files to upload`);
  const tar = Buffer.concat([...entries.flatMap(blocksOf), Buffer.alloc(2 * BLOCK_BYTES)]);
  return promisify(gzip)(tar);
}

class Packing {
  private bytes = 0;
  private readonly found: Entry[] = [];

  constructor(
    private readonly root: string,
    /** As the config names it. */
    private readonly named: string,
  ) {}

  async entries(): Promise<Entry[]> {
    const file = await readFile(path.join(this.root, '.terraformignore'), 'utf8').catch(() => '');
    try {
      await this.walk('', ignoring(file));
    } catch (error) {
      if (error instanceof NotPackable) throw error;
      throw new NotPackable(`the directory ${this.named} could not be read on this agent: ${(error as Error).message}`);
    }
    return this.found;
  }

  private async walk(below: string, ignores: ReturnType<typeof ignoring>): Promise<void> {
    const names = (await readdir(path.join(this.root, below))).sort();
    for (const name of names) {
      const relative = below === '' ? name : `${below}/${name}`;
      const file = path.join(this.root, relative);
      const stats = await lstat(file);
      if (ignores(relative, stats.isDirectory())) continue;
      if (stats.isDirectory()) await this.walk(relative, ignores);
      else if (stats.isSymbolicLink()) await this.addLink(relative, file);
      else if (stats.isFile()) await this.addFile(relative, file, stats.size, (stats.mode & 0o100) !== 0);
    }
  }

  private async addFile(name: string, file: string, size: number, executable: boolean): Promise<void> {
    this.count(size);
    this.found.push({ name, mode: executable ? 0o755 : 0o644, type: 'file', body: await readFile(file) });
  }

  private async addLink(name: string, file: string): Promise<void> {
    const real = await realpath(file).catch(() => undefined);
    if (real === undefined || !(real === this.root || real.startsWith(this.root + path.sep))) {
      throw new NotPackable(`${path.join(this.named, name)} is a link that leads out of the directory; only what stands in it is uploaded`);
    }
    this.count(0);
    const target = path.relative(path.dirname(file), path.resolve(path.dirname(file), await readlink(file)));
    this.found.push({ name, mode: 0o777, type: 'link', target, body: Buffer.alloc(0) });
  }

  private count(size: number): void {
    this.bytes += size;
    if (this.bytes > FILES_BYTES_MAX) throw new NotPackable(`the directory ${this.named} has more than ${FILES_BYTES_MAX} bytes of files`);
    if (this.found.length >= FILES_MAX) throw new NotPackable(`the directory ${this.named} has more than ${FILES_MAX} files`);
  }
}

const TYPES: Readonly<Record<Entry['type'], string>> = { file: '0', link: '2', pax: 'x' };

/** An entry in ustar; names that do not fit go before it in a header of their own (pax). */
function blocksOf(entry: Entry): Buffer[] {
  const long = Object.entries({ path: entry.name, linkpath: entry.target ?? '' }).filter(
    ([, value]) => Buffer.byteLength(value) > NAME_BYTES_MAX || /[^\x20-\x7e]/.test(value),
  );
  const pax = Buffer.concat(long.map(([key, value]) => paxRecord(key, value)));
  const before = pax.length === 0 ? [] : written({ name: 'pax-header', mode: 0o644, type: 'pax', body: pax });
  return [...before, ...written(entry)];
}

/** `<length> <key>=<value>\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

function written({ name, mode, type, target, body }: Entry): Buffer[] {
  const header = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`;
  header.write(name, 0, NAME_BYTES_MAX, 'utf8');
  header.write(octal(mode, 8), 100, 'latin1');
  // Owner, group and time are nobody's and never: they differ from machine to machine.
  for (const at of [108, 116]) header.write(octal(0, 8), at, 'latin1');
  header.write(octal(body.length, 12), 124, 'latin1');
  header.write(octal(0, 12), 136, 'latin1');
  header.write(' '.repeat(8), 148, 'latin1');
  header.write(TYPES[type], 156, 'latin1');
  header.write(target ?? '', 157, NAME_BYTES_MAX, 'utf8');
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return [header, body, Buffer.alloc((BLOCK_BYTES - (body.length % BLOCK_BYTES)) % BLOCK_BYTES)];
}
