// The official audits of GraphQL over HTTP against a running caretaker: what the specification demands (MUST) and
// recommends (SHOULD) has to hold, but for the departures named here.
//   node audits.mjs http://127.0.0.1:8080
import { serverAudits } from 'graphql-http';

// Since the watershed of 1 January 2025 the specification has a server answer so where Accept leaves the choice to it.
const PROPER = 'answered as application/graphql-response+json, which names the status codes properly';
const DEPARTURES = new Map([
  ['47DE', PROPER],
  ['80D8', PROPER],
]);

const server = new URL(process.argv[2] ?? 'http://127.0.0.1:8080');
const counts = { ok: 0, notice: 0, warn: 0, error: 0 };
let failed = false;
for (const audit of serverAudits({ url: new URL('graphql', server).href })) {
  const result = await audit.fn();
  counts[result.status] += 1;
  if (result.status === 'ok') continue;
  const meant = DEPARTURES.get(audit.id);
  console.log(`${result.status} ${audit.id} ${result.name}: ${meant ? `on purpose: ${meant}` : result.reason}`);
  failed ||= result.status !== 'notice' && !meant;
}
console.log(`audits of GraphQL over HTTP: ${Object.entries(counts).map(([status, count]) => `${count} ${status}`).join(', ')}`);
process.exitCode = failed ? 1 : 0;
