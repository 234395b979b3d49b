// Asks a running caretaker every question of docs/cookbook.md and compares the answers with those on the page.
//   node cookbook.mjs URL --simulate COMMAND [--write]
// COMMAND plays the platforms against URL; it gets the options that the page gives `simulate`. The server must be empty.
// What differs from run to run is compared by what it stands for: a time by its distance from the others, an id, cursor
// or number by standing for the same thing on the whole page. --write puts this run's answers on the page.
import assert from 'node:assert/strict';
import { execSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual, parseArgs } from 'node:util';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { simulate: { type: 'string' }, write: { type: 'boolean', default: false } },
});
const server = new URL(positionals[0] ?? 'http://127.0.0.1:8080');
const page = new URL('../../docs/cookbook.md', import.meta.url);

/** Drawn anew in each run. `from` and `to` of a change go by the field that changed. */
const NAMES = /^(code|cursor|endCursor|externalIdentifier|id|identifier|reference|startCursor|.*Id)$/;
/** When something arrived, not when it happened: any time will do. */
const ARRIVALS = new Set(['lastReceivedAt', 'quarantinedAt', 'receivedAt', 'recordedAt']);
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;
/** Matrix tells whole seconds, so two runs round differently. */
const SLACK = 2_000;

const there = new Map(); // a name on the page → the same thing's name in this run
const back = new Map();
let shift; // from the page's times to those of this run, in milliseconds

const text = readFileSync(page, 'utf8');
if (options.simulate) {
  const [, how] = /^cargo run -- simulate (.*)$/m.exec(text) ?? assert.fail('the page does not say how to simulate');
  execSync(`${options.simulate} ${how.replace(/--data-dir \S+/, '')}`, { stdio: ['ignore', 'inherit', 'inherit'] });
}

let asked = 0;
const failures = [];
const sections = [];
for (const section of text.split(/^(?=## )/m)) sections.push(await check(section));
assert.ok(asked >= 10, `the page asks only ${asked} questions`);
if (options.write) writeFileSync(page, sections.join(''));
for (const failure of failures) console.error(failure);
console.log(`cookbook: ${asked - failures.length} of ${asked} questions answered as the page says`);
process.exitCode = failures.length > 0 && !options.write ? 1 : 0;

/** Asks the question of a section; gives the section with this run's answer. */
async function check(section) {
  const title = section.slice(0, section.indexOf('\n'));
  const query = block(section, 'graphql');
  if (query === undefined) return section;
  asked += 1;
  const variables = here(JSON.parse(block(section, 'json', 'Variables') ?? '{}'));
  const response = await fetch(new URL('graphql', server), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(30_000),
  });
  const { data, errors } = await response.json();
  if (errors) {
    failures.push(`${title}: ${JSON.stringify(errors)}`);
    return section;
  }
  const told = block(section, 'json', 'Answer');
  try {
    compare(JSON.parse(told ?? 'null'), data, 'data');
  } catch (error) {
    failures.push(`${title}\n  ${error.message}`);
  }
  const written = replaced(section, 'Variables', pretty(variables));
  return replaced(written, 'Answer', pretty(data));
}

function block(section, language, label) {
  const head = label ? `^${label}:\n\n` : '^';
  return new RegExp(`${head}\`\`\`${language}\n(.*?)^\`\`\`$`, 'ms').exec(section)?.[1];
}

function replaced(section, label, json) {
  return section.replace(new RegExp(`^(${label}:\n\n\`\`\`json\n).*?(^\`\`\`$)`, 'ms'), (_, head, tail) => `${head}${json}\n${tail}`);
}

/** A value of the page in terms of this run. */
function here(value) {
  if (Array.isArray(value)) return value.map(here);
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, here(member)]));
  }
  if (typeof value !== 'string') return value;
  if (TIME.test(value)) return new Date(Date.parse(value) + (shift ?? 0)).toISOString();
  return there.get(value) ?? value;
}

function compare(expected, actual, path, key = '') {
  if (Array.isArray(expected) && Array.isArray(actual)) {
    for (const [at, element] of expected.entries()) compare(element, actual[at], `${path}[${at}]`, key);
    assert.equal(actual.length, expected.length, `${path}: ${actual.length} elements instead of ${expected.length}`);
  } else if (isObject(expected) && isObject(actual)) {
    for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      const of = 'field' in expected && (name === 'from' || name === 'to') ? expected.field : name;
      compare(expected[name], actual[name], `${path}.${name}`, of.split('.').at(-1));
    }
  } else if (isTime(expected) && isTime(actual)) {
    const apart = Date.parse(actual) - Date.parse(expected);
    if (ARRIVALS.has(key)) return;
    shift ??= apart;
    const message = `${path}: ${actual} instead of ${new Date(Date.parse(expected) + shift).toISOString()}`;
    assert.ok(Math.abs(apart - shift) <= SLACK, message);
  } else if (NAMES.test(key) && typeof expected === 'string' && typeof actual === 'string') {
    if (!there.has(expected) && !back.has(actual)) {
      there.set(expected, actual);
      back.set(actual, expected);
    }
    assert.equal(actual, there.get(expected), `${path}: not the thing that ${expected} named before`);
  } else {
    const message = `${path}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`;
    assert.ok(isDeepStrictEqual(actual, expected), message);
  }
}

function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function isTime(value) {
  return typeof value === 'string' && TIME.test(value);
}

/** JSON for reading: whatever fits stands on one line. */
function pretty(value, indent = '') {
  const flat = JSON.stringify(value).length > 120 ? undefined : line(value);
  if (flat !== undefined && indent.length + flat.length <= 110) return flat;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const deeper = `${indent}  `;
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const members = Array.isArray(value)
    ? value.map((element) => pretty(element, deeper))
    : Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}: ${pretty(member, deeper)}`);
  return `${open}\n${members.map((member) => deeper + member).join(',\n')}\n${indent}${close}`;
}

function line(value) {
  if (Array.isArray(value)) return `[${value.map(line).join(', ')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}: ${line(member)}`);
  return members.length > 0 ? `{ ${members.join(', ')} }` : '{}';
}
