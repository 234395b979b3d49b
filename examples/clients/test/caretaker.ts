// A caretaker of the test's own, in a folder of its own, which only those with a token may read.
import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** The program to test: `CARETAKER`, else what `cargo build` made. */
const program = resolve(process.env['CARETAKER'] ?? '../../target/debug/caretaker');

export class Caretaker {
  #server: ChildProcess | undefined;
  #token = '';

  private constructor(
    readonly url: URL,
    private readonly folder: string,
  ) {}

  static async start(): Promise<Caretaker> {
    const folder = await mkdtemp(join(tmpdir(), 'caretaker-clients-'));
    await writeFile(join(folder, 'caretaker.toml'), '[readers]\nown_key = true\n');
    const caretaker = new Caretaker(await freeAddress(), folder);
    await caretaker.startAgain();
    const { stdout } = await promisify(execFile)(program, ['token', '--all', '--data-dir', folder], { cwd: folder });
    caretaker.#token = stdout.trim();
    return caretaker;
  }

  /** A token that is good. */
  get token(): string {
    return this.#token;
  }

  async startAgain(at = this.url): Promise<void> {
    const server = this.#run('serve', '--listen', at.host);
    this.#server = server;
    const end = Date.now() + 60_000;
    for (;;) {
      if (server.exitCode !== null) throw new Error(`caretaker ended with ${server.exitCode}`);
      const ready = await fetch(new URL('readyz', at)).then((answer) => answer.ok, () => false);
      if (ready) return;
      if (Date.now() > end) throw new Error('waited in vain for caretaker');
      await new Promise((wait) => setTimeout(wait, 20));
    }
  }

  /** SIGTERM, as at an update: it says goodbye to whoever is connected. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    server.kill('SIGTERM');
    await once(server, 'exit', { signal: AbortSignal.timeout(60_000) });
    assert.equal(server.exitCode, 0, 'it did not stop in order');
  }

  /** Lets things happen where nobody listens: another address, the same database. Its server has to stand still. */
  async simulateElsewhere(events: number, seed: number): Promise<void> {
    const elsewhere = await freeAddress();
    await this.startAgain(elsewhere);
    await this.simulate(events, seed, elsewhere);
    await this.stop();
  }

  async simulate(events: number, seed: number, at = this.url): Promise<void> {
    // The server does not find the names and links of the places: what is one building stays one.
    const places = join(this.folder, 'places.of-nobody');
    const history = ['--events', `${events}`, '--seed', `${seed}`, '--places', places];
    const told = this.#run('simulate', '--against', at.origin, ...history);
    const [code] = (await once(told, 'exit', { signal: AbortSignal.timeout(60_000) })) as [number | null];
    assert.equal(code, 0, 'the simulation failed');
  }

  /** Asks without any of the clients. */
  async ask<Data>(query: string, variables: object = {}): Promise<Data> {
    const response = await fetch(new URL('graphql', this.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.#token}` },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(30_000),
    });
    const { data, errors } = (await response.json()) as { data?: Data; errors?: unknown };
    if (!data || errors) throw new Error(JSON.stringify(errors));
    return data;
  }

  async remove(): Promise<void> {
    this.#server?.kill('SIGKILL');
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #run(...args: string[]): ChildProcess {
    return spawn(program, [...args, '--data-dir', this.folder], {
      cwd: this.folder,
      stdio: ['ignore', 'ignore', process.env['VERBOSE'] ? 'inherit' : 'ignore'],
    });
  }
}

/** Below the ports that systems give to callers, so that it stays free while the server stands still. */
async function freeAddress(): Promise<URL> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer();
    const free = await new Promise<boolean>((tell) => {
      probe.once('error', () => tell(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => tell(true)));
    });
    if (free) return new URL(`http://127.0.0.1:${port}`);
  }
}
