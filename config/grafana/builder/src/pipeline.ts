import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

import { bars, dashboard, figures, heading, lines, now, series, text } from './parts';

const quantiles = (histogram: string) =>
  ['0.5', '0.99'].map((quantile) => series(`histogram_quantile(${quantile}, sum by (le) (rate(${histogram}_bucket[$__rate_interval])))`, `p${Number(quantile) * 100}`));

export function pipeline(): DashboardBuilder {
  return dashboard(
    'pipeline',
    text('数据流水线', 'Pipeline'),
    text('记录进来没有、多快、拒了多少，结论发出去没有，接口好不好。', 'Whether records come in, how fast, how many are rejected; whether conclusions go out; how the API does.'),
    'now-6h',
  )
    .withRow(heading(text('概览', 'At a glance')))
    .withPanel(figures({ title: text('在线', 'Up'), description: text('Prometheus 抓得到指标为 1。', '1 while Prometheus reaches the metrics.'), unit: 'none', width: 3 }, now('up{job="spotcheck"}')))
    .withPanel(
      figures(
        { title: text('每秒记录', 'Records a second'), description: text('读入的全部记录，无论结果如何。', 'All records read, whatever became of them.'), unit: 'cps', decimals: 1, width: 5 },
        now('sum(spotcheck:records:rate5m)'),
      ),
    )
    .withPanel(
      figures(
        { title: text('拒收比例', 'Rejected share'), description: text('最近五分钟的死信比例。', 'Dead letters among the records of the last five minutes.'), unit: 'percentunit', decimals: 2, width: 5 },
        now('spotcheck:dead_letter_ratio:rate5m'),
      ),
    )
    .withPanel(
      figures(
        { title: text('已关闭至', 'Closed until'), description: text('数据时间：此前的证据都已判过。', 'Time of the data: everything before it has been judged.'), unit: 'dateTimeAsIso', width: 6 },
        now('min(risk_pipeline_watermark_seconds) * 1000'),
      ),
    )
    .withPanel(
      figures(
        { title: text('停止 / 暂停的分区', 'Partitions stopped, paused'), description: text('停止：拒收过多；暂停：比最慢的超前太多。', 'Stopped by too many rejections; paused because they are too far ahead of the slowest.'), unit: 'short', width: 5 },
        now('sum(risk_pipeline_stopped_partitions)', '停止 stopped'),
        now('sum(risk_pipeline_paused_partitions)', '暂停 paused'),
      ),
    )
    .withRow(heading(text('接入', 'Intake')))
    .withPanel(
      lines(
        { title: text('记录（按结果）', 'Records by disposition'), description: text('采用、重复、拒收：每条恰为其一。', 'Applied, duplicate, rejected: every record is exactly one of them.'), unit: 'cps', min: 0, width: 8 },
        series('spotcheck:records:rate5m', '{{disposition}}'),
      ),
    )
    .withPanel(
      lines(
        { title: text('死信（按原因）', 'Dead letters by reason'), description: text('原因的封闭清单见 docs/wire.md。', 'The closed list of reasons stands in docs/wire.md.'), unit: 'cps', min: 0, width: 8 },
        series('sum by (reason) (rate(risk_pipeline_dead_letters_total[$__rate_interval]))', '{{reason}}'),
      ),
    )
    .withPanel(lines({ title: text('一批的用时', 'Time of a batch'), description: text('从拿到一批到交出其区块。', 'From a batch in hand to its block handed over.'), unit: 's', min: 0, width: 8 }, ...quantiles('risk_pipeline_batch_seconds')))
    .withPanel(
      lines(
        { title: text('数据滞后', 'How far behind the data is'), description: text('现在与已关闭时间之差；周末和节假日没有数据也会增大。', 'Now less the end of the last closed epoch; it also grows on days without data.'), unit: 's', min: 0, width: 8 },
        series('spotcheck:watermark_age_seconds', '滞后 behind'),
      ),
    )
    .withPanel(
      bars(
        { title: text('每小时关闭的周期', 'Epochs closed an hour'), description: text('每次关闭判一次截至该周期的所有主体。', 'Each close judges every subject from the epochs up to its own.'), unit: 'short', min: 0, width: 8 },
        series('sum(increase(risk_engine_closes_total[1h]))', '关闭 closed'),
      ),
    )
    .withPanel(
      lines(
        { title: text('主体', 'Subjects'), description: text('引擎掌握证据的主体数，按种类。', 'Everything that the engine has ever seen, by kind.'), unit: 'short', min: 0, width: 8 },
        series('risk_engine_subjects', '{{kind}}'),
      ),
    )
    .withRow(heading(text('发布', 'Publishing')))
    .withPanel(
      lines(
        { title: text('发出的事件', 'Events sent'), description: text('发往 Kafka 的等级、预警、案件和死信。', 'Grades, alerts, cases and dead letters sent to Kafka.'), unit: 'cps', min: 0, width: 8 },
        series('sum by (outlet) (rate(risk_pipeline_published_total[$__rate_interval]))', '{{outlet}}'),
      ),
    )
    .withPanel(
      lines(
        { title: text('待发', 'Not yet looked at'), description: text('发布者还没有看的账本条目；没有 Kafka 时为 0。', 'Ledger entries that the publisher has not looked at; 0 without Kafka.'), unit: 'short', min: 0, width: 8 },
        series('risk_pipeline_outbox_lag_entries', '待发 waiting'),
      ),
    )
    .withPanel(
      bars(
        { title: text('重发', 'Sent again'), description: text('没发成、再发的批次：持续出现说明代理有问题。', 'Batches that were not sent and are sent again: if it goes on, the broker is at fault.'), unit: 'short', min: 0, width: 8 },
        series('sum(increase(risk_pipeline_publish_retries_total[1h]))', '重发 retries'),
      ),
    )
    .withPanel(
      lines(
        { title: text('推送（webhook）', 'Webhooks'), description: text('向外部端点推送的次数，按端点和结果；没有配置端点时为空。', 'Attempts to tell endpoints of others, by endpoint and outcome; empty where none is configured.'), unit: 'cps', min: 0, width: 8 },
        series('sum by (endpoint, outcome) (rate(risk_pipeline_deliveries_total[$__rate_interval]))', '{{endpoint}} {{outcome}}'),
      ),
    )
    .withPanel(
      lines(
        { title: text('待推送', 'Webhooks behind'), description: text('端点还没有被告知的账本条目。', 'Ledger entries that an endpoint was not told of yet.'), unit: 'short', min: 0, width: 8 },
        series('risk_pipeline_webhook_lag_entries', '{{endpoint}}'),
      ),
    )
    .withPanel(
      lines(
        { title: text('停止推送的端点', 'Parked endpoints'), description: text('1：失败太多，在有人解除之前不再推送。', '1 while nothing is sent, because too many attempts failed and nobody said to go on.'), unit: 'none', min: 0, max: 1, width: 8 },
        series('risk_pipeline_webhook_parked', '{{endpoint}}'),
      ),
    )
    .withRow(heading(text('接口', 'HTTP')))
    .withPanel(
      lines(
        { title: text('请求（按路由）', 'Requests by route'), description: text('路由是模板，不含任何编号。', 'A route is a template and holds no id.'), unit: 'reqps', min: 0, width: 8 },
        series('sum by (route) (rate(risk_api_requests_total[$__rate_interval]))', '{{route}}'),
      ),
    )
    .withPanel(
      lines(
        { title: text('请求（按状态）', 'Requests by status'), description: text('5xx 是本程序的错；429 是问得太勤。', '5xx are this program’s fault; 429 is asking too often.'), unit: 'reqps', min: 0, width: 8 },
        series('sum by (status) (rate(risk_api_requests_total[$__rate_interval]))', '{{status}}'),
      ),
    )
    .withPanel(lines({ title: text('请求的用时', 'Time of a request'), description: text('所有路由。', 'All routes.'), unit: 's', min: 0, width: 8 }, ...quantiles('risk_api_request_seconds')))
    .withPanel(
      lines(
        { title: text('最慢的路由', 'Slowest routes'), description: text('百分之一的请求慢于此。', 'One request in a hundred is slower.'), unit: 's', min: 0, width: 8 },
        series('topk(5, spotcheck:route_seconds:p99)', '{{route}}'),
      ),
    )
    .withPanel(
      bars(
        { title: text('被拒的身份', 'Refused identities'), description: text('无效令牌、会话、登录等，按种类。', 'Tokens, sessions and sign-ins that were refused, by kind.'), unit: 'short', min: 0, width: 8 },
        series('sum by (kind) (increase(risk_api_authentication_failures_total[1h]))', '{{kind}}'),
      ),
    )
    .withPanel(
      lines(
        { title: text('在场的人', 'Who is here'), description: text('打开的实时流，和每小时登录的人数。', 'Open live streams, and people who signed in within an hour.'), unit: 'short', min: 0, width: 8 },
        series('risk_api_live_streams', '实时流 streams'),
        series('increase(risk_api_sign_ins_total[1h])', '登录 sign-ins'),
      ),
    );
}
