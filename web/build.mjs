// Bundles the page and its workers into one folder: content-hashed files, each of some size with a
// gzip beside it, an index.html that names them and the licences of what went in. Nothing it writes
// asks another host.
//   node build.mjs [--outdir DIR]      (default: dist)
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const { values } = parseArgs({ options: { outdir: { type: 'string', default: join(here, 'dist') } } });
const outdir = resolve(values.outdir);

// GraphiQL's style sheet already holds monaco's, and carries its fonts as data URLs: as files they
// are a quarter smaller, are fetched only when used, and the page needs no `font-src data:`.
const styles = {
  name: 'styles',
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      if (path.includes('monaco-editor')) return { contents: '', loader: 'empty' };
      const css = await readFile(path, 'utf8');
      const fonts = [];
      const contents = css.replace(/url\(data:font\/(\w+);base64,([^)]+)\)/g, (_, type, base64) => {
        const bytes = Buffer.from(base64, 'base64');
        const name = `font-${digest(bytes)}.${type}`;
        fonts.push(writeFile(join(outdir, name), bytes));
        return `url(${name})`;
      });
      await Promise.all(fonts);
      return { contents, loader: 'css' };
    });
  },
};

await rm(outdir, { recursive: true, force: true });
await mkdir(outdir, { recursive: true });

const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: {
    main: 'src/main.jsx',
    style: 'src/page.css',
    icon: 'src/icon.svg',
    'editor.worker': 'monaco-editor/esm/vs/editor/editor.worker.js',
    'json.worker': 'monaco-editor/esm/vs/language/json/json.worker.js',
    'graphql.worker': 'monaco-graphql/esm/graphql.worker.js',
  },
  outdir,
  entryNames: '[name]-[hash]',
  chunkNames: 'chunk-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"' },
  external: ['font-*'],
  loader: { '.svg': 'copy', '.ttf': 'empty' },
  plugins: [styles],
});

const written = Object.entries(metafile.outputs);
const page = await readFile(join(here, 'index.html'), 'utf8');
const linked = page.replace(/\{\{(.+?)\}\}/g, (_, name) => {
  const match = written.find(([path, { entryPoint }]) => {
    const file = basename(path);
    return entryPoint && file.startsWith(`${name}-`) && /\.(js|css|svg)$/.test(file);
  });
  if (!match) throw new Error(`index.html names "${name}", which the build did not produce`);
  return `graphiql/${basename(match[0])}`;
});
await writeFile(join(outdir, 'index.html'), linked);

await writeFile(join(outdir, 'licenses.txt'), await licenses());

for (const name of await readdir(outdir)) {
  const bytes = await readFile(join(outdir, name));
  // Web fonts are compressed already, and below a packet or two gzip saves nothing.
  if (/\.woff2?$/.test(name) || bytes.length < 2048) continue;
  await writeFile(join(outdir, `${name}.gz`), gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }));
}

/** The licences of what was bundled: they ask to be passed on with it. */
async function licenses() {
  const packages = Object.keys(metafile.inputs).map((path) => path.match(/.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]);
  const texts = [...new Set(packages)].filter(Boolean).sort().map(async (path) => {
    const folder = join(here, path);
    const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? await readFile(join(folder, file), 'utf8') : '';
    return `${name} ${version}: ${license}\n\n${text.trim()}\n`;
  });
  return (await Promise.all(texts)).join('\n\n');
}

function digest(bytes) {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 12).toUpperCase();
}
