import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { Infinity, number, word } from './infinity';
import { dashboard, figures, heading, lines, rows, series, text } from './parts';

export function store(): DashboardBuilder {
  return dashboard(
    'store',
    text('账本与视图', 'Ledger and views'),
    text('账本是真相，视图随它而来。', 'The ledger is the truth, the views follow it.'),
    'now-6h',
  )
    .withRow(heading(text('账本', 'The ledger')))
    .withPanel(
      figures(
        { title: text('账本', 'Ledger'), description: text('条目数、区块数，以及视图已显示到的条目。', 'Entries, blocks, and the entries that the views show.'), unit: 'short', width: 12 },
        new Infinity('/v1/status', 'ledger', [number('entries', '条目 entries'), number('blocks', '区块 blocks'), number('shown', '已显示 shown')]),
      ),
    )
    .withPanel(
      rows(
        { title: text('依据', 'What is in force'), description: text('数据已关闭至、政策版本，以及账本的 Merkle 根。', 'Closed until, version of the policy, and the ledger’s Merkle root.'), unit: 'none', width: 12, height: 4 },
        new Infinity('/v1/status', '', [word('closed_until', '关闭至 closed until'), word('policy_version', '政策 policy'), word('ledger.root', 'Merkle root')]),
      ),
    )
    .withRow(heading(text('写入', 'Writing')))
    .withPanel(
      lines(
        { title: text('每秒条目', 'Entries a second'), description: text('本进程追加到账本的条目。', 'Entries that this process appended to the ledger.'), unit: 'cps', min: 0, width: 8 },
        series('sum(rate(risk_store_ledger_entries_total[$__rate_interval]))', '条目 entries'),
      ),
    )
    .withPanel(
      lines(
        { title: text('一次提交的用时', 'Time of a commit'), description: text('从交出区块到落盘（fsync）。', 'From a block handed over to durable (fsync).'), unit: 's', min: 0, width: 8 },
        series('histogram_quantile(0.5, sum by (le) (rate(risk_store_commit_seconds_bucket[5m])))', 'p50'),
        series('spotcheck:commit_seconds:p99', 'p99'),
      ),
    )
    .withPanel(
      lines(
        { title: text('每秒提交', 'Commits a second'), description: text('落盘的区块数；条目除以它即每块的大小。', 'Blocks made durable; entries divided by it are the size of a block.'), unit: 'cps', min: 0, width: 8 },
        series('sum(rate(risk_store_commit_seconds_count[$__rate_interval]))', '区块 blocks'),
      ),
    )
    .withRow(heading(text('视图', 'Views')))
    .withPanel(
      lines(
        { title: text('视图滞后', 'Views behind'), description: text('已落盘而视图还没有显示的条目。追数据时会增大，随后赶上。', 'Durable entries that the views do not show yet. It grows while a backlog is read and goes back afterwards.'), unit: 'short', min: 0, width: 24 },
        series('risk_store_view_lag_entries', '滞后 behind'),
      ),
    );
}
