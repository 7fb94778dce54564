// What no compiler sees of the words: that none is empty, unused, or written outside of the catalogues.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const source = new URL('../src/', import.meta.url).pathname;
const catalogues = ['words.ts', 'codes.json'];
const han = /\p{Script=Han}/u;
const faults = [];
let code = '';

for (const name of readdirSync(source, { recursive: true })) {
  if (!/\.tsx?$/.test(name) || name.endsWith('.d.ts') || catalogues.includes(name)) continue;
  const text = readFileSync(join(source, name), 'utf8');
  code += text;
  text.split('\n').forEach((line, at) => {
    if (han.test(line)) faults.push(`${name}:${at + 1}: Chinese outside of the catalogues`);
  });
}

const pair = /^ {2,4}['"]?([\w.:-]+)['"]?: \[(['"])((?:(?!\2)[^\\]|\\.)*)\2, (['"])((?:(?!\4)[^\\]|\\.)*)\4\],?$/;
for (const catalogue of catalogues) {
  const lines = readFileSync(join(source, catalogue), 'utf8').split('\n');
  let known = 0;
  for (const [at, line] of lines.entries()) {
    const found = line.match(pair);
    if (!found) {
      if (/\[.*,.*\],?$/.test(line)) faults.push(`${catalogue}:${at + 1}: not a pair of texts`);
      continue;
    }
    known += 1;
    const [, key, , zh, , en] = found;
    if (!zh.trim() || !en.trim()) faults.push(`${catalogue}:${at + 1}: ${key} is empty in one language`);
    if (han.test(en) && key !== 'language.other') faults.push(`${catalogue}:${at + 1}: Chinese in the English of ${key}`);
    if (catalogue === 'words.ts' && !code.includes(`'${key}'`) && !code.includes(`"${key}"`)) {
      faults.push(`${catalogue}:${at + 1}: nothing shows ${key}`);
    }
    const holes = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((hole) => hole[1]).sort().join();
    if (holes(zh) !== holes(en)) faults.push(`${catalogue}:${at + 1}: the languages of ${key} differ in what is filled in`);
  }
  if (known < 50) faults.push(`${catalogue}: only ${known} pairs were read`);
}

if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}
