// Opens a running caretaker's GraphiQL in a headless Chromium that can reach nothing else, and
// uses it: docs, every example query, the live tab. Exits 1 and says why when something is wrong.
//   node graphiql.mjs http://127.0.0.1:8080 [--screenshot FILE] [--live-screenshot FILE] [--dark]
//   [--variables 'Activities={"after":"…"}']…
// CARETAKER_EMIT is a shell command that makes something happen, for the live tab to show.
// CHROMIUM is the browser (default /usr/bin/chromium).
import assert from 'node:assert/strict';
import { exec } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { chromium } from 'playwright-core';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    screenshot: { type: 'string' },
    'live-screenshot': { type: 'string' },
    variables: { type: 'string', multiple: true, default: [] },
    dark: { type: 'boolean', default: false },
  },
});
const base = new URL(positionals[0] ?? 'http://127.0.0.1:8080');
const given = new Map(options.variables.map((text) => text.split(/=(.*)/s).slice(0, 2)));
const emit = process.env.CARETAKER_EMIT;
const patience = 30_000;

const profile = await mkdtemp(join(tmpdir(), 'caretaker-browser-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  viewport: { width: 1500, height: 900 },
  colorScheme: options.dark ? 'dark' : 'light',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    // Whatever slips past the interception below still finds no other host.
    `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${base.hostname}`,
  ],
});

const asked = [];
const strayed = [];
const complaints = [];
const frames = [];
try {
  await browser.route('**/*', (route) => {
    const url = new URL(route.request().url());
    if (url.protocol !== 'data:') asked.push(url);
    if (url.protocol === 'data:' || url.host === base.host) return route.continue();
    strayed.push(url.href);
    return route.abort();
  });
  const page = browser.pages()[0] ?? (await browser.newPage());
  page.setDefaultTimeout(patience);
  page.on('pageerror', (error) => complaints.push(`script error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'data:' && url.host !== base.host) strayed.push(url.href);
  });
  page.on('websocket', (socket) => {
    const host = new URL(socket.url()).host;
    if (host !== base.host) strayed.push(socket.url());
    socket.on('framereceived', ({ payload }) => frames.push(JSON.parse(payload)));
  });

  const answer = await page.goto(new URL('graphiql', base).href);
  assert.equal(answer.status(), 200, `/graphiql answers ${answer.status()}: ${await answer.text()}`);
  await opens(page);
  const titles = await page.locator('.graphiql-tab-button').allTextContents();
  say(`tabs: ${titles.join(', ')}`);
  for (const title of titles) {
    await uses(page, title).catch((error) => complaints.push(`${title}: ${error.message}`));
  }

  await page.locator('.graphiql-tab-button', { hasText: titles[0] }).first().click();
  await runs(page);
  await shoots(page, options.screenshot);
  assert(!strayed.length && !complaints.length, 'see below');
  say(`${asked.length} requests, all to ${base.host}; the browser complained of nothing`);
} catch (error) {
  console.error(`failed: ${error.message}`);
  for (const line of [...[...new Set(strayed)].map((url) => `left the origin: ${url}`), ...complaints]) console.error(`  ${line}`);
  process.exitCode = 1;
} finally {
  await browser.close();
  await rm(profile, { recursive: true, force: true });
}

/** The editor stands, its workers run, and the docs show the schema. */
async function opens(page) {
  assert.equal(await page.title(), 'caretaker – GraphiQL');
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();
  const docs = page.locator('.graphiql-doc-explorer');
  await docs.getByText('Query', { exact: true }).click();
  const fields = docs.locator('.graphiql-doc-explorer-item');
  await fields.first().waitFor();
  say(`docs: Query has ${await fields.count()} fields`);
  await page.waitForFunction(() => globalThis.__MONACO?.editor.getModels().length >= 3);
  const running = () => page.workers().map((worker) => worker.url().replace(/.*\//, ''));
  const wanted = ['graphql.worker', 'json.worker', 'editor.worker'];
  await until(() => wanted.every((name) => running().some((file) => file.startsWith(name))), 'workers');
  say(`workers: ${running().join(', ')}`);
}

async function uses(page, title) {
  await page.locator('.graphiql-tab-button', { hasText: title }).first().click();
  await page.waitForFunction(
    ([title]) => new RegExp(`\\b(query|subscription)\\s+${title}\\b`).test(globalThis.__MONACO.editor.getModels()
      .find((model) => model.uri.path.endsWith('operation.graphql')).getValue()),
    [title],
  );
  if (given.has(title)) await write(page, 'variables.json', given.get(title));
  if (/^subscription\b/m.test(await read(page, 'operation.graphql'))) return follows(page, title);
  const response = await runs(page);
  say(`${title}: ${JSON.stringify(response.data).slice(0, 300)}`);
}

async function runs(page) {
  await page.locator('.graphiql-execute-button').click();
  const response = await answered(page);
  assert(response.data && !response.errors, `the answer is ${JSON.stringify(response)}`);
  return response;
}

/** Starts a subscription, makes something happen, and waits for it to appear in the pane. */
async function follows(page, title) {
  if (!emit) return say(`${title}: NOT RUN, CARETAKER_EMIT gives no command that makes something happen`);
  await page.locator('.graphiql-execute-button').click();
  await until(() => frames.some(({ type }) => type === 'connection_ack'), 'connection_ack');
  // Nothing on the wire says that the server has begun to listen, hence more than one event.
  const beat = setInterval(() => happen(), 3_000);
  try {
    await happen();
    const response = await answered(page);
    assert(response.data && !response.errors, `the frame is ${JSON.stringify(response)}`);
    assert(frames.some(({ type }) => type === 'next'), 'a frame came over the socket');
    say(`${title}: ${JSON.stringify(response.data)}`);
    await shoots(page, options['live-screenshot']);
  } finally {
    clearInterval(beat);
  }
  await page.locator('.graphiql-execute-button').click();
}

async function happen() {
  await promisify(exec)(emit).catch((error) => complaints.push(`CARETAKER_EMIT: ${error.message}`));
}

async function answered(page) {
  await page.waitForFunction(() => globalThis.__MONACO.editor.getModels()
    .find((model) => model.uri.path.endsWith('response.json'))?.getValue().trim().endsWith('}'));
  await page.locator('.graphiql-response .view-line', { hasText: /data|errors/ }).first().waitFor();
  return JSON.parse(await read(page, 'response.json'));
}

function read(page, name) {
  return page.evaluate((name) => globalThis.__MONACO.editor.getModels()
    .find((model) => model.uri.path.endsWith(name))?.getValue() ?? '', name);
}

function write(page, name, text) {
  return page.evaluate(([name, text]) => globalThis.__MONACO.editor.getModels()
    .find((model) => model.uri.path.endsWith(name)).setValue(text), [name, text]);
}

async function until(holds, what) {
  const end = Date.now() + patience;
  while (!holds()) {
    assert(Date.now() < end, `${what} did not come`);
    await new Promise((resume) => setTimeout(resume, 50));
  }
}

async function shoots(page, path) {
  if (!path) return;
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path });
  say(`screenshot: ${path}`);
}

function say(line) {
  console.log(line);
}
