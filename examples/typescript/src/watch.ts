// npm run watch -- [URL [FILE]]: prints what happens until Ctrl-C. FILE keeps the cursor: the next start goes on from it.
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, follow } from './activity.js';

const server = new URL(process.argv[2] ?? 'http://127.0.0.1:8080');
const file = process.argv[3];
const client = connect(server);
client.on('connected', () => console.error(`connected to ${server.href}`));
client.on('closed', () => console.error('connection closed'));

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
await follow(
  client,
  kept(),
  ({ cursor, activity }) => {
    if (activity) {
      const about = activity.incident?.name ?? activity.task?.reference ?? '';
      console.log([activity.occurredAt, activity.kind, about, activity.building?.name ?? ''].join('  '));
    }
    // After the event was dealt with: a crash in between shows it again rather than never.
    if (file) writeFileSync(file, cursor);
  },
  stop.signal,
);
await client.dispose();

function kept(): string | undefined {
  try {
    return file ? readFileSync(file, 'utf8').trim() || undefined : undefined;
  } catch {
    return undefined; // the first start
  }
}
