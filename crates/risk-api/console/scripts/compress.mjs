// Compresses what the server sends compressed, once, as small as it gets.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = new URL('../dist/', import.meta.url).pathname;
const least = 1024;

for (const name of readdirSync(dist, { recursive: true })) {
  const path = join(dist, name);
  if (!statSync(path).isFile() || !/\.(js|css|html|svg)$/.test(name)) continue;
  const whole = readFileSync(path);
  if (whole.length < least) continue;
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: whole.length };
  writeFileSync(`${path}.br`, brotliCompressSync(whole, { params }));
  writeFileSync(`${path}.gz`, gzipSync(whole, { level: 9 }));
}
