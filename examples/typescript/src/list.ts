// npm run list -- [URL]: prints all open incidents.
import { openIncidents } from './incident.js';

const server = new URL(process.argv[2] ?? 'http://127.0.0.1:8080');
let count = 0;
for await (const { priority, reportedAt, name, building, zone } of openIncidents(server)) {
  console.log([priority.padEnd(7), reportedAt, name ?? '(no name)', zone?.name ?? '-', building.name].join('  '));
  count += 1;
}
console.log(`${count} open incidents`);
