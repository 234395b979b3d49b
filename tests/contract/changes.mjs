// What changed in schema.graphql since the last release (released.graphql). A change that may break a front end must be
// named under "Removed" or "Changed" in the changelog's Unreleased part; what was added to a known type, anywhere in it.
// With a release, released.graphql becomes a copy of schema.graphql.
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';
import { readFileSync } from 'node:fs';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const [released, present] = ['released.graphql', '../../schema.graphql'].map((path) => buildSchema(read(path)));
const unreleased = /^## Unreleased$(.*?)(?=^## |$(?![^]))/ms.exec(read('../../CHANGELOG.md'))?.[1];
if (unreleased === undefined) throw new Error('CHANGELOG.md has no "## Unreleased"');

/** The words in code spans of the given text. */
const named = (text) => new Set([...text.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => code.split(/\W+/)));
const anywhere = named(unreleased);
const parted = unreleased.split(/^(?=### )/m).filter((part) => /^### (Removed|Changed)/.test(part));
const asBreaking = named(parted.join('\n'));

const ADDITIONS = ['ENUM_VALUE_ADDED', 'FIELD_ADDED', 'FIELD_ARGUMENT_ADDED', 'INPUT_FIELD_ADDED'];
const changes = await diff(released, present);
const counts = { breaking: 0, dangerous: 0, other: 0 };
const missing = new Map();
for (const { criticality, message, path = '', type } of changes) {
  const [owner, ...below] = path.split('.');
  const name = (below.at(-1) ?? owner).replace(/^@/, '');
  if (criticality.level === CriticalityLevel.Breaking) {
    counts.breaking += 1;
    console.log(`breaking: ${message}`);
    if (!asBreaking.has(name)) missing.set(name, `breaking, not named under Removed or Changed: ${message}`);
  } else {
    counts[criticality.level === CriticalityLevel.Dangerous ? 'dangerous' : 'other'] += 1;
    const isNew = ADDITIONS.includes(type) && released.getType(owner);
    // For an argument its field's name will do.
    const isNamed = anywhere.has(name) || (type === 'FIELD_ARGUMENT_ADDED' && anywhere.has(below[0]));
    if (isNew && !isNamed) missing.set(name, `not in the changelog: ${message}`);
  }
}
console.log(`since the last release: ${counts.breaking} breaking, ${counts.dangerous} dangerous and ${counts.other} other changes`);
if (missing.size > 0) {
  for (const complaint of missing.values()) console.error(complaint);
  console.error(`CHANGELOG.md, "## Unreleased", has to name: ${[...missing.keys()].map((name) => `\`${name}\``).join(', ')}`);
  process.exit(1);
}
