// Writes every dashboard into the folder that is named: `node main.js FOLDER`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { cases } from './cases';
import { pipeline } from './pipeline';
import { planning } from './planning';
import { rates } from './rates';
import { risk } from './risk';
import { store } from './store';

const folder = process.argv[2];
if (!folder) throw new Error('name the folder to write into');
mkdirSync(folder, { recursive: true });
for (const [name, make] of Object.entries({ risk, rates, planning, cases, pipeline, store })) {
  const made = make().build();
  // Places come from the builder, numbers do not; Grafana's links to a panel are by its number.
  made.panels?.forEach((panel, at) => {
    panel.id = at + 1;
  });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(made, null, 2)}\n`);
}
