import { Card } from 'antd';
import { useEffect } from 'react';
import { useLocation } from 'react-router';
import { useSpeech } from '../language';
import { Title } from '../parts/small';
import type { Word } from '../words';

/** What is explained, in the order of the pages: the address names the topic. */
const TOPICS: { topic: string; title: Word; text: Word }[] = [
  { topic: 'level', title: 'grade.level', text: 'help.level' },
  { topic: 'probability', title: 'grade.probability', text: 'help.probability' },
  { topic: 'interval', title: 'grade.interval', text: 'help.interval' },
  { topic: 'points', title: 'subject.waterfall', text: 'help.points' },
  { topic: 'history', title: 'subject.history', text: 'help.history' },
  { topic: 'evidence', title: 'subject.own', text: 'help.evidence' },
  { topic: 'counterfactual', title: 'subject.counterfactual', text: 'help.counterfactual' },
  { topic: 'burden', title: 'subject.burden', text: 'help.burden' },
  { topic: 'heat', title: 'heat.title', text: 'help.heat' },
  { topic: 'goal', title: 'goal.title', text: 'help.goal' },
  { topic: 'change', title: 'change.title', text: 'help.change' },
  { topic: 'design', title: 'rates.title', text: 'help.design' },
  { topic: 'effect', title: 'effect.title', text: 'help.effect' },
  { topic: 'finds', title: 'plan.expected', text: 'help.finds' },
  { topic: 'results', title: 'plan.results', text: 'help.results' },
  { topic: 'curve', title: 'plan.curve', text: 'help.curve' },
  { topic: 'prices', title: 'plan.prices', text: 'help.prices' },
  { topic: 'precision', title: 'plan.precision', text: 'help.precision' },
  { topic: 'draw', title: 'plan.draw', text: 'help.draw' },
  { topic: 'method', title: 'observers.methods', text: 'help.method' },
  { topic: 'mark', title: 'policy.marks', text: 'mark' },
];

export default function Help() {
  const { t } = useSpeech();
  const { hash } = useLocation();
  useEffect(() => {
    const topic = document.getElementById(hash.slice(1));
    topic?.scrollIntoView();
    topic?.focus();
  }, [hash]);
  return (
    <>
      <Title title={t('nav.help')} lead={t('help.lead')} />
      {TOPICS.map(({ topic, title, text }) => (
        <Card key={topic} size="small" style={{ marginBottom: 12 }} title={<h3 id={topic} tabIndex={-1} style={{ margin: 0, fontSize: 15 }}>{t(title)}</h3>}>
          <p style={{ margin: 0, maxWidth: '80ch' }}>{t(text)}</p>
        </Card>
      ))}
    </>
  );
}
