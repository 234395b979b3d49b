// A caretaker of the test's own, in a folder of its own: started, killed without warning, started again.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** The program to test: `CARETAKER`, else what `cargo build` made. */
const program = resolve(process.env['CARETAKER'] ?? '../../target/debug/caretaker');

export class Caretaker {
  #server: ChildProcess | undefined;

  private constructor(
    readonly url: URL,
    private readonly folder: string,
  ) {}

  static async start(): Promise<Caretaker> {
    const folder = await mkdtemp(join(tmpdir(), 'caretaker-example-'));
    const caretaker = new Caretaker(new URL(`http://127.0.0.1:${await freePort()}`), folder);
    await caretaker.startAgain();
    return caretaker;
  }

  async startAgain(): Promise<void> {
    const server = this.#run('serve', '--listen', this.url.host);
    this.#server = server;
    for (;;) {
      if (server.exitCode !== null) throw new Error(`caretaker ended with ${server.exitCode}`);
      const ready = await fetch(new URL('readyz', this.url)).then((answer) => answer.ok, () => false);
      if (ready) return;
      await new Promise((wait) => setTimeout(wait, 50));
    }
  }

  /** SIGKILL: no farewell to anybody. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
  }

  /**
   * Lets `events` things happen. Tells whether all of them were taken in: with a killed server some are not, and the
   * platforms would send them again.
   */
  async simulate(events: number, seed: number): Promise<boolean> {
    const told = this.#run('simulate', '--against', this.url.origin, '--events', `${events}`, '--seed', `${seed}`);
    const [code] = (await once(told, 'exit')) as [number | null];
    return code === 0;
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  #run(...args: string[]): ChildProcess {
    return spawn(program, [...args, '--data-dir', this.folder], {
      cwd: this.folder,
      stdio: ['ignore', 'ignore', process.env['VERBOSE'] ? 'inherit' : 'ignore'],
    });
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
